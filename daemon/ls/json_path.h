#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

/// Tolerant reading of proto3 JSON: default values are absent, so absent and wrong type are the
/// same as empty.
namespace agp::ls {

[[nodiscard]] inline const boost::json::value* value_at(const boost::json::object& object,
                                                        std::string_view key) {
  return object.if_contains({key.data(), key.size()});
}

[[nodiscard]] inline const boost::json::object* object_at(const boost::json::object& object,
                                                          std::string_view key) {
  const auto* value = value_at(object, key);
  return value == nullptr ? nullptr : value->if_object();
}

[[nodiscard]] inline const boost::json::array* array_at(const boost::json::object& object,
                                                        std::string_view key) {
  const auto* value = value_at(object, key);
  return value == nullptr ? nullptr : value->if_array();
}

[[nodiscard]] inline std::string text_at(const boost::json::object& object, std::string_view key) {
  const auto* value = value_at(object, key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

[[nodiscard]] inline std::string text_at(const boost::json::object& object,
                                         std::string_view outer,
                                         std::string_view key) {
  const auto* inner = object_at(object, outer);
  return inner == nullptr ? std::string() : text_at(*inner, key);
}

[[nodiscard]] inline bool flag_at(const boost::json::object& object, std::string_view key) {
  const auto* value = value_at(object, key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

/// proto3 JSON writes 64-bit integers as strings, smaller ones as numbers.
[[nodiscard]] inline std::uint64_t count_at(const boost::json::object& object,
                                            std::string_view key) {
  const auto* value = value_at(object, key);
  if (value == nullptr) {
    return 0;
  }
  boost::system::error_code ec;
  const auto number = value->to_number<std::uint64_t>(ec);
  if (!ec) {
    return number;
  }
  std::uint64_t parsed = 0;
  if (value->is_string()) {
    for (const char c : value->get_string()) {
      if (c < '0' || c > '9' || parsed > 1'000'000'000'000) {
        return 0;
      }
      parsed = parsed * 10 + static_cast<std::uint64_t>(c - '0');
    }
  }
  return parsed;
}

}  // namespace agp::ls
