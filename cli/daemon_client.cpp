#include "cli/daemon_client.h"

#include "cli/bus_call.h"
#include "cli/ide_patch_client.h"
#include "common/base/unique_fd.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

namespace agp::cli {
namespace {

constexpr const char* kName = "org.antigravityproxy.Daemon1";
constexpr const char* kPath = "/org/antigravityproxy/Daemon1";
constexpr const char* kUnit = "antigravity-proxy.service";
constexpr std::chrono::seconds kHumanPatience{150};  // polkit may ask for a password

// The plain C library: one blocking call per run needs no object, no proxy and no event loop, and
// it is the same on every release.
// "active", "inactive", "failed", ...; empty when systemd cannot be asked.
std::string unit_state(sd_bus* bus, const char* unit) {
  sd_bus_message* raw = nullptr;
  BusError error;
  if (sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                         "org.freedesktop.systemd1.Manager", "LoadUnit", &error.error, &raw, "s",
                         unit) < 0) {
    return {};
  }
  const Message reply(raw);
  const char* path = nullptr;
  if (sd_bus_message_read(raw, "o", &path) < 0) {
    return {};
  }
  BusError property_error;
  char* state = nullptr;
  if (sd_bus_get_property_string(bus, "org.freedesktop.systemd1", path,
                                 "org.freedesktop.systemd1.Unit", "ActiveState",
                                 &property_error.error, &state) < 0) {
    return {};
  }
  std::string out = state;
  std::free(state);  // NOLINT(cppcoreguidelines-no-malloc): sd-bus allocates with malloc
  return out;
}

// What must be up before the service can start, and the port that keeps it from that.
constexpr std::pair<const char*, const char*> kSockets[] = {
    {"antigravity-proxy-intercept.socket", "8742"}, {"antigravity-proxy-api.socket", "8741"}};

Failure not_there(sd_bus* bus) {
  const auto state = unit_state(bus, kUnit);
  for (const auto& [socket, ports] : kSockets) {
    if (unit_state(bus, socket) == "failed") {
      return {Exit::not_active, "socket_failed",
              std::string("antigravity-proxy cannot listen on port ") + ports +
                  ": another program has it in use (" + socket + " failed)",
              std::string("find that program with: ss -ltnp 'sport = :") + ports +
                  "'; stop it, then: systemctl start antigravity-proxy"};
    }
  }
  if (state == "inactive") {
    return {Exit::not_active, "not_active", "antigravity-proxy is not running",
            "start it with: systemctl start antigravity-proxy"};
  }
  if (state == "failed") {
    return {Exit::not_active, "failed", "antigravity-proxy has failed",
            "see: journalctl -u antigravity-proxy; then: systemctl start antigravity-proxy"};
  }
  if (!state.empty()) {
    return {Exit::unavailable, "not_on_bus",
            "antigravity-proxy is " + state + " but does not answer on the bus",
            "see: journalctl -u antigravity-proxy"};
  }
  return {Exit::unavailable, "not_on_bus", "antigravity-proxy does not answer on the bus",
          "start it with: systemctl start antigravity-proxy"};
}

Failure failure_of(sd_bus* bus, const sd_bus_error& error) {
  const std::string_view name = error.name == nullptr ? "" : error.name;
  const std::string text = error.message == nullptr ? std::string(name) : error.message;
  if (name == SD_BUS_ERROR_SERVICE_UNKNOWN || name == SD_BUS_ERROR_NAME_HAS_NO_OWNER) {
    return not_there(bus);
  }
  if (name == SD_BUS_ERROR_INVALID_ARGS) {
    return {Exit::data, "invalid_parameter", text, "see: antigravity-proxy --help"};
  }
  if (name == SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED) {
    return {Exit::refused, "refused", text, "run it as root"};
  }
  if (name == SD_BUS_ERROR_UNKNOWN_METHOD) {
    return {Exit::failed, "too_old", "the running antigravity-proxy does not know this question",
            "restart it: systemctl restart antigravity-proxy"};
  }
  if (name == SD_BUS_ERROR_ACCESS_DENIED) {
    return {Exit::refused, "refused", text,
            "ask as root or as a member of the group antigravity-proxy"};
  }
  if (name == SD_BUS_ERROR_NO_REPLY || name == SD_BUS_ERROR_TIMEOUT ||
      name == SD_BUS_ERROR_DISCONNECTED) {
    return {Exit::unavailable, "no_reply", "antigravity-proxy did not answer",
            "see: journalctl -u antigravity-proxy"};
  }
  return {Exit::failed, "failed", text, "see: antigravity-proxy status"};
}

Failure unsendable(int error) {
  return {Exit::data, "invalid_parameter",
          std::string("the question cannot be sent: ") + std::strerror(-error),
          "use plain UTF-8 text"};
}

Failure not_understood() {
  return {Exit::data, "unreadable", "the answer of antigravity-proxy is not understood",
          "command and daemon are of different versions: restart antigravity-proxy"};
}

// Puts the arguments into a request; negative like everything of sd-bus.
using Fill = std::function<int(sd_bus_message*)>;

int fill_query(sd_bus_message* message, const std::map<std::string, std::string>& query) {
  int result = sd_bus_message_open_container(message, 'a', "{ss}");
  for (const auto& [key, value] : query) {
    if (result >= 0) {
      result = sd_bus_message_append(message, "{ss}", key.c_str(), value.c_str());
    }
  }
  return result < 0 ? result : sd_bus_message_close_container(message);
}

Answer<std::string> call(const char* member,
                         std::chrono::microseconds patience,
                         const Fill& fill = {}) {
  sd_bus* raw_bus = nullptr;
  const int opened = sd_bus_open_system(&raw_bus);
  if (opened < 0) {
    return no_bus(opened);
  }
  const Bus bus(raw_bus);
  sd_bus_message* raw = nullptr;
  int result = sd_bus_message_new_method_call(raw_bus, &raw, kName, kPath, kName, member);
  const Message request(raw);
  if (result >= 0 && patience == kHumanPatience) {
    result = sd_bus_message_set_allow_interactive_authorization(raw, 1);
  }
  if (result >= 0 && fill) {
    result = fill(raw);
  }
  if (result < 0) {
    return unsendable(result);
  }
  BusError error;
  sd_bus_message* raw_reply = nullptr;
  result = sd_bus_call(raw_bus, raw, static_cast<std::uint64_t>(patience.count()), &error.error,
                       &raw_reply);
  const Message reply(raw_reply);
  if (result < 0) {
    return failure_of(raw_bus, error.error);
  }
  const char* document = nullptr;
  if (sd_bus_message_read(raw_reply, "s", &document) < 0) {
    return not_understood();
  }
  return std::string(document);
}

/// An export under way: the question is asked, the pipe is read, the answer comes last.
class Export {
 public:
  Export(sd_bus* bus, UniqueFd pipe, int into) : bus_(bus), pipe_(std::move(pipe)), into_(into) {}
  Export(const Export&) = delete;
  Export& operator=(const Export&) = delete;
  Export(Export&&) = delete;
  Export& operator=(Export&&) = delete;
  ~Export() { sd_bus_slot_unref(slot_); }

