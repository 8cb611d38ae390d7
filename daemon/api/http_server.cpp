#include "daemon/api/http_server.h"

#include "common/log/log.h"
#include "daemon/api/codec.h"
#include "daemon/api/http_connection.h"
#include "daemon/api/long_answers.h"
#include "daemon/api/peer.h"
#include "daemon/api/router.h"

#include <exception>
#include <list>
#include <optional>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace agp::api {
namespace {

namespace asio = boost::asio;

using Socket = HttpConnection::Socket;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

union SocketName {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  sockaddr_storage storage;
};

std::optional<std::uint16_t> tcp_port(int fd) {
  SocketName name{};
  socklen_t size = sizeof name;
  if (::getsockname(fd, &name.any, &size) != 0) {
    return std::nullopt;
  }
  switch (name.any.sa_family) {
    case AF_INET:
      return ntohs(name.v4.sin_port);
    case AF_INET6:
      return ntohs(name.v6.sin6_port);
    default:
      return std::nullopt;
  }
}

// A Unix socket has no address: whoever is behind it counts as one.
std::string peer_address(int fd) {
  constexpr std::size_t kNetwork = 8;  // who has one address of an IPv6 network has them all
  SocketName name{};
  socklen_t size = sizeof name;
  const bool is_known = ::getpeername(fd, &name.any, &size) == 0;
  if (is_known && name.any.sa_family == AF_INET) {
    return {reinterpret_cast<const char*>(&name.v4.sin_addr), sizeof name.v4.sin_addr};
  }
  if (is_known && name.any.sa_family == AF_INET6) {
    return {reinterpret_cast<const char*>(&name.v6.sin6_addr), kNetwork};
  }
  return {};
}

FailedCallers::Reason reason_of(Visibility::Access access) {
  switch (access) {
    case Visibility::Access::unknown_key:
      return FailedCallers::Reason::unknown_key;
    case Visibility::Access::refused:
      return FailedCallers::Reason::refused;
    case Visibility::Access::granted:
    case Visibility::Access::unidentified:
      break;
  }
  return FailedCallers::Reason::unidentified;
}

int family_of(int fd) {
  int family = AF_UNIX;
  socklen_t size = sizeof family;
  (void)::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
  return family;
}

Response refused(const ApiError& refusal, const Route& route) {
  auto response = error_response(refusal, route.openai_shape);
  if (!route.allow.empty()) {
    response.headers.emplace_back("Allow", route.allow);
  }
  if (refusal.status == 401) {
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
  }
  return response;
}

// The last net for what a coroutine throws: a bug, which ends that connection and no other.
void log_bug(std::exception_ptr thrown) {
  if (!thrown) {
    return;
  }
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    log::err("bug: API connection ended by an exception", {{"ERROR", error.what()}});
  } catch (...) {
    log::err("bug: API connection ended by an exception");
  }
}

}  // namespace

// Accepted connections are detached from the listeners' loops, so what they share lives until the
// last of them has ended.
struct HttpServer::Impl {
  using Connection = HttpConnection;
  struct Listener {
    explicit Listener(asio::posix::stream_descriptor s) : socket(std::move(s)) {}
    asio::posix::stream_descriptor socket;
    std::optional<std::uint16_t> port;
    int family = AF_UNIX;
  };
  using Self = std::shared_ptr<Impl>;

  Impl(asio::io_context* context, asio::thread_pool* workers)
      : io(context), pool(workers), room(*context) {}

  asio::io_context* io;
  asio::thread_pool* pool;
  ServerPorts ports;
  ServerLimits limits;
  std::vector<std::string> extra_hosts;
  std::list<Listener> listeners;
  std::list<Connection*> open;
  asio::steady_timer room;  // cancelled whenever a connection ends
  std::shared_ptr<LongAnswers> long_answers;
  std::shared_ptr<TurnAnswers> turn_answers;
  FailedCallers failed_callers;
  bool stopped = false;

