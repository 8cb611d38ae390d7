#pragma once

#include "cli/render.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

/// Reading documents of the daemon, and tables for people.
namespace agp::cli {

inline constexpr const char* kUnknown = "unknown";
inline constexpr std::size_t kScreen = 80;  // columns of a terminal

[[nodiscard]] Failure unreadable();
/// The object that an answer is; unreadable() for anything else.
[[nodiscard]] Answer<boost::json::object> parsed(const Answer<std::string>& answer);
[[nodiscard]] const boost::json::value* find(const boost::json::object& object,
                                             std::string_view key);
[[nodiscard]] const boost::json::object* object_in(const boost::json::object& object,
                                                   std::string_view key);

/// Terminals obey control characters, and names come from the network.
[[nodiscard]] std::string printable(std::string_view text);

/// What is not there, or of another kind, is "unknown".
[[nodiscard]] std::string text_of(const boost::json::object& object, std::string_view key);
[[nodiscard]] std::string yes_or_no(const boost::json::object& object, std::string_view key);
[[nodiscard]] std::optional<std::uint64_t> number_of(const boost::json::object& object,
                                                     std::string_view key);
[[nodiscard]] std::string number_text(const boost::json::object& object, std::string_view key);
/// Nothing is wrong with this one of a document's problems: it says what is waited for.
[[nodiscard]] bool is_waiting(const boost::json::object& problem);
/// Null is "(none)".
[[nodiscard]] std::string key_text(const boost::json::value& value);

[[nodiscard]] std::string painted(const Style& style, const char* code, const std::string& text);

/// Columns of a terminal, near enough: code points.
[[nodiscard]] std::size_t width_of(std::string_view text);
/// The first columns of a text, with a dot for what is left out.
/// @param width  at least 1.
[[nodiscard]] std::string cut_to(const std::string& text, std::size_t width);

using Row = std::vector<std::string>;

/// The first `left` columns are aligned left, the others right.
/// @param width  names in the left columns are cut until a line is no longer, as far as they can
///               be; numbers are never cut. 0: any width.
[[nodiscard]] std::string table_of(std::vector<Row> rows, std::size_t left, std::size_t width = 0);

/// The longest line of that table, when nothing is cut.
[[nodiscard]] std::size_t width_of_table(const std::vector<Row>& rows);

}  // namespace agp::cli
