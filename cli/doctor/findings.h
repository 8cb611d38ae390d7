#pragma once

#include "cli/doctor.h"
#include "cli/document.h"

#include <string>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

/// What the checks of every layer say alike.
namespace agp::cli::doctor {

inline constexpr const char* kUseTheIde = "use the IDE for a minute, then run doctor again";
inline constexpr const char* kReport =
    "this version does not understand the traffic of your IDE; report it with the IDE's version";

[[nodiscard]] inline Finding ok(std::string seen) {
  return {Finding::State::ok, std::move(seen), {}};
}
[[nodiscard]] inline Finding wrong(std::string seen, std::string remedy) {
  return {Finding::State::failed, std::move(seen), std::move(remedy)};
}
[[nodiscard]] inline Finding unknown(std::string seen, std::string remedy) {
  return {Finding::State::unknown, std::move(seen), std::move(remedy)};
}
[[nodiscard]] inline Finding not_applicable(std::string seen) {
  return {Finding::State::not_applicable, std::move(seen), {}};
}
/// service.reachable says why.
[[nodiscard]] inline Finding no_status() {
  return unknown("the service did not say", "see service.reachable");
}
[[nodiscard]] inline Finding unanswered(const Failure& failure) {
  return unknown(failure.message, failure.hint);
}

/// Appends one of several things, "; " between them.
inline void add_to(std::string& list, std::string_view text) {
  list += list.empty() ? "" : "; ";
  list += text;
}

[[nodiscard]] inline const boost::json::array& array_in(const boost::json::object& object,
                                                        std::string_view key) {
  static const boost::json::array kEmpty;
  const auto* value = find(object, key);
  const auto* list = value == nullptr ? nullptr : value->if_array();
  return list == nullptr ? kEmpty : *list;
}

}  // namespace agp::cli::doctor