  static asio::awaitable<void> accept_loop(Self self, Listener* listener);
  static asio::awaitable<void> serve(Self self, std::unique_ptr<Connection> connection);
  static asio::awaitable<bool> serve_one(Impl* self, Connection* connection);
  static asio::awaitable<void> linger(Impl* self, Connection* connection);
  static asio::awaitable<bool> read_some(Connection* connection);
  static asio::awaitable<bool> read_head(Impl* self, Connection* connection);
  static asio::awaitable<bool> read_body(Impl* self, Connection* connection);
  static asio::awaitable<bool> send(Impl* self, Connection* connection, std::string octets);
  static asio::awaitable<bool> answer(Impl* self,
                                      Connection* connection,
                                      Step step,
                                      LongAnswers::Manner manner);
  static asio::awaitable<Response> perform(Impl* self, Step step);
  static asio::awaitable<Response> perform_login(Impl* self, LoginJob job);
  static asio::awaitable<Response> metrics_job(Scrape scrape,
                                               StatusReport report,
                                               metrics::Report usage);
  static asio::awaitable<Response> ledger_job(ledger::Ledger* ledger, LedgerJob job);
  Response refuse_caller(const std::string& peer, Visibility::Access access, const Route& route);
  void start_connection(const Self& self, UniqueFd fd, const Listener& listener);
};

HttpServer::HttpServer(asio::io_context* io,
                       asio::thread_pool* pool,
                       ServerPorts ports,
                       ServerLimits limits,
                       std::vector<std::string> extra_hosts)
    : impl_(std::make_shared<Impl>(io, pool)) {
  impl_->ports = std::move(ports);
  impl_->limits = limits;
  impl_->failed_callers = FailedCallers(limits.failed_callers);
  impl_->extra_hosts = std::move(extra_hosts);
  if (!impl_->ports.peer) {
    impl_->ports.peer = peer_uid;
  }
  impl_->long_answers =
      LongAnswers::create({io, pool, impl_->ports.ledger}, impl_->limits.long_answers);
  TurnAnswers::Ports turns;
  turns.io = io;
  turns.pool = pool;
  turns.ledger = impl_->ports.ledger;
  turns.turns = impl_->ports.turns;
  turns.seal = impl_->ports.seal;
  turns.now = impl_->ports.now;
  impl_->turn_answers = TurnAnswers::create(std::move(turns), impl_->limits.turns);
}

HttpServer::~HttpServer() {
  stop();
}

Result<> HttpServer::listen(UniqueFd listener) {
  const int fd = listener.get();
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return errno_error("prepare API socket");
  }
  asio::posix::stream_descriptor socket(*impl_->io);
  boost::system::error_code error;
  (void)socket.assign(fd, error);  // the same value comes back and in `error`
  if (error) {
    return Error{error, "watch API socket"};
  }
  (void)listener.release();  // the descriptor owns it now
  auto& added = impl_->listeners.emplace_back(std::move(socket));
  added.port = tcp_port(fd);
  added.family = family_of(fd);
  asio::co_spawn(*impl_->io, Impl::accept_loop(impl_, &added), log_bug);
  return {};
}

const FailedCallers::Counts& HttpServer::failed_callers() const {
  return impl_->failed_callers.counts();
}

void HttpServer::drain(std::function<void()> when_ended) {
  impl_->turn_answers->drain(std::move(when_ended));
}

void HttpServer::stop(std::function<void()> when_told) {
  impl_->stopped = true;
  boost::system::error_code ignored;
  for (auto& listener : impl_->listeners) {
    (void)listener.socket.close(ignored);
  }
  for (auto* connection : impl_->open) {
    if (connection->wake == nullptr) {
      connection->close();
    } else {
      connection->hurry(impl_->limits.linger_deadline);
    }
  }
  impl_->room.cancel();
  // The others say goodbye; whoever asked is told once both kinds have.
  const auto tell = [left = std::make_shared<int>(2), when_told = std::move(when_told)] {
    if (--*left == 0 && when_told) {
      when_told();
    }
  };
  impl_->turn_answers->stop(tell);
  impl_->long_answers->stop(tell);
}

