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
/// The same with the dot in the middle: names of models differ at their ends.
[[nodiscard]] std::string shortened(const std::string& text, std::size_t width);

using Row = std::vector<std::string>;

/// What a table gives up, in this order, for a line to be no wider than a terminal. Numbers are
/// never cut.
struct Fit {
  std::size_t left = 1;  // the first columns have names, aligned left; the others are aligned right
  std::size_t width = 0;                     // of the terminal; 0: any, nothing is given up
  std::vector<std::string_view> spare = {};  // 1: these go, one by one; the titles in the first row
  // 2: names are shortened, down to ten columns each
  std::vector<std::string_view> last = {};  // 3: these go
  // 4: names are shortened to whatever fits
};

struct Table {
  std::string text;
  std::string gone;  // titles of columns that are not there, with commas: "cached, reasoning"
};
/// @param rows  the first has the titles.
[[nodiscard]] Table fitted(std::vector<Row> rows, const Fit& fit);

/// The same, with a line about the columns that are not there.
[[nodiscard]] std::string table_of(std::vector<Row> rows, const Fit& fit);

/// Names and what is said of each; that goes on below itself where it is too long.
/// @param width  0: any.
[[nodiscard]] std::string list_of(const std::vector<Row>& rows, std::size_t width);

/// A line of text, in as many as a terminal needs.
[[nodiscard]] std::string line_of(std::string_view text, const Style& style);

}  // namespace agp::cli
