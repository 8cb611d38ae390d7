#include "cli/ide_patch_client.h"

#include "cli/bus_call.h"
#include "helper/config.h"
#include "helper/core/ide_patch.h"
#include "helper/os/extension_store.h"

#include <cstdint>
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

Failure failure_of(const BusError& error, int result) {
  if (error.is_denied()) {
    return {Exit::refused, "refused", "only an administrator may change a file of the IDE",
            "run it as root"};
  }
  return helper_failure(error, result);
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
    return no_bus(opened);
  }
  const Bus bus(raw_bus);
  const char* member = change == IdePatchChange::apply ? "ApplyIdePatch" : "RevertIdePatch";
  sd_bus_message* raw = nullptr;
  int result = sd_bus_message_new_method_call(raw_bus, &raw, kName, kPath, kName, member);
  const Message request(raw);
  if (result >= 0 && change != IdePatchChange::apply) {
    result = sd_bus_message_append(raw, "b", change == IdePatchChange::forget ? 1 : 0);
  }
  BusError error;
  sd_bus_message* raw_reply = nullptr;
  if (result >= 0) {
    result = sd_bus_call(raw_bus, raw, kPatience, &error.error, &raw_reply);
  }
  const Message reply(raw_reply);
  if (result < 0) {
    return failure_of(error, result);
  }
  return read_answer(raw_reply);
}

}  // namespace agp::cli
