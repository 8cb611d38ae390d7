#include "daemon/bus/helper_client.h"

#include "common/bus/call.h"
#include "helper1_proxy.h"

#include <map>
#include <tuple>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>

namespace agp::bus {
namespace {

namespace asio = boost::asio;

constexpr char kName[] = "org.antigravityproxy.Helper1";
constexpr char kPath[] = "/org/antigravityproxy/Helper1";
constexpr char kInterface[] = "org.antigravityproxy.Helper1";
constexpr std::chrono::seconds kLimit{30};

using Dictionary = std::map<std::string, sdbus::Variant>;
using ServerRow = sdbus::Struct<std::string, std::string, std::string>;
using BinaryRow = sdbus::Struct<std::uint32_t, std::string, bool, std::string>;
using PortsRow = sdbus::Struct<std::uint16_t, std::uint16_t>;

/// Keys that are missing keep their empty value: a helper of another version may have fewer.
template <class T>
T value_of(const Dictionary& dictionary, const char* key) {
  const auto found = dictionary.find(key);
  return found == dictionary.end() ? T{} : found->second.get<T>();
}

HelperStatus to_status(const Dictionary& d) {
  HelperStatus status;
  status.version = value_of<std::string>(d, "version");
  status.redirect_ipv4 = value_of<std::string>(d, "redirect_ipv4");
  status.redirect_ipv6 = value_of<std::string>(d, "redirect_ipv6");
  status.bundle_path = value_of<std::string>(d, "bundle_path");
  status.bundle_sha256 = value_of<std::string>(d, "bundle_sha256");
  status.bundle_not_after = value_of<std::int64_t>(d, "bundle_not_after");
  for (const auto& row : value_of<std::vector<ServerRow>>(d, "language_servers")) {
    status.language_servers.push_back({std::get<0>(row), std::get<1>(row), std::get<2>(row)});
  }
  for (const auto& row : value_of<std::vector<BinaryRow>>(d, "binaries")) {
    status.binaries.push_back(
        {std::get<0>(row), std::get<1>(row), std::get<2>(row), std::get<3>(row)});
  }
  const auto ports = value_of<PortsRow>(d, "ports");
  status.first_port = std::get<0>(ports);
  status.last_port = std::get<1>(ports);
  status.egress = value_of<std::string>(d, "egress");
  status.egress_guard = value_of<std::string>(d, "egress_guard");
  status.repairs = value_of<std::uint64_t>(d, "repairs");
  status.last_repair = value_of<std::int64_t>(d, "last_repair");
  status.last_lost = value_of<std::vector<std::string>>(d, "last_lost");
  status.watching = value_of<std::string>(d, "watching");
  status.firewall_backend = value_of<std::string>(d, "firewall_backend");
  status.firewall_reason = value_of<std::string>(d, "firewall_reason");
  status.limits = value_of<std::string>(d, "limits");
  status.problems = value_of<std::vector<std::string>>(d, "problems");
  return status;
}

/// The helper serves two calls of one sender at a time and refuses more; the others wait here.
class Gate : public std::enable_shared_from_this<Gate> {
 public:
  explicit Gate(const asio::any_io_executor& executor)
      : left_(executor, asio::steady_timer::time_point::max()) {}

  /// @return a place, held until the value dies.
  asio::awaitable<Result<std::shared_ptr<void>>> enter() {
    const auto self = shared_from_this();
    while (!self->closed_ && self->inside_ >= kCallsAtATime) {
      const auto token = asio::as_tuple(asio::use_awaitable);
      (void)co_await self->left_.async_wait(token);  // it ends by being cancelled, each time
    }
    if (self->closed_) {
      co_return Error(Errc::disconnected, "the connection to the helper was closed");
    }
    ++self->inside_;
    const std::shared_ptr<void> place(nullptr, [self](void*) { self->leave(); });
    co_return place;
  }

  void close() {
    closed_ = true;
    left_.cancel();
  }

 private:
  static constexpr std::size_t kCallsAtATime = 2;

  void leave() {
    --inside_;
    left_.cancel_one();
  }

  asio::steady_timer left_;  // never expires
  std::size_t inside_ = 0;
  bool closed_ = false;
};

class Signals final : public sdbus::ProxyInterfaces<org::antigravityproxy::Helper1_proxy> {
 public:
  Signals(sdbus::IConnection& connection, HelperEvents* events)
      : ProxyInterfaces(connection, compat::ServiceName(kName), compat::ObjectPath(kPath)),
        events_(events) {
    registerProxy();
  }
  ~Signals() { unregisterProxy(); }

  sdbus::IProxy& proxy() { return getProxy(); }

