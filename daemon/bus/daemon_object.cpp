#include "daemon/bus/daemon_object.h"

#include "common/bus/call.h"
#include "common/bus/compat.h"
#include "common/bus/connection.h"
#include "common/bus/errors.h"
#include "common/bus/polkit.h"
#include "common/log/log.h"
#include "daemon/api/usage_question.h"
#include "daemon/bus/answers.h"
#include "daemon/bus/exports.h"
#include "daemon/bus/orders.h"
#include "daemon/bus/record_dictionary.h"
#include "daemon/bus/state_properties.h"
#include "daemon1_adaptor.h"

#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

namespace agp::daemon_bus {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMaxCalls = 32;
constexpr std::chrono::seconds kBusPatience(5);

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
    exports_.end();
    orders_.end();
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

  using Query = std::map<std::string, std::string>;
  using Known = asio::awaitable<Result<api::Visibility>>;

  // Who may ask is told by `who_may`, one of the members below; `question` makes the answer, and is
  // given this object and who asks. The sender is read here, before the first suspension:
  // afterwards the message is gone.
  template <class T, class Question>
  void accept(sdbus::Result<T>&& reply, Known (Object::*who_may)(std::string), Question question) {
    if (calls_ >= kMaxCalls) {
      refuse(reply, Error(bus::Errc::limits_exceeded, "too many calls at the same time"));
      return;
    }
    ++calls_;
    auto sender = bus::compat::sender_of(getObject());
    asio::co_spawn(
        connection_->executor(),
        serve((this->*who_may)(std::move(sender)), std::move(reply), std::move(question)),
        [self = shared_from_this()](std::exception_ptr bug) {
          --self->calls_;
          if (bug) {
            log::err("bug: a bus call ended with an exception");
          }
          self->connection_->kick();
        });
  }

  template <class T, class Question>
  asio::awaitable<void> serve(Known known, sdbus::Result<T> reply, Question question) {
    auto who = co_await std::move(known);
    if (!who) {
      co_return refuse(reply, who.error());
    }
    auto asked = question(this, std::move(*who));
    auto answer = co_await std::move(asked);
    if (!answer) {
      co_return refuse(reply, answer.error());
    }
    reply.returnResults(*answer);
  }

  template <class T>
  static void refuse(const sdbus::Result<T>& reply, const Error& error) {
    reply.returnError(bus::compat::make_error(bus::error_name(bus_code(error)), words_of(error)));
  }

