#include "daemon/bus/daemon_object.h"

#include "common/bus/call.h"
#include "common/bus/compat.h"
#include "common/bus/connection.h"
#include "common/bus/errors.h"
#include "common/bus/polkit.h"
#include "common/log/log.h"
#include "daemon/api/login_api.h"
#include "daemon/api/quota_history.h"
#include "daemon/api/record_export.h"
#include "daemon/api/usage_api.h"
#include "daemon/bus/export_output.h"
#include "daemon/bus/record_dictionary.h"
#include "daemon/bus/state_properties.h"
#include "daemon1_adaptor.h"

#include <chrono>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::daemon_bus {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMaxCalls = 32;
constexpr std::chrono::seconds kBusPatience(5);
constexpr std::chrono::seconds kOrderPatience(45);  // a start is given 30 to answer
constexpr std::chrono::milliseconds kOrderLook(100);
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kMaxExports = 8;              // at the same time, of the calls
constexpr std::chrono::minutes kExportPatience(1);  // for a reader to take anything at all
constexpr std::size_t kMaxQuestion = 32U << 10U;    // octets of host, method and path together

using Totals = std::map<std::string, std::uint64_t>;

Totals to_totals(const ledger::Sums& sums) {
  return {{"calls", sums.calls},
          {"ok", sums.ok},
          {"partial", sums.partial},
          {"errors", sums.errors},
          {"usage_unknown", sums.usage_unknown},
          {"input_total", sums.input_total},
          {"input_uncached", sums.input_uncached},
          {"cached_input", sums.cached_input},
          {"cache_write", sums.cache_write},
          {"tool_use_prompt", sums.tool_use_prompt},
          {"output_total", sums.output_total},
          {"reasoning", sums.reasoning},
          {"total", sums.total},
          {"reasoning_unknown", sums.reasoning_unknown},
          {"unpriced", sums.unpriced}};
}

bus::Errc bus_code(const Error& error) {
  if (error.code.category() == bus::bus_category()) {
    return static_cast<bus::Errc>(error.code.value());
  }
  return error.code == ledger::Errc::invalid_query ? bus::Errc::invalid_args : bus::Errc::failed;
}

// What the caller is told: the context alone where it was written for them.
std::string words_of(const Error& error) {
  return bus::printable(error.code == ledger::Errc::invalid_query ? error.context : error.text());
}

asio::awaitable<Result<ledger::Report>> ask_ledger(ledger::Ledger* ledger, ledger::Query query) {
  co_return ledger->usage(query);
}

asio::awaitable<Result<ledger::Page>> ask_page(ledger::Ledger* ledger, ledger::PageQuery query) {
  co_return ledger->records(query);
}

// A document of the ledger: what parses its question, and what answers it.
template <class Question>
struct LedgerDocument {
  Result<Question> (*parse)(const api::Parameters&, const api::Visibility&, usage::Micros now);
  Result<std::string> (*answer)(ledger::Ledger&, const Question&, usage::Micros now);
};

constexpr LedgerDocument<ledger::QuotaQuery> kQuotaHistory{&api::parse_quota_history_question,
                                                           &api::quota_history_document};
constexpr LedgerDocument<api::WhyQuestion> kWhy{&api::parse_why_question, &api::why_document};

template <class Question>
asio::awaitable<Result<std::string>> ask_document(ledger::Ledger* ledger,
                                                  LedgerDocument<Question> about,
                                                  Question question,
                                                  usage::Micros now) {
  co_return about.answer(*ledger, question, now);
}

// The caller waits and owns what the pointers point to.
asio::awaitable<Result<std::optional<std::string>>> ask_piece(ledger::Ledger* ledger,
                                                              api::RecordExport* records) {
  co_return records->next(*ledger);
}

}  // namespace