 private:
  void onRedirectChanged(const bool& active) override {
    if (events_->redirect_changed) {
      events_->redirect_changed(active);
    }
  }
  void onRedirectRepaired(const std::vector<std::string>& lost,
                          const bool& servers_stopped) override {
    if (events_->redirect_repaired) {
      events_->redirect_repaired(lost, servers_stopped);
    }
  }
  void onTrustBundleChanged(const std::string& sha256) override {
    if (events_->trust_bundle_changed) {
      events_->trust_bundle_changed(sha256);
    }
  }
  void onLanguageServerExited(const std::string& id,
                              const std::string& result,
                              const std::int32_t& status) override {
    if (events_->language_server_exited) {
      events_->language_server_exited(id, result, status);
    }
  }

  HelperEvents* events_;
};

}  // namespace

struct HelperClient::Impl {
  Impl(Connection* c, HelperEvents e)
      : connection(c),
        events(std::move(e)),
        signals(c->raw(), &events),
        gate(std::make_shared<Gate>(c->executor())) {
    daemon = sdbus::createProxy(connection->raw(), compat::ServiceName("org.freedesktop.DBus"),
                                compat::ObjectPath("/org/freedesktop/DBus"));
    daemon->uponSignal("NameOwnerChanged")
        .onInterface("org.freedesktop.DBus")
        .call([this](const std::string& name, const std::string& from, const std::string& to) {
          if (name == kName && !from.empty() && to.empty() && events.helper_gone) {
            events.helper_gone();
          }
        });
    compat::finish_registration(*daemon);
    connection->kick();
  }

  ~Impl() { gate->close(); }

  template <class... Out, class... In>
  asio::awaitable<Result<std::tuple<Out...>>> call(const char* method, In... arguments) {
    auto waiting = gate->enter();
    auto place = co_await std::move(waiting);
    if (!place) {
      co_return place.error();
    }
    auto asked = bus::call<Out...>(connection, &signals.proxy(), kInterface, method, kLimit,
                                   std::move(arguments)...);
    auto answer = co_await std::move(asked);
    co_return answer;
  }

  Connection* connection;
  HelperEvents events;
  Signals signals;
  std::unique_ptr<sdbus::IProxy> daemon;
  std::shared_ptr<Gate> gate;
};

HelperClient::HelperClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HelperClient::~HelperClient() = default;

Result<std::unique_ptr<HelperClient>> HelperClient::open(Connection* connection,
                                                         HelperEvents events) {
  try {
    return std::unique_ptr<HelperClient>(
        new HelperClient(std::make_unique<Impl>(connection, std::move(events))));
  } catch (const sdbus::Error& error) {
    return Error(code_of(error.getName()), "watching the helper: " + error.getMessage());
  }
}

asio::awaitable<Result<bool>> HelperClient::ensure_redirect() {
  auto asked = impl_->call<bool>("EnsureRedirect");
  auto answer = co_await std::move(asked);
  if (!answer) {
    co_return answer.error();
  }
  co_return std::get<0>(*answer);
}

asio::awaitable<Result<bool>> HelperClient::remove_redirect() {
  auto asked = impl_->call<bool>("RemoveRedirect");
  auto answer = co_await std::move(asked);
  if (!answer) {
    co_return answer.error();
  }
  co_return std::get<0>(*answer);
}

asio::awaitable<Result<HelperBundle>> HelperClient::ensure_trust_bundle(std::string pem) {
  auto asked = impl_->call<std::string, bool>("EnsureTrustBundle", std::move(pem));
  auto answer = co_await std::move(asked);
  if (!answer) {
    co_return answer.error();
  }
  HelperBundle bundle{std::get<0>(*answer), std::get<1>(*answer)};
  co_return bundle;
}

asio::awaitable<Result<HelperServer>> HelperClient::start_language_server(HelperStart request,
                                                                          UniqueFd input,
                                                                          UniqueFd log) {
  const sdbus::UnixFd input_fd(input.release(), sdbus::adopt_fd);
  const sdbus::UnixFd log_fd(log.release(), sdbus::adopt_fd);
  auto asked = impl_->call<std::string, std::string, bool>(
      "LaunchLanguageServer", request.server_port, request.http_port, request.lsp_port,
      request.extension_server_port, request.csrf_token, request.extension_csrf_token,
      request.workspace_id, request.binary_index, input_fd, log_fd);
  auto answer = co_await std::move(asked);
  if (!answer) {
    co_return answer.error();
  }
  HelperServer server{std::get<0>(*answer), std::get<1>(*answer), {}, std::get<2>(*answer)};
  co_return server;
}

asio::awaitable<Result<>> HelperClient::stop_language_server(std::string id) {
  auto asked = impl_->call<>("StopLanguageServer", std::move(id));
  auto answer = co_await std::move(asked);
  if (!answer) {
    co_return answer.error();
  }
  co_return Result<>();
}

asio::awaitable<Result<HelperStatus>> HelperClient::status() {
  auto asked = impl_->call<Dictionary>("Status");
  auto answer = co_await std::move(asked);
  if (!answer) {
    co_return answer.error();
  }
  try {
    auto status = to_status(std::get<0>(*answer));
    co_return status;
  } catch (const sdbus::Error&) {
    co_return Error(Errc::unknown_member, "reading the helper's status: unexpected types");
  }
}

}  // namespace agp::bus