asio::awaitable<void> HttpServer::Impl::accept_loop(Self self, Listener* listener) {
  while (!self->stopped) {
    if (self->open.size() >= self->limits.connections) {
      self->room.expires_at(asio::steady_timer::time_point::max());
      (void)co_await self->room.async_wait(kTuple);  // woken by cancel: nothing to look at
      continue;
    }
    auto [waited] =
        co_await listener->socket.async_wait(asio::posix::stream_descriptor::wait_read, kTuple);
    if (waited) {
      co_return;
    }
    UniqueFd fd(::accept4(listener->socket.native_handle(), nullptr, nullptr,
                          SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.is_open()) {
      self->start_connection(self, std::move(fd), *listener);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      log::warning("API connection not accepted, trying again", {{"ERROR", errno_error("accept")}});
      asio::steady_timer pause(*self->io, std::chrono::seconds(1));
      (void)co_await pause.async_wait(kTuple);  // cancelled or not, look again
    }
  }
}

void HttpServer::Impl::start_connection(const Self& self, UniqueFd fd, const Listener& listener) {
  const auto uid = ports.peer(fd.get());
  Socket socket(*io);
  boost::system::error_code error;
  (void)socket.assign({listener.family, 0}, fd.get(), error);  // the same value is in `error`
  if (error) {
    log::warning("API connection dropped", {{"ERROR", Error(error, "watch connection")}});
    return;
  }
  (void)fd.release();  // the socket owns it now
  auto connection =
      std::make_unique<Connection>(std::move(socket), io, limits.head_bytes, limits.body_bytes);
  connection->door = {listener.port, extra_hosts};
  connection->peer = peer_address(connection->socket->native_handle());
  if (uid) {
    connection->uid = *uid;
  } else {
    log::debug("API caller not identified", {{"ERROR", uid.error()}});
  }
  open.push_back(connection.get());
  asio::co_spawn(*io, serve(self, std::move(connection)), log_bug);
}

// Nobody is kept waiting, which would take connections from others: who fails too fast gets another
// answer, and it has no reason in it. What is right is never looked at here.
Response HttpServer::Impl::refuse_caller(const std::string& peer,
                                         Visibility::Access access,
                                         const Route& route) {
  const auto pause =
      failed_callers.on_failure(peer, reason_of(access), std::chrono::steady_clock::now());
  if (pause.count() == 0) {
    return refused(*route.refusal, route);
  }
  auto response = error_response(too_many_failures(), route.openai_shape);
  response.headers.emplace_back("Retry-After", std::to_string(pause.count()));
  response.headers.emplace_back("X-Should-Retry", "false");  // the same key will be no better
  return response;
}

asio::awaitable<void> HttpServer::Impl::serve(Self self, std::unique_ptr<Connection> connection) {
  bool goes_on = true;
  while (goes_on && !self->stopped) {
    goes_on = co_await serve_one(self.get(), connection.get());
  }
  if (self->stopped) {
    connection->close();
  } else {
    co_await linger(self.get(), connection.get());
  }
  self->open.remove(connection.get());
  self->room.cancel();
}

// One request and its answer; false when the connection is at its end.
asio::awaitable<bool> HttpServer::Impl::serve_one(Impl* self, Connection* connection) {
  auto& reader = connection->reader;
  const bool has_head = co_await read_head(self, connection);
  if (!has_head) {
    co_return false;
  }
  Request request = reader.head();
  const auto target = parse_target(reader.target());
  const Visibility who =
      identify(request, connection->uid, self->ports.visibility, self->ports.key_holder);
  auto refusal = refuse_head(request, connection->door);
  Route route;
  if (!refusal && !target) {
    refusal = ApiError{400, "invalid_request_error", "bad_target", "the path is not valid", "", ""};
  }
  if (!refusal) {
    request.path = target->path;
    request.query = target->query;
    route = route_head(request, who);
    refusal = route.refusal;
  }
  if (!refusal && route.wants_body) {
    const bool has_body = co_await read_body(self, connection);
    if (!has_body) {
      co_return false;
    }
    request.body = reader.take_body();
  }
  LongAnswers::Manner manner;
  manner.chunked = reader.knows_chunks();
  manner.head_only = request.method == "HEAD";
  // A body that nobody has read would be taken for the next request.
  manner.keep_alive =
      reader.wants_keep_alive() && reader.advance() == RequestReader::Progress::complete;
  Step step = Response{};
  if (refusal && route.is_caller_refused) {
    step = self->refuse_caller(connection->peer, who.access, route);
    manner.keep_alive = false;  // the next attempt costs a connection
  } else if (refusal) {
    step = refused(*refusal, route);
  } else {
    connection->timer.cancel();
    step = handle(request, who, self->ports.now());
  }
  const bool goes_on = co_await answer(self, connection, std::move(step), manner);
  reader.next();
  co_return goes_on;
}

// False when the connection is at its end.
asio::awaitable<bool> HttpServer::Impl::answer(Impl* self,
                                               Connection* connection,
                                               Step step,
                                               LongAnswers::Manner manner) {
  if (auto* job = std::get_if<ExportJob>(&step)) {
    auto answers = self->long_answers;
    const auto format = job->question.format;
    RecordExport records(std::move(job->question), self->ports.now());
    co_return co_await LongAnswers::send_export(std::move(answers), connection, std::move(records),
                                                format, manner);
  }
  if (auto* job = std::get_if<StreamJob>(&step)) {
    auto answers = self->long_answers;
    co_return co_await LongAnswers::send_stream(std::move(answers), connection,
                                                std::move(job->question), manner);
  }
  if (auto* job = std::get_if<TurnJob>(&step)) {
    auto answers = self->turn_answers;
    co_return co_await TurnAnswers::send(std::move(answers), connection, std::move(*job), manner);
  }
  const auto response = co_await perform(self, std::move(step));
  auto octets = to_octets(response, manner.keep_alive, manner.head_only);
  const bool sent = co_await send(self, connection, std::move(octets));
  co_return sent&& manner.keep_alive;
}

// Closing with unread input would reset the connection and take the answer with it, so the client
// gets a moment to read it and to stop sending. Source: RFC 9112, section 9.6.
asio::awaitable<void> HttpServer::Impl::linger(Impl* self, Connection* connection) {
  boost::system::error_code failed;
  (void)connection->socket->shutdown(asio::socket_base::shutdown_send, failed);  // also in `failed`
  connection->arm(self->limits.linger_deadline);
  while (!failed) {
    const auto space = asio::buffer(connection->chunk);
    auto [error, size] = co_await connection->socket->async_read_some(space, kTuple);
    (void)size;  // thrown away
    failed = error;
  }
  connection->close();
}

asio::awaitable<bool> HttpServer::Impl::read_some(Connection* connection) {
  const auto space = asio::buffer(connection->chunk);
  auto [error, size] = co_await connection->socket->async_read_some(space, kTuple);
  if (error) {
    co_return false;
  }
  connection->reader.feed(Bytes(connection->chunk.data(), size));
  co_return true;
}

asio::awaitable<bool> HttpServer::Impl::read_head(Impl* self, Connection* connection) {
  auto& reader = connection->reader;
  if (!reader.has_leftover()) {
    connection->arm(self->limits.idle_deadline);
    const bool began = co_await read_some(connection);
    if (!began) {
      co_return false;
    }
  }
  connection->arm(self->limits.head_deadline);
  auto progress = reader.advance();
  while (progress == RequestReader::Progress::needs_more) {
    const bool more = co_await read_some(connection);
    if (!more) {
      co_return false;
    }
    progress = reader.advance();
  }
  if (progress == RequestReader::Progress::failed) {
    auto octets = to_octets(error_response(reader.failure()), false);
    (void)co_await send(self, connection, std::move(octets));  // closing anyway
    co_return false;
  }
  co_return true;
}

asio::awaitable<bool> HttpServer::Impl::read_body(Impl* self, Connection* connection) {
  auto& reader = connection->reader;
  reader.read_body();
  auto progress = reader.advance();
  if (progress == RequestReader::Progress::needs_more && reader.expects_continue()) {
    std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const bool sent = co_await send(self, connection, std::move(go_on));
    if (!sent) {
      co_return false;
    }
  }
  connection->arm(self->limits.body_deadline);
  while (progress == RequestReader::Progress::needs_more) {
    const bool more = co_await read_some(connection);
    if (!more) {
      co_return false;
    }
    progress = reader.advance();
  }
  if (progress == RequestReader::Progress::failed) {
    auto octets = to_octets(error_response(reader.failure(), true), false);
    (void)co_await send(self, connection, std::move(octets));  // closing anyway
    co_return false;
  }
  co_return true;
}

asio::awaitable<bool> HttpServer::Impl::send(Impl* self,
                                             Connection* connection,
                                             std::string octets) {
  return HttpConnection::send(connection, std::move(octets), self->limits.idle_deadline);
}

asio::awaitable<Response> HttpServer::Impl::perform(Impl* self, Step step) {
  if (auto* response = std::get_if<Response>(&step)) {
    co_return std::move(*response);
  }
  if (auto* job = std::get_if<LedgerJob>(&step)) {
    auto task = ledger_job(self->ports.ledger, std::move(*job));
    co_return co_await asio::co_spawn(self->pool->get_executor(), std::move(task),
                                      asio::use_awaitable);
  }
  if (auto* job = std::get_if<StatusJob>(&step)) {
    const StatusReport report = self->ports.status();
    co_return job->render(report);
  }
  if (auto* job = std::get_if<MetricsJob>(&step)) {
    auto usage = self->ports.metrics ? self->ports.metrics() : metrics::Report{};
    auto rendering = metrics_job(job->scrape, self->ports.status(), std::move(usage));
    co_return co_await asio::co_spawn(self->pool->get_executor(), std::move(rendering),
                                      asio::use_awaitable);
  }
  auto asked = std::get<LoginJob>(std::move(step));
  co_return co_await perform_login(self, std::move(asked));
}

asio::awaitable<Response> HttpServer::Impl::perform_login(Impl* self, LoginJob job) {
  auto* logins = self->ports.logins;
  const bool is_models = job.about == LoginJob::About::models;
  if (logins == nullptr) {
    co_return answer_document(no_language_server(), is_models);
  }
  switch (job.about) {
    case LoginJob::About::quota: {
      const auto answer = co_await logins->quota();
      co_return answer_document(quota_document(answer, job.who, self->ports.now()), false);
    }
    case LoginJob::About::models: {
      const auto answer = co_await logins->models();
      co_return answer_document(models_document(answer, job.who, job.model), true);
    }
    case LoginJob::About::sessions:
      break;
  }
  co_return answer_document(sessions_document(logins->sessions(), job.who, self->ports.now()),
                            false);
}

// A page may have a megabyte: others on the control worker do not wait for it.
asio::awaitable<Response> HttpServer::Impl::metrics_job(Scrape scrape,
                                                        StatusReport report,
                                                        metrics::Report usage) {
  co_return answer_metrics(scrape, report, usage);
}

asio::awaitable<Response> HttpServer::Impl::ledger_job(ledger::Ledger* ledger, LedgerJob job) {
  co_return job.run(*ledger);
}

}  // namespace agp::api