  int ask(sd_bus_message* request) {
    // It takes as long as the reader of `into` likes.
    return sd_bus_call_async(bus_, &slot_, request, &Export::on_answer, this, UINT64_MAX);
  }

  Answer<std::uint64_t> run() {
    while (pipe_.is_open() || !answer_) {
      if (auto failure = step()) {
        return *failure;
      }
    }
    if (const auto* error = sd_bus_message_get_error(answer_.get())) {
      return failure_of(bus_, *error);
    }
    std::uint64_t records = 0;
    if (sd_bus_message_read(answer_.get(), "t", &records) < 0) {
      return not_understood();
    }
    return records;
  }

 private:
  static int on_answer(sd_bus_message* message, void* self, sd_bus_error*) {
    static_cast<Export*>(self)->answer_.reset(sd_bus_message_ref(message));
    return 0;
  }

  // After an answer that is an error the daemon has closed its end, so that the pipe ends too.
  std::optional<Failure> step() {
    const int processed = sd_bus_process(bus_, nullptr);
    if (processed < 0) {
      return Failure{Exit::unavailable, "no_reply", "antigravity-proxy did not answer",
                     "see: journalctl -u antigravity-proxy"};
    }
    if (processed > 0) {
      return std::nullopt;
    }
    pollfd wait[2] = {{sd_bus_get_fd(bus_), static_cast<short>(sd_bus_get_events(bus_)), 0},
                      {pipe_.get(), POLLIN, 0}};  // -1 once the pipe has ended: not looked at
    if (::poll(wait, 2, -1) < 0 && errno != EINTR) {
      return Failure{Exit::failed, "failed", std::strerror(errno), ""};
    }
    return (wait[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0 ? copy() : std::nullopt;
  }

  std::optional<Failure> copy() {
    char space[64 * 1024];
    const auto size = ::read(pipe_.get(), space, sizeof space);
    if (size <= 0) {
      pipe_.reset();
      return std::nullopt;
    }
    for (ssize_t done = 0; done < size;) {
      const auto written = ::write(into_, space + done, static_cast<std::size_t>(size - done));
      if (written < 0 && errno != EINTR) {
        return Failure{Exit::failed, "cannot_write",
                       std::string("the export cannot be written: ") + std::strerror(errno),
                       "what was written is not whole"};
      }
      done += written < 0 ? 0 : written;
    }
    return std::nullopt;
  }

  sd_bus* bus_;
  UniqueFd pipe_;
  int into_;
  sd_bus_slot* slot_ = nullptr;
  Message answer_;
};

}  // namespace

Answer<std::string> BusDaemon::records(const std::map<std::string, std::string>& query) {
  return call("Records", patience_,
              [&](sd_bus_message* message) { return fill_query(message, query); });
}

Answer<std::uint64_t> BusDaemon::export_records(const std::map<std::string, std::string>& query,
                                                int into) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return Failure{Exit::failed, "failed", std::strerror(errno), ""};
  }
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  sd_bus* raw_bus = nullptr;
  const int opened = sd_bus_open_system(&raw_bus);
  if (opened < 0) {
    return no_bus(opened);
  }
  const Bus bus(raw_bus);
  sd_bus_message* raw = nullptr;
  int result = sd_bus_message_new_method_call(raw_bus, &raw, kName, kPath, kName, "Export");
  Message request(raw);
  if (result >= 0) {
    result = fill_query(raw, query);
  }
  if (result >= 0) {
    result = sd_bus_message_append(raw, "h", writing.get());  // a duplicate goes along
  }
  Export transfer(raw_bus, std::move(reading), into);
  if (result >= 0) {
    result = transfer.ask(raw);
  }
  if (result < 0) {
    return unsendable(result);
  }
  (void)sd_bus_flush(raw_bus);  // what stays in the queue is sent by the loop
  request.reset();
  writing.reset();
  return transfer.run();
}