  Known identify(std::string sender) {
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

  // Whoever may drive the language server may also start and stop it; others are polkit's to judge.
  Known may_order(std::string sender) {
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

  // What concerns everybody's calls: who may drive the language server has no say in it.
  Known may_switch_capture(std::string sender) {
    return permitted(std::move(sender), kActionControlCapture);
  }
  Known may_rotate_ca(std::string sender) { return permitted(std::move(sender), kActionRotateCa); }
  Known may_reload_policy(std::string sender) {
    return permitted(std::move(sender), kActionReloadPolicy);
  }

  Known permitted(std::string sender, std::string action) {
    auto allowed = co_await authority_->check(std::move(sender), std::move(action));
    if (!allowed) {
      co_return allowed.error();
    }
    co_return api::Visibility();
  }

  // Questions of the ledger: a reader of `answers_` for each.
  using Asked = Answers::Text (Answers::*)(api::Visibility, api::Parameters) const;
  void accept_question(sdbus::Result<std::string>&& reply, Query query, Asked asked) {
    accept(std::move(reply), &Object::identify,
           [asked, parameters = api::Parameters(query.begin(), query.end())](Object* self,
                                                                             auto who) mutable {
             return (self->answers_.*asked)(std::move(who), std::move(parameters));
           });
  }
  void Usage(sdbus::Result<std::string>&& reply, Query query) override {
    accept_question(std::move(reply), std::move(query), &Answers::usage);
  }
  void Records(sdbus::Result<std::string>&& reply, Query query) override {
    accept_question(std::move(reply), std::move(query), &Answers::records);
  }
  void QuotaHistory(sdbus::Result<std::string>&& reply, Query query) override {
    accept_question(std::move(reply), std::move(query), &Answers::quota_history);
  }
  void Why(sdbus::Result<std::string>&& reply, Query query) override {
    accept_question(std::move(reply), std::move(query), &Answers::why);
  }

  void Totals(sdbus::Result<Answers::Totals>&& reply) override {
    accept(std::move(reply), &Object::identify,
           [](Object* self, auto who) { return self->answers_.totals(std::move(who)); });
  }

  void Export(sdbus::Result<std::uint64_t>&& reply, Query query, sdbus::UnixFd into) override {
    accept(std::move(reply), &Object::identify,
           [parameters = api::Parameters(query.begin(), query.end()),
            fd = UniqueFd(into.release())](Object* self, auto who) mutable {
             return self->exports_.write(std::move(who), std::move(parameters), std::move(fd));
           });
  }

  // Questions of nothing but who asks.
  void accept_state(sdbus::Result<std::string>&& reply,
                    Answers::Text (Answers::*asked)(api::Visibility) const) {
    accept(std::move(reply), &Object::identify,
           [asked](Object* self, auto who) { return (self->answers_.*asked)(std::move(who)); });
  }
  void Status(sdbus::Result<std::string>&& reply) override {
    accept_state(std::move(reply), &Answers::status);
  }
  void LanguageServer(sdbus::Result<std::string>&& reply) override {
    accept_state(std::move(reply), &Answers::language_server);
  }
  void Quota(sdbus::Result<std::string>&& reply) override {
    accept_state(std::move(reply), &Answers::quota);
  }
  void Models(sdbus::Result<std::string>&& reply) override {
    accept_state(std::move(reply), &Answers::models);
  }
  void Sessions(sdbus::Result<std::string>&& reply) override {
    accept_state(std::move(reply), &Answers::sessions);
  }

  void Capture(sdbus::Result<std::string>&& reply) override {
    accept(std::move(reply), &Object::identify,
           [](Object* self, auto /*who*/) { return self->answers_.capture(); });
  }
  void Ca(sdbus::Result<std::string>&& reply) override {
    accept(std::move(reply), &Object::identify,
           [](Object* self, auto /*who*/) { return self->answers_.ca(); });
  }
  void GetPolicy(sdbus::Result<std::string>&& reply) override {
    accept(std::move(reply), &Object::identify,
           [](Object* self, auto /*who*/) { return self->answers_.policy(); });
  }
  void CheckPolicy(sdbus::Result<std::string>&& reply,
                   std::string host,
                   std::string method,
                   std::string path) override {
    accept(std::move(reply), &Object::identify,
           [host = std::move(host), method = std::move(method), path = std::move(path)](
               Object* self, auto /*who*/) mutable {
             return self->answers_.check_policy(std::move(host), std::move(method),
                                                std::move(path));
           });
  }

  void accept_order(sdbus::Result<std::string>&& reply, LanguageServerOrder order) {
    accept(std::move(reply), &Object::may_order, [order](Object* self, auto who) {
      return self->orders_.language_server(order, std::move(who));
    });
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

  void accept_capture(sdbus::Result<std::string>&& reply, bool wanted) {
    accept(std::move(reply), &Object::may_switch_capture,
           [wanted](Object* self, auto /*who*/) { return self->orders_.capture(wanted); });
  }
  void StartCapture(sdbus::Result<std::string>&& reply) override {
    accept_capture(std::move(reply), true);
  }
  void StopCapture(sdbus::Result<std::string>&& reply) override {
    accept_capture(std::move(reply), false);
  }

  void RotateCa(sdbus::Result<std::string>&& reply) override {
    accept(std::move(reply), &Object::may_rotate_ca,
           [](Object* self, auto /*who*/) { return self->orders_.rotate_ca(); });
  }
  void ReloadPolicy(sdbus::Result<std::string>&& reply) override {
    accept(std::move(reply), &Object::may_reload_policy,
           [](Object* self, auto /*who*/) { return self->orders_.reload_policy(); });
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
  Answers answers_{&ports_};
  Orders orders_{connection_->executor(), &ports_, &answers_};
  Exports exports_{connection_->executor(), &ports_};
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
