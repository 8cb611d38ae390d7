#include "cli/doctor.h"

#include "cli/document.h"

#include <map>
#include <utility>
#include <variant>

#include <boost/json/parse.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

constexpr const char* kNewestCalls = "200";
constexpr std::string_view kCodeAssist = "cloudcode-pa";

Answer<json::object> parsed(const Answer<std::string>& answer) {
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return *failure;
  }
  boost::system::error_code error;
  auto value = json::parse(std::get<std::string>(answer), error);
  if (error || !value.is_object()) {
    return unreadable();
  }
  return std::move(value.get_object());
}

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
  if (!status_) {
    status_ = parsed(daemon_->status());
  }
  return *status_;
}

const json::object* Facts::status_part(std::string_view key) {
  const auto* document = std::get_if<json::object>(&status());
  return document == nullptr ? nullptr : object_in(*document, key);
}

const Answer<json::array>& Facts::calls() {
  if (!calls_) {
    auto records = list_of(daemon_->records({{"limit", kNewestCalls}}), "records");
    if (auto* list = std::get_if<json::array>(&records)) {
      json::array calls;
      for (auto& record : *list) {
        const auto* object = record.if_object();
        if (object != nullptr && text_of(*object, "host").find(kCodeAssist) != std::string::npos) {
          calls.push_back(std::move(record));
        }
      }
      *list = std::move(calls);
    }
    calls_ = std::move(records);
  }
  return *calls_;
}

const Answer<json::array>& Facts::extensions() {
  if (!extensions_) {
    extensions_ = list_of(daemon_->ide_patch_status(), "files");
  }
  return *extensions_;
}

const Answer<std::vector<std::string>>& Facts::binaries() {
  if (!binary_paths_) {
    binary_paths_ = binaries_();
  }
  return *binary_paths_;
}

}  // namespace agp::cli