Answer<std::string> BusDaemon::status() {
  return call("Status", patience_);
}

Answer<std::string> BusDaemon::usage(const std::map<std::string, std::string>& query) {
  return call("Usage", patience_,
              [&](sd_bus_message* message) { return fill_query(message, query); });
}

Answer<std::string> BusDaemon::quota() {
  return call("Quota", patience_);
}

Answer<std::string> BusDaemon::why(const std::map<std::string, std::string>& query) {
  return call("Why", patience_,
              [&](sd_bus_message* message) { return fill_query(message, query); });
}

Answer<std::string> BusDaemon::models() {
  return call("Models", patience_);
}

Answer<std::string> BusDaemon::sessions() {
  return call("Sessions", patience_);
}

Answer<std::string> BusDaemon::policy() {
  return call("GetPolicy", patience_);
}

Answer<std::string> BusDaemon::check_policy(const std::string& host,
                                            const std::string& method,
                                            const std::string& path) {
  return call("CheckPolicy", patience_, [&](sd_bus_message* message) {
    return sd_bus_message_append(message, "sss", host.c_str(), method.c_str(), path.c_str());
  });
}

Answer<std::string> BusDaemon::reload_policy() {
  return call("ReloadPolicy", kHumanPatience);
}

Answer<std::string> BusDaemon::ide_patch_status() {
  return cli::ide_patch_status("/etc/antigravity-proxy/helper.yaml");
}

Answer<std::string> BusDaemon::change_ide_patch(IdePatchChange change) {
  return cli::change_ide_patch(change);
}

Answer<std::string> BusDaemon::language_server() {
  return call("LanguageServer", patience_);
}

Answer<std::string> BusDaemon::start_language_server() {
  return call("StartLanguageServer", kHumanPatience);
}

Answer<std::string> BusDaemon::stop_language_server() {
  return call("StopLanguageServer", kHumanPatience);
}

Answer<std::string> BusDaemon::restart_language_server() {
  return call("RestartLanguageServer", kHumanPatience);
}

Answer<std::string> BusDaemon::capture() {
  return call("Capture", patience_);
}

Answer<std::string> BusDaemon::start_capture() {
  return call("StartCapture", kHumanPatience);
}

Answer<std::string> BusDaemon::stop_capture() {
  return call("StopCapture", kHumanPatience);
}

Answer<std::string> BusDaemon::ca() {
  return call("Ca", patience_);
}

Answer<std::string> BusDaemon::rotate_ca() {
  return call("RotateCa", kHumanPatience);
}

}  // namespace agp::cli
