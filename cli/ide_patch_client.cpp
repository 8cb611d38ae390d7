#include "cli/ide_patch_client.h"

#include "helper/config.h"
#include "helper/core/ide_patch.h"
#include "helper/os/extension_store.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <systemd/sd-bus.h>

namespace agp::cli {
namespace {

namespace json = boost::json;

constexpr const char* kName = "org.antigravityproxy.Helper1";
constexpr const char* kPath = "/org/antigravityproxy/Helper1";
constexpr const char* kSchema = "antigravity-proxy.ide-patch.v1";
constexpr std::uint64_t kPatience = 60'000'000;  // microseconds; the helper writes some 10 MB

struct BusCloser {
  void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
};
struct MessageCloser {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, MessageCloser>;

Failure failure_of(const sd_bus_error& error, int result) {
  const std::string_view name = error.name == nullptr ? "" : error.name;
  const std::string text = error.message == nullptr ? std::strerror(-result) : error.message;
  if (name == SD_BUS_ERROR_ACCESS_DENIED ||
      name == SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED) {
    return {Exit::refused, "refused", "only an administrator may change a file of the IDE",
            "run it as root"};
  }
  if (name == SD_BUS_ERROR_SERVICE_UNKNOWN) {
    return {Exit::unavailable, "no_helper", "the helper cannot be started: " + text,
            "install antigravity-proxy again"};
  }
  if (name == SD_BUS_ERROR_UNKNOWN_METHOD) {
    return {Exit::failed, "too_old", "the running helper is of another version",
            "stop it: systemctl stop antigravity-proxy-helper; it starts when it is needed"};
  }
  return {Exit::failed, "failed", text, "see: journalctl -u antigravity-proxy-helper"};
}

json::object file_value(std::string_view path,
                        std::string_view state,
                        std::string_view detail,
                        std::string_view sha256,
                        std::string_view backup_sha256) {
  const auto or_null = [](std::string_view text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
  };
  return json::object{{"path", path},
                      {"state", state},
                      {"detail", or_null(detail)},
                      {"sha256", or_null(sha256)},
                      {"backup_sha256", or_null(backup_sha256)}};
}

std::string document_of(bool changed, json::array files) {
  return json::serialize(
             json::object{{"schema", kSchema}, {"changed", changed}, {"files", std::move(files)}}) +
         "\n";
}

Answer<std::string> read_answer(sd_bus_message* reply) {
  const Failure unreadable{Exit::data, "unreadable", "the answer of the helper is not understood",
                           "command and helper are of different versions: systemctl stop "
                           "antigravity-proxy-helper"};
  int changed = 0;
  if (sd_bus_message_read(reply, "b", &changed) < 0 ||
      sd_bus_message_enter_container(reply, 'a', "(sssss)") < 0) {
    return unreadable;
  }
  json::array files;
  const char* path = nullptr;
  const char* state = nullptr;
  const char* detail = nullptr;
  const char* sha256 = nullptr;
  const char* backup = nullptr;
  int more = 0;
  while ((more = sd_bus_message_read(reply, "(sssss)", &path, &state, &detail, &sha256, &backup)) >
         0) {
    files.push_back(file_value(path, state, detail, sha256, backup));
  }
  if (more < 0) {
    return unreadable;
  }
  return document_of(changed != 0, std::move(files));
}

}  // namespace

std::string ide_patch_document(const agp::core::ExtensionOutcome& outcome) {
  json::array files;
  for (const auto& file : outcome.files) {
    files.push_back(file_value(file.path, agp::core::to_string(file.state), file.detail,
                               file.sha256, file.backup_sha256));
  }
  return document_of(outcome.changed, std::move(files));
}

Answer<std::string> ide_patch_status(const std::string& config) {
  agp::os::ExtensionStore files;
  // Looking takes no lock.
  agp::core::IdePatch ide_patch(&files, nullptr,
                                [&config] { return agp::helper::load_settings(config); });
  auto seen = ide_patch.look();
  if (!seen) {
    return Failure{Exit::data, "faulty_configuration", seen.error().text(), "correct " + config};
  }
  return ide_patch_document(*seen);
}

Answer<std::string> change_ide_patch(IdePatchChange change) {
  sd_bus* raw_bus = nullptr;
  const int opened = sd_bus_open_system(&raw_bus);
  if (opened < 0) {
    return Failure{Exit::unavailable, "no_bus",
                   std::string("the system bus cannot be reached: ") + std::strerror(-opened),
                   "check that dbus.service runs"};
  }
  const std::unique_ptr<sd_bus, BusCloser> bus(raw_bus);
  const char* member = change == IdePatchChange::apply ? "ApplyIdePatch" : "RevertIdePatch";
  sd_bus_message* raw = nullptr;
  int result = sd_bus_message_new_method_call(raw_bus, &raw, kName, kPath, kName, member);
  const Message request(raw);
  if (result >= 0 && change != IdePatchChange::apply) {
    result = sd_bus_message_append(raw, "b", change == IdePatchChange::forget ? 1 : 0);
  }
  sd_bus_error error = SD_BUS_ERROR_NULL;
  sd_bus_message* raw_reply = nullptr;
  if (result >= 0) {
    result = sd_bus_call(raw_bus, raw, kPatience, &error, &raw_reply);
  }
  const Message reply(raw_reply);
  if (result < 0) {
    auto failure = failure_of(error, result);
    sd_bus_error_free(&error);
    return failure;
  }
  return read_answer(raw_reply);
}

}  // namespace agp::cli