class DaemonObject::Object final
    : public sdbus::AdaptorInterfaces<org::antigravityproxy::Daemon1_adaptor>,
      public std::enable_shared_from_this<Object> {
  // Shared because calls and records in flight may outlast the owner: they then find it closed.
 public:
  Object(bus::Connection* connection, DaemonPorts ports)
      : AdaptorInterfaces(connection->raw(), bus::compat::ObjectPath(kObjectPath)),
        connection_(connection),
        ports_(std::move(ports)),
        bus_daemon_(sdbus::createProxy(connection->raw(),
                                       bus::compat::ServiceName("org.freedesktop.DBus"),
                                       bus::compat::ObjectPath("/org/freedesktop/DBus"))),
        authority_(
            std::make_unique<bus::Authority>(connection, bus::Authority::Interaction::allowed)) {
    registerAdaptor();
  }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  Object(Object&&) = delete;
  Object& operator=(Object&&) = delete;
  ~Object() { unregisterAdaptor(); }

  void listen() {
    ports_.ledger->subscribe(
        [weak = weak_from_this(), executor = connection_->executor()](const usage::Record& record) {
          asio::post(executor, [weak, record] {
            if (const auto self = weak.lock()) {
              self->announce(record);
            }
          });
        });
  }

  void end_exports() {
    is_ending_ = true;
    for (auto* output : outputs_) {
      output->cancel();
    }
  }

  // A proxy takes the handlers of its open calls along, these the coroutines that wait for them,
  // and these their share of this object.
  void close() {
    authority_.reset();
    bus_daemon_.reset();
  }

  void tell_changes() {
    auto now = properties_of(ports_.status());
    const auto names = changed_properties(std::exchange(told_, now), now);
    if (names.empty()) {
      return;
    }
    std::vector<bus::compat::PropertyName> changed;
    for (const auto& name : names) {
      changed.emplace_back(name);
    }
    try {
      getObject().emitPropertiesChangedSignal(INTERFACE_NAME, changed);
      connection_->kick();
    } catch (const sdbus::Error& error) {
      log::warning("bus signal not sent", {{"ERROR", error.what()}});
    }
  }

  void announce_refused_certificate(const std::string& host, std::uint64_t count) {
    try {
      emitClientRefusedCertificate(host, count);
      connection_->kick();
    } catch (const sdbus::Error& error) {
      log::warning("bus signal not sent", {{"ERROR", error.what()}});
    }
  }

 private:
  void announce(const usage::Record& record) {
    try {
      emitUsageRecorded(to_dictionary(record));
      connection_->kick();
    } catch (const sdbus::Error& error) {
      log::warning("bus signal not sent", {{"ERROR", error.what()}});
    }
  }

  // The sender is read here, before the first suspension: afterwards the message is gone.
  template <class Reply, class Start>
  void accept(Reply&& reply, Start start) {
    if (calls_ >= kMaxCalls) {
      refuse(reply, Error(bus::Errc::limits_exceeded, "too many calls at the same time"));
      return;
    }
    ++calls_;
    auto sender = bus::compat::sender_of(getObject());
    asio::co_spawn(connection_->executor(),
                   start(shared_from_this(), std::move(sender), std::forward<Reply>(reply)),
                   [self = shared_from_this()](std::exception_ptr bug) {
                     --self->calls_;
                     if (bug) {
                       log::err("bug: a bus call ended with an exception");
                     }
                     self->connection_->kick();
                   });
  }

  template <class Reply>
  static void refuse(const Reply& reply, const Error& error) {
    reply.returnError(bus::compat::make_error(bus::error_name(bus_code(error)), words_of(error)));
  }

  asio::awaitable<Result<api::Visibility>> identify(std::string sender) {
    auto uid =
        co_await bus::call<std::uint32_t>(connection_, bus_daemon_.get(), "org.freedesktop.DBus",
                                          "GetConnectionUnixUser", kBusPatience, std::move(sender));
    auto who = uid ? ports_.visibility.of(std::get<0>(*uid)) : api::Visibility();
    if (who.access == api::Visibility::Access::unidentified) {
      co_return Error(bus::Errc::access_denied, "it could not be told which user is calling");
    }
    if (who.access != api::Visibility::Access::granted) {
      co_return Error(bus::Errc::access_denied, "this account has no access to usage");
    }
    co_return who;
  }

  asio::awaitable<Result<ledger::Report>> on_pool(ledger::Query query) {
    auto task = ask_ledger(ports_.ledger, std::move(query));
    co_return co_await asio::co_spawn(ports_.pool->get_executor(), std::move(task),
                                      asio::use_awaitable);
  }

  void Usage(sdbus::Result<std::string>&& reply,
             std::map<std::string, std::string> query) override {
    accept(std::move(reply),
           [query = std::move(query)](std::shared_ptr<Object> self, std::string sender, auto r) {
             api::Parameters parameters(query.begin(), query.end());
             return self->usage(std::move(sender), std::move(r), std::move(parameters));
           });
  }

  asio::awaitable<void> usage(std::string sender,
                              sdbus::Result<std::string> reply,
                              api::Parameters parameters) {
    auto who = co_await identify(std::move(sender));
    if (!who) {
      co_return refuse(reply, who.error());
    }
    const auto now = ports_.now();
    auto question = api::parse_usage_question(parameters, *who, now);
    if (!question) {
      co_return refuse(reply, question.error());
    }
    ledger::Query query = question->query;
    auto report = co_await on_pool(std::move(query));
    if (!report) {
      co_return refuse(reply, report.error());
    }
    reply.returnResults(api::render_usage(*report, *question, now));
  }

  void Records(sdbus::Result<std::string>&& reply,
               std::map<std::string, std::string> query) override {
    accept(std::move(reply),
           [query = std::move(query)](std::shared_ptr<Object> self, std::string sender, auto r) {
             api::Parameters parameters(query.begin(), query.end());
             return self->records(std::move(sender), std::move(r), std::move(parameters));
           });
  }

  asio::awaitable<void> records(std::string sender,
                                sdbus::Result<std::string> reply,
                                api::Parameters parameters) {
    auto who = co_await identify(std::move(sender));
    if (!who) {
      co_return refuse(reply, who.error());
    }
    const auto now = ports_.now();
    auto query = api::parse_records_question(parameters, *who, now);
    if (!query) {
      co_return refuse(reply, query.error());
    }
    auto task = ask_page(ports_.ledger, std::move(*query));
    auto page =
        co_await asio::co_spawn(ports_.pool->get_executor(), std::move(task), asio::use_awaitable);
    if (!page) {
      co_return refuse(reply, page.error());
    }
    reply.returnResults(api::render_records(*page, now));
  }

  void QuotaHistory(sdbus::Result<std::string>&& reply,
                    std::map<std::string, std::string> query) override {
    accept_document(std::move(reply), std::move(query), kQuotaHistory);
  }
  void Why(sdbus::Result<std::string>&& reply, std::map<std::string, std::string> query) override {
    accept_document(std::move(reply), std::move(query), kWhy);
  }

  template <class Question>
  void accept_document(sdbus::Result<std::string>&& reply,
                       std::map<std::string, std::string> query,
                       LedgerDocument<Question> about) {
    accept(std::move(reply), [about, query = std::move(query)](std::shared_ptr<Object> self,
                                                               std::string sender, auto r) {
      api::Parameters parameters(query.begin(), query.end());
      return self->document(std::move(sender), std::move(r), std::move(parameters), about);
    });
  }

  template <class Question>
  asio::awaitable<void> document(std::string sender,
                                 sdbus::Result<std::string> reply,
                                 api::Parameters parameters,
                                 LedgerDocument<Question> about) {
    auto who = co_await identify(std::move(sender));
    if (!who) {
      co_return refuse(reply, who.error());
    }
    const auto now = ports_.now();
    auto question = about.parse(parameters, *who, now);
    if (!question) {
      co_return refuse(reply, question.error());
    }
    auto task = ask_document(ports_.ledger, about, std::move(*question), now);
    auto made =
        co_await asio::co_spawn(ports_.pool->get_executor(), std::move(task), asio::use_awaitable);
    if (!made) {
      co_return refuse(reply, made.error());
    }
    reply.returnResults(*made);
  }

  void Export(sdbus::Result<std::uint64_t>&& reply,
              std::map<std::string, std::string> query,
              sdbus::UnixFd into) override {
    accept(std::move(reply), [query = std::move(query), fd = UniqueFd(into.release())](
                                 std::shared_ptr<Object> self, std::string sender, auto r) mutable {
      api::Parameters parameters(query.begin(), query.end());
      return self->export_records(std::move(sender), std::move(r), std::move(parameters),
                                  std::move(fd));
    });
  }

  asio::awaitable<void> export_records(std::string sender,
                                       sdbus::Result<std::uint64_t> reply,
                                       api::Parameters parameters,
                                       UniqueFd into) {
    auto who = co_await identify(std::move(sender));
    if (!who) {
      co_return refuse(reply, who.error());
    }
    const auto now = ports_.now();
    auto question = api::parse_export_question(parameters, *who, now);
    if (!question) {
      co_return refuse(reply, question.error());
    }
    auto output = ExportOutput::take(connection_->executor(), std::move(into));
    if (!output) {
      co_return refuse(reply, output.error());
    }
    if (outputs_.size() >= kMaxExports) {
      co_return refuse(reply,
                       Error(bus::Errc::limits_exceeded, "too many exports at the same time"));
    }
    api::RecordExport records(std::move(*question), now);
    outputs_.push_back(output->get());
    auto written = co_await write_all(&records, output->get());
    outputs_.remove(output->get());
    output->reset();  // the reader sees the end of the data before the answer
    if (!written) {
      co_return refuse(reply, written.error());
    }
    reply.returnResults(records.records());
  }

  asio::awaitable<Result<>> write_all(api::RecordExport* records, ExportOutput* output) {
    while (!is_ending_) {
      auto task = ask_piece(ports_.ledger, records);
      auto piece = co_await asio::co_spawn(ports_.pool->get_executor(), std::move(task),
                                           asio::use_awaitable);
      if (!piece) {
        co_return piece.error();
      }
      if (!*piece) {
        co_return Result<>();
      }
      auto octets = std::move(**piece);
      auto written = co_await ExportOutput::write(output, std::move(octets), kExportPatience);
      if (!written) {
        co_return written;
      }
    }
    co_return Error(asio::error::operation_aborted, "the service stops");
  }

  void Totals(sdbus::Result<std::map<std::string, std::uint64_t>>&& reply) override {
    accept(std::move(reply), [](std::shared_ptr<Object> self, std::string sender, auto r) {
      return self->totals(std::move(sender), std::move(r));
    });
  }

  asio::awaitable<void> totals(std::string sender,
                               sdbus::Result<std::map<std::string, std::uint64_t>> reply) {
    auto who = co_await identify(std::move(sender));
    if (!who) {
      co_return refuse(reply, who.error());
    }
    ledger::Query query;
    query.filter.owners = who->uids;
    auto report = co_await on_pool(std::move(query));
    if (!report) {
      co_return refuse(reply, report.error());
    }
    reply.returnResults(to_totals(report->totals));
  }

  void Status(sdbus::Result<std::string>&& reply) override {
    accept(std::move(reply), [](std::shared_ptr<Object> self, std::string sender, auto r) {
      return self->status(std::move(sender), std::move(r));
    });
  }

  asio::awaitable<void> status(std::string sender, sdbus::Result<std::string> reply) {
    auto who = co_await identify(std::move(sender));
    if (!who) {
      co_return refuse(reply, who.error());
    }
    reply.returnResults(api::render_status(status_for(*who), ports_.now()));
  }

  api::StatusReport status_for(const api::Visibility& who) {
    return who.may_drive ? ports_.status() : api::without_log(ports_.status());
  }

  void LanguageServer(sdbus::Result<std::string>&& reply) override {
    accept(std::move(reply), [](std::shared_ptr<Object> self, std::string sender, auto r) {
      return self->language_server(std::move(sender), std::move(r));
    });
  }

  asio::awaitable<void> language_server(std::string sender, sdbus::Result<std::string> reply) {
    auto who = co_await identify(std::move(sender));
    if (!who) {
      co_return refuse(reply, who.error());
    }
    reply.returnResults(api::render_language_server(status_for(*who), ports_.now()));
  }

  void StartLanguageServer(sdbus::Result<std::string>&& reply) override {
    accept_order(std::move(reply), LanguageServerOrder::start);
  }
  void StopLanguageServer(sdbus::Result<std::string>&& reply) override {
    accept_order(std::move(reply), LanguageServerOrder::stop);
  }
  void RestartLanguageServer(sdbus::Result<std::string>&& reply) override {
    accept_order(std::move(reply), LanguageServerOrder::restart);
  }

  void accept_order(sdbus::Result<std::string>&& reply, LanguageServerOrder order) {
    accept(std::move(reply), [order](std::shared_ptr<Object> self, std::string sender, auto r) {
      return self->order_language_server(std::move(sender), std::move(r), order);
    });
  }

  // Whoever may drive the language server may also start and stop it; others are polkit's to judge.
  asio::awaitable<Result<api::Visibility>> may_order(std::string sender) {
    std::string same = sender;
    auto who = co_await identify(std::move(same));
    if (!who || who->may_drive) {
      co_return who;
    }
    std::string action = kActionControlLanguageServer;
    auto allowed = co_await authority_->check(std::move(sender), std::move(action));
    if (!allowed) {
      co_return allowed.error();
    }
    co_return who;
  }

  asio::awaitable<void> order_language_server(std::string sender,
                                              sdbus::Result<std::string> reply,
                                              LanguageServerOrder order) {
    auto who = co_await may_order(std::move(sender));
    if (!who) {
      co_return refuse(reply, who.error());
    }
    if (!ports_.order_language_server) {
      co_return refuse(reply, Error(bus::Errc::failed, "there is no language server here"));
    }
    ports_.order_language_server(order);
    const auto settled = [this] {
      return ports_.status().language_server.is_settled;
    };
    auto carried_out = wait_for(settled);
    co_await std::move(carried_out);
    reply.returnResults(api::render_language_server(status_for(*who), ports_.now()));
  }

  // Until an order has been carried out, as far as anybody waits for that.
  asio::awaitable<void> wait_for(std::function<bool()> is_settled) {
    const auto end = std::chrono::steady_clock::now() + kOrderPatience;
    asio::steady_timer pause(connection_->executor());
    while (!is_settled() && !is_ending_ && std::chrono::steady_clock::now() < end) {
      pause.expires_after(kOrderLook);
      auto [ec] = co_await pause.async_wait(kTuple);
      if (ec) {
        co_return;
      }
    }
  }

  void Capture(sdbus::Result<std::string>&& reply) override {
    accept(std::move(reply), [](std::shared_ptr<Object> self, std::string sender, auto r) {
      return self->capture(std::move(sender), std::move(r));
    });
  }

  asio::awaitable<void> capture(std::string sender, sdbus::Result<std::string> reply) {
    auto who = co_await identify(std::move(sender));
    if (!who) {
      co_return refuse(reply, who.error());
    }
    reply.returnResults(api::render_capture(ports_.status(), ports_.now()));
  }

  void StartCapture(sdbus::Result<std::string>&& reply) override {
    accept_capture(std::move(reply), true);
  }
  void StopCapture(sdbus::Result<std::string>&& reply) override {
    accept_capture(std::move(reply), false);
  }

  void accept_capture(sdbus::Result<std::string>&& reply, bool wanted) {
    accept(std::move(reply), [wanted](std::shared_ptr<Object> self, std::string sender, auto r) {
      return self->order_capture(std::move(sender), std::move(r), wanted);
    });
  }

  // Of everybody's calls: who may drive the language server has no say in it.
  asio::awaitable<void> order_capture(std::string sender,
                                      sdbus::Result<std::string> reply,
                                      bool wanted) {
    std::string action = kActionControlCapture;
    auto allowed = co_await authority_->check(std::move(sender), std::move(action));
    if (!allowed) {
      co_return refuse(reply, allowed.error());
    }
    ports_.order_capture(wanted);
    const auto settled = [this] {
      return ports_.status().capture_is_settled;
    };
    auto carried_out = wait_for(settled);
    co_await std::move(carried_out);
    reply.returnResults(api::render_capture(ports_.status(), ports_.now()));
  }

  void Ca(sdbus::Result<std::string>&& reply) override {
    accept(std::move(reply), [](std::shared_ptr<Object> self, std::string sender, auto r) {
      return self->ca(std::move(sender), std::move(r));
    });
  }

  asio::awaitable<void> ca(std::string sender, sdbus::Result<std::string> reply) {
    auto who = co_await identify(std::move(sender));
    if (!who) {
      co_return refuse(reply, who.error());
    }
    reply.returnResults(api::render_ca(ports_.ca(), ports_.now()));
  }

  void RotateCa(sdbus::Result<std::string>&& reply) override {
    accept(std::move(reply), [](std::shared_ptr<Object> self, std::string sender, auto r) {
      return self->rotate_ca(std::move(sender), std::move(r));
    });
  }

  asio::awaitable<void> rotate_ca(std::string sender, sdbus::Result<std::string> reply) {
    std::string action = kActionRotateCa;
    auto allowed = co_await authority_->check(std::move(sender), std::move(action));
    if (!allowed) {
      co_return refuse(reply, allowed.error());
    }
    ports_.rotate_ca();
    const auto settled = [this] {
      return !ports_.ca().rotation;
    };
    auto carried_out = wait_for(settled);
    co_await std::move(carried_out);
    const auto report = ports_.ca();
    if (!report.problem.empty()) {
      co_return refuse(reply, Error(bus::Errc::failed, "not replaced: " + report.problem));
    }
    reply.returnResults(api::render_ca(report, ports_.now()));
  }

  // The same documents as HTTP; what a hint says there is a part of the text here.
  static void answer(const sdbus::Result<std::string>& reply, const api::Document& document) {
    if (const auto* refusal = std::get_if<api::ApiError>(&document)) {
      const auto code = refusal->status == 403 ? bus::Errc::access_denied : bus::Errc::failed;
      const auto hint = refusal->hint.empty() ? std::string() : "; " + refusal->hint;
      return refuse(reply, Error(code, refusal->message + hint));
    }
    reply.returnResults(std::get<std::string>(document));
  }

  void Quota(sdbus::Result<std::string>&& reply) override {
    accept(std::move(reply), [](std::shared_ptr<Object> self, std::string sender, auto r) {
      return self->quota(std::move(sender), std::move(r));
    });
  }

  asio::awaitable<void> quota(std::string sender, sdbus::Result<std::string> reply) {
    auto who = co_await identify(std::move(sender));
    if (!who) {
      co_return refuse(reply, who.error());
    }
    if (ports_.logins == nullptr) {
      co_return answer(reply, api::no_language_server());
    }
    const auto quota = co_await ports_.logins->quota();
    answer(reply, api::quota_document(quota, *who, ports_.now()));
  }

  void Models(sdbus::Result<std::string>&& reply) override {
    accept(std::move(reply), [](std::shared_ptr<Object> self, std::string sender, auto r) {
      return self->models(std::move(sender), std::move(r));
    });
  }

  asio::awaitable<void> models(std::string sender, sdbus::Result<std::string> reply) {
    auto who = co_await identify(std::move(sender));
    if (!who) {
      co_return refuse(reply, who.error());
    }
    if (ports_.logins == nullptr) {
      co_return answer(reply, api::no_language_server());
    }
    const auto models = co_await ports_.logins->models();
    answer(reply, api::models_document(models, *who));
  }

  void Sessions(sdbus::Result<std::string>&& reply) override {
    accept(std::move(reply), [](std::shared_ptr<Object> self, std::string sender, auto r) {
      return self->sessions(std::move(sender), std::move(r));
    });
  }

  asio::awaitable<void> sessions(std::string sender, sdbus::Result<std::string> reply) {
    auto who = co_await identify(std::move(sender));
    if (!who) {
      co_return refuse(reply, who.error());
    }
    if (ports_.logins == nullptr) {
      co_return answer(reply, api::no_language_server());
    }
    answer(reply, api::sessions_document(ports_.logins->sessions(), *who, ports_.now()));
  }

  void GetPolicy(sdbus::Result<std::string>&& reply) override {
    accept(std::move(reply), [](std::shared_ptr<Object> self, std::string sender, auto r) {
      return self->get_policy(std::move(sender), std::move(r));
    });
  }

  asio::awaitable<void> get_policy(std::string sender, sdbus::Result<std::string> reply) {
    auto who = co_await identify(std::move(sender));
    if (!who) {
      co_return refuse(reply, who.error());
    }
    reply.returnResults(ports_.policy());
  }

  void CheckPolicy(sdbus::Result<std::string>&& reply,
                   std::string host,
                   std::string method,
                   std::string path) override {
    accept(std::move(reply),
           [host = std::move(host), method = std::move(method), path = std::move(path)](
               std::shared_ptr<Object> self, std::string sender, auto r) {
             return self->check_policy(std::move(sender), std::move(r), host, method, path);
           });
  }

  asio::awaitable<void> check_policy(std::string sender,
                                     sdbus::Result<std::string> reply,
                                     std::string host,
                                     std::string method,
                                     std::string path) {
    if (method.empty() != path.empty()) {
      co_return refuse(reply, Error(bus::Errc::invalid_args, "method and path belong together"));
    }
    if (host.size() + method.size() + path.size() > kMaxQuestion) {
      co_return refuse(reply, Error(bus::Errc::invalid_args, "host, method and path are too long"));
    }
    auto who = co_await identify(std::move(sender));
    if (!who) {
      co_return refuse(reply, who.error());
    }
    reply.returnResults(ports_.check_policy(std::move(host), std::move(method), std::move(path)));
  }

  void ReloadPolicy(sdbus::Result<std::string>&& reply) override {
    accept(std::move(reply), [](std::shared_ptr<Object> self, std::string sender, auto r) {
      return self->reload_policy(std::move(sender), std::move(r));
    });
  }

  asio::awaitable<void> reload_policy(std::string sender, sdbus::Result<std::string> reply) {
    std::string action = kActionReloadPolicy;
    auto allowed = co_await authority_->check(std::move(sender), std::move(action));
    if (!allowed) {
      co_return refuse(reply, allowed.error());
    }
    reply.returnResults(ports_.reload_policy());
  }

  std::string Version() override { return AGP_VERSION; }
  // As they are now: what is read may be newer than what was told, never older.
  std::string State() override { return state().state; }
  bool CaptureActive() override { return state().capture_active; }
  std::string LanguageServerState() override { return state().language_server_state; }
  std::uint32_t Problems() override { return state().problems; }
  std::int64_t CaExpiry() override { return state().ca_expiry; }
  std::uint64_t PolicyGeneration() override { return state().policy_generation; }
  [[nodiscard]] StateProperties state() const { return properties_of(ports_.status()); }

  bus::Connection* connection_;
  DaemonPorts ports_;
  std::unique_ptr<sdbus::IProxy> bus_daemon_;
  std::unique_ptr<bus::Authority> authority_;
  std::size_t calls_ = 0;
  std::list<ExportOutput*> outputs_;
  bool is_ending_ = false;
  StateProperties told_;
};

DaemonObject::DaemonObject(std::shared_ptr<Object> object) : object_(std::move(object)) {}
DaemonObject::~DaemonObject() = default;

Result<std::unique_ptr<DaemonObject>> DaemonObject::create(bus::Connection* connection,
                                                           DaemonPorts ports) {
  try {
    auto object = std::make_shared<Object>(connection, std::move(ports));
    object->listen();
    object->tell_changes();
    return std::unique_ptr<DaemonObject>(new DaemonObject(std::move(object)));
  } catch (const sdbus::Error& error) {
    return Error(bus::code_of(error.getName()),
                 "registering the bus object: " + error.getMessage());
  }
}

void DaemonObject::announce_refused_certificate(const std::string& host, std::uint64_t count) {
  object_->announce_refused_certificate(host, count);
}

void DaemonObject::end_exports() {
  object_->end_exports();
}

void DaemonObject::close() {
  object_->close();
}

void DaemonObject::tell_changes() {
  object_->tell_changes();
}

}  // namespace agp::daemon_bus
