#include "cli/doctor.h"

#include "cli/document.h"

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

namespace agp::cli {
namespace {

namespace json = boost::json;

constexpr const char* kNewestCalls = "200";
constexpr std::string_view kCodeAssist = "cloudcode-pa";

Answer<json::array> list_of(const Answer<std::string>& answer, std::string_view key) {
  const auto document = parsed(answer);
  if (const auto* failure = std::get_if<Failure>(&document)) {
    return *failure;
  }
  const auto* value = find(std::get<json::object>(document), key);
  if (value == nullptr || !value->is_array()) {
    return unreadable();
  }
  return value->get_array();
}

// Asked once; whatever is kept is answered again.
template <class T, class Ask>
const T& once(std::optional<T>& kept, Ask ask) {
  if (!kept) {
    kept = ask();
  }
  return *kept;
}

const Failure& hung_service() {
  static const Failure kHung{
      Exit::unavailable, "no_reply",
      "the service is on the bus but does not answer: it hangs, or was stopped by a signal",
      "systemctl restart antigravity-proxy; if it happens again, report it with: journalctl -u "
      "antigravity-proxy"};
  return kHung;
}

}  // namespace

const char* to_string(Finding::State state) {
  switch (state) {
    case Finding::State::ok:
      return "ok";
    case Finding::State::failed:
      return "failed";
    case Finding::State::unknown:
      return "unknown";
    case Finding::State::not_applicable:
      return "not_applicable";
  }
  return "";
}

const Answer<json::object>& Facts::status() {
  return once(status_, [this]() -> Answer<json::object> {
    if (is_service_hung()) {
      return hung_service();
    }
    return parsed(daemon_->status());
  });
}

const json::object* Facts::status_part(std::string_view key) {
  const auto* document = std::get_if<json::object>(&status());
  return document == nullptr ? nullptr : object_in(*document, key);
}

const json::object* Facts::problem(std::string_view code) {
  const auto* document = std::get_if<json::object>(&status());
  const auto* value = document == nullptr ? nullptr : find(*document, "problems");
  if (value == nullptr || !value->is_array()) {
    return nullptr;
  }
  for (const auto& each : value->get_array()) {
    const auto* object = each.if_object();
    if (object != nullptr && text_of(*object, "code") == code) {
      return object;
    }
  }
  return nullptr;
}

const Answer<json::array>& Facts::records() {
  return once(records_, [this]() -> Answer<json::array> {
    if (const auto* failure = std::get_if<Failure>(&status())) {
      return *failure;
    }
    return list_of(daemon_->records({{"limit", kNewestCalls}}), "records");
  });
}

std::string Facts::newest_record() {
  const auto* list = std::get_if<json::array>(&records());
  const auto* first = list == nullptr || list->empty() ? nullptr : list->front().if_object();
  const auto at = first == nullptr ? kUnknown : text_of(*first, "started_at");
  return at == kUnknown ? "" : at;
}

const Answer<json::array>& Facts::calls() {
  return once(calls_, [this]() -> Answer<json::array> {
    auto all = records();
    if (auto* list = std::get_if<json::array>(&all)) {
      json::array calls;
      for (auto& record : *list) {
        const auto* object = record.if_object();
        if (object != nullptr && text_of(*object, "host").find(kCodeAssist) != std::string::npos) {
          calls.push_back(std::move(record));
        }
      }
      *list = std::move(calls);
    }
    return all;
  });
}

const Answer<json::array>& Facts::extensions() {
  return once(extensions_, [this] { return list_of(daemon_->ide_patch_status(), "files"); });
}

const doctor::Machine& Facts::machine() {
  return once(machine_, [this] { return sources_->machine(); });
}

const Answer<doctor::SystemBus>& Facts::system_bus() {
  return once(system_bus_, [this] { return sources_->system_bus(); });
}

const Answer<std::vector<doctor::Unit>>& Facts::units() {
  return once(units_, [this] { return sources_->units(); });
}

const doctor::Unit* Facts::unit(std::string_view name) {
  const auto* list = std::get_if<std::vector<doctor::Unit>>(&units());
  if (list == nullptr) {
    return nullptr;
  }
  const auto found = std::find_if(list->begin(), list->end(),
                                  [&](const doctor::Unit& unit) { return unit.name == name; });
  return found == list->end() ? nullptr : &*found;
}

const std::vector<doctor::Listener>& Facts::listeners() {
  return once(listeners_, [this] { return sources_->listeners(); });
}

const doctor::Configuration& Facts::configuration() {
  return once(configuration_, [this] { return sources_->configuration(); });
}

bool Facts::is_service_hung() {
  return once(is_service_hung_, [this] { return sources_->is_service_hung(); });
}

const std::vector<doctor::Endpoint>& Facts::endpoints() {
  return once(endpoints_, [this] { return sources_->endpoints(); });
}

const Answer<doctor::Helper>& Facts::helper() {
  return once(helper_, [this]() -> Answer<doctor::Helper> {
    const auto* service = unit(doctor::kServiceUnit);
    const auto* helper = unit(doctor::kHelperUnit);
    const auto is_active = [](const doctor::Unit* unit) {
      return unit != nullptr && unit->active_state == "active";
    };
    if (service != nullptr && !is_active(service) && !is_active(helper)) {
      return Failure{Exit::not_active, "not_active", "the helper is not asked while nothing runs",
                     "see service.reachable"};
    }
    return sources_->helper();
  });
}

const doctor::Trust& Facts::trust() {
  return once(trust_, [this] { return sources_->trust(); });
}

const doctor::Reaches& Facts::upstream() {
  return once(upstream_, [this] { return sources_->upstream(configuration()); });
}

const doctor::Reaches& Facts::captured() {
  return once(captured_, [this] { return sources_->captured(configuration()); });
}

}  // namespace agp::cli
