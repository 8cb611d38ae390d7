#include "helper/bus/adaptor.h"

#include "common/bus/compat.h"
#include "common/bus/connection.h"
#include "common/bus/errors.h"
#include "common/log/log.h"
#include "helper/bus/replies.h"
#include "helper/core/captured_scopes.h"
#include "helper/core/errc.h"
#include "helper/os/input_descriptor.h"
#include "helper1_adaptor.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include <boost/asio/co_spawn.hpp>

namespace agp::helper {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMaxCalls = 16;
constexpr std::size_t kMaxCallsPerSender = 2;
// Anybody may ask for a capture: such calls have places of their own, and take none of the
// daemon's.
constexpr std::size_t kMaxCaptureCalls = 8;
constexpr std::size_t kMaxCaptureCallsPerSender = 1;

std::string words(const std::vector<std::string>& list) {
  std::string text;
  for (const auto& each : list) {
    text += (text.empty() ? "" : ", ") + each;
  }
  return text;
}

}  // namespace

class Adaptor::Object final
    : public sdbus::AdaptorInterfaces<org::antigravityproxy::Helper1_adaptor> {
 public:
  Object(bus::Connection* connection,
         Authority* authority,
         core::HelperOperations* operations,
         core::IdePatchOperations* ide_patch,
         std::function<void()> on_activity)
      : AdaptorInterfaces(connection->raw(), bus::compat::ObjectPath(kObjectPath)),
        connection_(connection),
        authority_(authority),
        operations_(operations),
        ide_patch_(ide_patch),
        on_activity_(std::move(on_activity)) {
    registerAdaptor();
  }
  ~Object() { unregisterAdaptor(); }

  std::size_t calls_in_flight() const { return calls_; }

  void report(const core::WatchReport& found) {
    // Before the ends of language servers, which these explain.
    for (const auto& repair : found.repairs) {
      log::warning("redirect rules were removed by another program, put back",
                   {{"LOST", words(repair.lost)}, {"STOPPED_SERVERS", repair.stopped_servers}});
      emitRedirectRepaired(repair.lost, repair.stopped_servers);
      emitRedirectChanged(true);
    }
    if (found.loss) {
      log::err(
          "redirect rules were removed by another program and cannot be put back, "
          "stopped the language servers",
          {{"ERROR", *found.loss}});
      emitRedirectChanged(false);
    }
    for (const auto& exit : found.exits) {
      log::notice(
          "language server ended",
          {{"UNIT", core::unit_of(exit.id)}, {"RESULT", exit.result}, {"STATUS", exit.status}});
      emitLanguageServerExited(exit.id, exit.result, exit.status);
    }
    connection_->kick();
  }

 private:
  /// One call from its arrival to its end.
  class Call {
   public:
    Call(Object* object, std::string sender, const char* action)
        : object_(object), sender_(std::move(sender)), action_(action) {
      ++object_->calls_;
      object_->captures_ += is_capture() ? 1 : 0;
      ++object_->calls_of_[sender_];
      object_->on_activity_();
    }
    Call(Call&& other) noexcept
        : object_(std::exchange(other.object_, nullptr)),
          sender_(std::move(other.sender_)),
          action_(other.action_) {}
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    Call& operator=(Call&&) = delete;
    ~Call() {
      if (object_ == nullptr) {
        return;
      }
      --object_->calls_;
      object_->captures_ -= is_capture() ? 1 : 0;
      if (--object_->calls_of_[sender_] == 0) {
        object_->calls_of_.erase(sender_);
      }
      object_->connection_->kick();
      object_->on_activity_();
    }
    [[nodiscard]] const std::string& sender() const { return sender_; }
    [[nodiscard]] const char* action() const { return action_; }
    [[nodiscard]] bool is_capture() const {
      return std::string_view(action_) == kActionCaptureScope;
    }

   private:
    Object* object_;
    std::string sender_;
    const char* action_;
  };

  template <class Reply>
  void refuse(const Call& call, const Reply& reply, const Error& error) {
    // Anybody can be refused a capture; their zeal must not crowd out what else the journal is
    // told.
    const bool is_told = !call.is_capture() || told_refusals_.allows(0, seconds_now());
    log::write(is_told ? log::Level::warning : log::Level::debug, "call refused or failed",
               {{"BUS_SENDER", call.sender()}, {"POLKIT_ACTION", call.action()}, {"ERROR", error}});
    reply.returnError(
        bus::compat::make_error(bus::error_name(bus_code(error)), bus::printable(told(error))));
  }

  bool has_room(const Call& call) {
    const auto own = calls_of_[call.sender()];
    if (call.is_capture()) {
      return captures_ <= kMaxCaptureCalls && own <= kMaxCaptureCallsPerSender;
    }
    return calls_ - captures_ <= kMaxCalls && own <= kMaxCallsPerSender;
  }

  // The sender is read here, before the first suspension: afterwards the message is gone.
  template <class Reply, class Start>
  void accept(Reply&& reply, const char* action, Start start) {
    Call call(this, bus::compat::sender_of(getObject()), action);
    if (!has_room(call)) {
      refuse(call, reply, Error(bus::Errc::limits_exceeded, "too many calls at the same time"));
      return;
    }
    asio::co_spawn(connection_->executor(), start(std::move(call), std::forward<Reply>(reply)),
                   [](std::exception_ptr bug) {
                     if (bug) {
                       log::err("bug: a call ended with an exception");
                     }
                   });
  }

  void EnsureRedirect(sdbus::Result<bool>&& reply) override {
    accept(std::move(reply), kActionRedirect, [this](Call call, sdbus::Result<bool> r) {
      return ensure_redirect(std::move(call), std::move(r));
    });
  }

  asio::awaitable<void> ensure_redirect(Call call, sdbus::Result<bool> reply) {
    auto allowed = co_await authority_->check(call.sender(), call.action());
    if (!allowed) {
      co_return refuse(call, reply, allowed.error());
    }
    auto changed = operations_->ensure_redirect();
    if (!changed) {
      // What was there before has been undone with it.
      emitRedirectChanged(false);
      co_return refuse(call, reply, changed.error());
    }
    // What was lost is told before the answer: the caller may want to know why there was a change.
    report(operations_->watch(false));
    reply.returnResults(*changed);
    if (*changed) {
      log::notice("redirect rules are in place", {{"BUS_SENDER", call.sender()}});
      emitRedirectChanged(true);
    }
  }

  void RemoveRedirect(sdbus::Result<bool>&& reply) override {
    accept(std::move(reply), kActionRedirect, [this](Call call, sdbus::Result<bool> r) {
      return remove_redirect(std::move(call), std::move(r));
    });
  }

  asio::awaitable<void> remove_redirect(Call call, sdbus::Result<bool> reply) {
    auto allowed = co_await authority_->check(call.sender(), call.action());
    if (!allowed) {
      co_return refuse(call, reply, allowed.error());
    }
    auto changed = operations_->remove_redirect();
    if (!changed) {
      co_return refuse(call, reply, changed.error());
    }
    reply.returnResults(*changed);
    if (*changed) {
      log::notice("redirect rules are removed", {{"BUS_SENDER", call.sender()}});
      emitRedirectChanged(false);
    }
  }

  void EnsureTrustBundle(sdbus::Result<std::string, bool>&& reply, std::string pem) override {
    accept(std::move(reply), kActionTrust,
           [this, pem = std::move(pem)](Call call, sdbus::Result<std::string, bool> r) mutable {
             return ensure_trust_bundle(std::move(call), std::move(r), std::move(pem));
           });
  }

  asio::awaitable<void> ensure_trust_bundle(Call call,
                                            sdbus::Result<std::string, bool> reply,
                                            std::string pem) {
    if (pem.size() > kMaxPemChars) {
      co_return refuse(call, reply,
                       Error(bus::Errc::invalid_args, "certificate_pem is larger than 8192 bytes"));
    }
    auto allowed = co_await authority_->check(call.sender(), call.action());
    if (!allowed) {
      co_return refuse(call, reply, allowed.error());
    }
    auto done = operations_->ensure_trust_bundle(pem);
    if (!done) {
      co_return refuse(call, reply, done.error());
    }
    reply.returnResults(done->path, done->changed);
    if (done->changed) {
      log::notice("trust bundle is written", {{"BUS_SENDER", call.sender()}});
      emitTrustBundleChanged(done->sha256);
    }
  }

  using StartReply = sdbus::Result<std::string, std::string>;

  void StartLanguageServer(StartReply&& reply,
                           std::uint16_t server_port,
                           std::uint16_t lsp_port,
                           std::uint16_t extension_server_port,
                           std::string csrf_token,
                           std::string extension_csrf_token,
                           std::string workspace_id,
                           std::uint32_t binary_index,
                           sdbus::UnixFd input) override {
    core::StartRequest request{server_port,
                               lsp_port,
                               extension_server_port,
                               std::move(csrf_token),
                               std::move(extension_csrf_token),
                               std::move(workspace_id),
                               binary_index};
    accept(std::move(reply), kActionLanguageServer,
           [this, request = std::move(request), fd = UniqueFd(input.release())](
               Call call, StartReply r) mutable {
             return start_language_server(std::move(call), std::move(r), std::move(request),
                                          std::move(fd));
           });
  }

  asio::awaitable<void> start_language_server(Call call,
                                              StartReply reply,
                                              core::StartRequest request,
                                              UniqueFd fd) {
    auto valid = operations_->validate_start(request);
    if (!valid) {
      co_return refuse(call, reply, valid.error());
    }
    auto input = os::check_input(std::move(fd));
    if (!input) {
      co_return refuse(call, reply, input.error());
    }
    auto allowed = co_await authority_->check(call.sender(), call.action());
    if (!allowed) {
      co_return refuse(call, reply, allowed.error());
    }
    core::ServerStreams streams{std::move(*input), {}};
    auto started = operations_->start_language_server(request, std::move(streams));
    if (!started) {
      co_return refuse(call, reply, started.error());
    }
    log::notice("language server started",
                {{"UNIT", started->unit}, {"BUS_SENDER", call.sender()}});
    reply.returnResults(started->id, started->unit);
  }

  using LaunchReply = sdbus::Result<std::string, std::string, bool>;

  void LaunchLanguageServer(LaunchReply&& reply,
                            std::uint16_t server_port,
                            std::uint16_t http_port,
                            std::uint16_t lsp_port,
                            std::uint16_t extension_server_port,
                            std::string csrf_token,
                            std::string extension_csrf_token,
                            std::string workspace_id,
                            std::uint32_t binary_index,
                            sdbus::UnixFd input,
                            sdbus::UnixFd log) override {
    core::StartRequest request{server_port,
                               lsp_port,
                               extension_server_port,
                               std::move(csrf_token),
                               std::move(extension_csrf_token),
                               std::move(workspace_id),
                               binary_index,
                               http_port};
    core::ServerStreams streams{UniqueFd(input.release()), UniqueFd(log.release())};
    accept(std::move(reply), kActionLanguageServer,
           [this, request = std::move(request), streams = std::move(streams)](
               Call call, LaunchReply r) mutable {
             return launch_language_server(std::move(call), std::move(r), std::move(request),
                                           std::move(streams));
           });
  }

  asio::awaitable<void> launch_language_server(Call call,
                                               LaunchReply reply,
                                               core::StartRequest request,
                                               core::ServerStreams streams) {
    auto valid = operations_->validate_start(request);
    if (!valid) {
      co_return refuse(call, reply, valid.error());
    }
    auto input = os::check_input(std::move(streams.input));
    if (!input) {
      co_return refuse(call, reply, input.error());
    }
    auto log = os::check_log(std::move(streams.log));
    if (!log) {
      co_return refuse(call, reply, log.error());
    }
    auto allowed = co_await authority_->check(call.sender(), call.action());
    if (!allowed) {
      co_return refuse(call, reply, allowed.error());
    }
    core::ServerStreams checked{std::move(*input), std::move(*log)};
    auto started = operations_->start_language_server(request, std::move(checked));
    if (!started) {
      co_return refuse(call, reply, started.error());
    }
    agp::log::notice("language server started",
                     {{"UNIT", started->unit}, {"BUS_SENDER", call.sender()}});
    reply.returnResults(started->id, started->unit, started->has_one_token);
  }

  void StopLanguageServer(sdbus::Result<>&& reply, std::string id) override {
    accept(std::move(reply), kActionLanguageServer,
           [this, id = std::move(id)](Call call, sdbus::Result<> r) mutable {
             return stop_language_server(std::move(call), std::move(r), std::move(id));
           });
  }

  asio::awaitable<void> stop_language_server(Call call, sdbus::Result<> reply, std::string id) {
    auto valid = core::validate_id(id);
    if (!valid) {
      co_return refuse(call, reply, valid.error());
    }
    auto allowed = co_await authority_->check(call.sender(), call.action());
    if (!allowed) {
      co_return refuse(call, reply, allowed.error());
    }
    auto done = operations_->stop_language_server(id);
    if (!done) {
      co_return refuse(call, reply, done.error());
    }
    reply.returnResults();
    report(operations_->watch(false));
  }

  using CaptureReply = sdbus::Result<std::string>;

  void CaptureScope(CaptureReply&& reply, std::string id, std::uint32_t user) override {
    accept(std::move(reply), kActionCaptureScope,
           [this, id = std::move(id), user](Call call, CaptureReply r) mutable {
             return capture_scope(std::move(call), std::move(r), std::move(id), user);
           });
  }

  asio::awaitable<void> capture_scope(Call call,
                                      CaptureReply reply,
                                      std::string id,
                                      std::uint32_t user) {
    auto valid = core::validate_id(id);
    if (!valid) {
      co_return refuse(call, reply, valid.error());
    }
    auto caller = co_await authority_->uid_of(call.sender());
    if (!caller) {
      co_return refuse(call, reply, caller.error());
    }
    if (*caller != user && *caller != 0) {
      const Error denied(bus::Errc::access_denied, "only root may capture commands of others");
      co_return refuse(call, reply, denied);
    }
    if (*caller != 0 && !budget_.allows(*caller, seconds_now())) {
      const Error busy(bus::Errc::limits_exceeded, "this user asks too often: wait some seconds");
      co_return refuse(call, reply, busy);
    }
    // Who has no such scope is told so before polkit and the firewall have work with it.
    auto sound = operations_->check_capture(user, id);
    if (!sound) {
      co_return refuse(call, reply, sound.error());
    }
    auto allowed = co_await authority_->check(call.sender(), call.action());
    if (!allowed) {
      co_return refuse(call, reply, allowed.error());
    }
    auto bundle = operations_->capture_scope(user, id);
    if (!bundle) {
      co_return refuse(call, reply, bundle.error());
    }
    log::notice(
        "traffic of a command is captured",
        {{"UNIT", core::scope_unit(id)}, {"CAPTURED_UID", user}, {"BUS_SENDER", call.sender()}});
    reply.returnResults(*bundle);
  }

  static std::int64_t seconds_now() {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  void Status(sdbus::Result<Dictionary>&& reply) override {
    accept(std::move(reply), kActionStatus, [this](Call call, sdbus::Result<Dictionary> r) {
      return status(std::move(call), std::move(r));
    });
  }

  asio::awaitable<void> status(Call call, sdbus::Result<Dictionary> reply) {
    auto allowed = co_await authority_->check(call.sender(), call.action());
    if (!allowed) {
      co_return refuse(call, reply, allowed.error());
    }
    const auto report = operations_->status();
    reply.returnResults(to_dictionary(report));
  }

  using IdePatchStatusReply = sdbus::Result<ExtensionRows>;
  using IdePatchReply = sdbus::Result<bool, ExtensionRows>;

  void IdePatchStatus(IdePatchStatusReply&& reply) override {
    accept(std::move(reply), kActionStatus, [this](Call call, IdePatchStatusReply r) {
      return ide_patch_status(std::move(call), std::move(r));
    });
  }

  asio::awaitable<void> ide_patch_status(Call call, IdePatchStatusReply reply) {
    auto allowed = co_await authority_->check(call.sender(), call.action());
    if (!allowed) {
      co_return refuse(call, reply, allowed.error());
    }
    auto outcome = ide_patch_->look();
    if (!outcome) {
      co_return refuse(call, reply, outcome.error());
    }
    reply.returnResults(to_rows(outcome->files));
  }

  void ApplyIdePatch(IdePatchReply&& reply) override {
    accept(std::move(reply), kActionIdePatch, [this](Call call, IdePatchReply r) {
      return apply_ide_patch(std::move(call), std::move(r));
    });
  }

  asio::awaitable<void> apply_ide_patch(Call call, IdePatchReply reply) {
    auto allowed = co_await authority_->check(call.sender(), call.action());
    if (!allowed) {
      co_return refuse(call, reply, allowed.error());
    }
    auto outcome = ide_patch_->apply();
    answer_ide_patch(call, reply, outcome);
  }

  void RevertIdePatch(IdePatchReply&& reply, bool forget) override {
    accept(std::move(reply), kActionIdePatch, [this, forget](Call call, IdePatchReply r) {
      return revert_ide_patch(std::move(call), std::move(r), forget);
    });
  }

  asio::awaitable<void> revert_ide_patch(Call call, IdePatchReply reply, bool forget) {
    using WhenUndone = core::ExtensionFiles::WhenUndone;
    auto allowed = co_await authority_->check(call.sender(), call.action());
    if (!allowed) {
      co_return refuse(call, reply, allowed.error());
    }
    auto outcome = ide_patch_->revert(forget ? WhenUndone::forget : WhenUndone::refuse);
    answer_ide_patch(call, reply, outcome);
  }

  void answer_ide_patch(const Call& call,
                        const IdePatchReply& reply,
                        const Result<core::ExtensionOutcome>& outcome) {
    if (!outcome) {
      refuse(call, reply, outcome.error());
      return;
    }
    if (outcome->changed) {
      for (const auto& file : outcome->files) {
        log::notice("the extension of the IDE was changed on request",
                    {{"FILE", file.path},
                     {"STATE", core::to_string(file.state)},
                     {"SHA256", file.sha256},
                     {"BACKUP_SHA256", file.backup_sha256},
                     {"BUS_SENDER", call.sender()}});
      }
    }
    reply.returnResults(outcome->changed, to_rows(outcome->files));
  }

  static constexpr std::size_t kMaxPemChars = 8192;

  bus::Connection* connection_;
  Authority* authority_;
  core::HelperOperations* operations_;
  core::IdePatchOperations* ide_patch_;
  std::function<void()> on_activity_;
  std::size_t calls_ = 0;
  std::size_t captures_ = 0;  // of them
  std::map<std::string, std::size_t> calls_of_;
  core::ScopeBudget budget_;
  core::ScopeBudget told_refusals_;  // of everybody together
};

Adaptor::Adaptor(bus::Connection* connection,
                 Authority* authority,
                 core::HelperOperations* operations,
                 core::IdePatchOperations* ide_patch,
                 std::function<void()> on_activity)
    : object_(std::make_unique<Object>(
          connection, authority, operations, ide_patch, std::move(on_activity))) {}

Adaptor::~Adaptor() = default;

std::size_t Adaptor::calls_in_flight() const {
  return object_->calls_in_flight();
}
void Adaptor::report(const core::WatchReport& found) {
  object_->report(found);
}

}  // namespace agp::helper
