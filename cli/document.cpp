#include "cli/document.h"

#include "cli/help.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>
#include <variant>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

constexpr const char* kDots = "\xE2\x80\xA6";
constexpr std::size_t kReadable = 10;  // columns of a name that still says what it is

std::vector<std::size_t> widths_of(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  }
  return widths;
}

std::size_t line_width(const std::vector<std::size_t>& widths) {
  return std::accumulate(widths.begin(), widths.end(),
                         widths.empty() ? std::size_t{0} : 2 * (widths.size() - 1));
}

// Takes columns from the widest names until a line fits.
// @return false when names of that width are still too wide.
bool narrow(std::vector<std::size_t>& widths,
            std::size_t left,
            std::size_t width,
            std::size_t least) {
  auto line = line_width(widths);
  const auto end = widths.begin() + static_cast<std::ptrdiff_t>(std::min(left, widths.size()));
  for (; line > width; --line) {
    const auto widest = std::max_element(widths.begin(), end);
    if (widest == end || *widest <= least) {
      return false;
    }
    --*widest;
  }
  return true;
}

std::size_t octets_of(std::string_view text, std::size_t width) {
  std::size_t at = 0;
  for (std::size_t columns = 0; at < text.size(); ++at) {
    columns += (text[at] & 0xC0) != 0x80 ? 1U : 0U;
    if (columns > width) {
      break;
    }
  }
  return at;
}

void drop(std::vector<Row>& rows, std::size_t* left, std::string_view title) {
  const auto found = std::find(rows[0].begin(), rows[0].end(), title);
  if (found == rows[0].end()) {
    return;
  }
  const auto at = found - rows[0].begin();
  for (auto& row : rows) {
    row.erase(row.begin() + at);
  }
  *left -= static_cast<std::size_t>(at) < *left ? 1U : 0U;
}

std::string lower(std::string_view title) {
  std::string out(title);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string text_of_table(const std::vector<Row>& rows,
                          const std::vector<std::size_t>& widths,
                          std::size_t left) {
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto cell = i < left ? shortened(row[i], widths[i]) : row[i];
      const std::string pad(widths[i] - std::min(widths[i], width_of(cell)), ' ');
      line += i == 0 ? "" : "  ";
      line += i < left ? cell + pad : pad + cell;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string cut_to(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) {
    return text;
  }
  return text.substr(0, octets_of(text, width - 1)) + kDots;
}

std::string shortened(const std::string& text, std::size_t width) {
  const auto all = width_of(text);
  if (all <= width) {
    return text;
  }
  const auto end = (width - 1) / 2;
  return text.substr(0, octets_of(text, width - 1 - end)) + kDots +
         text.substr(octets_of(text, all - end));
}

Failure unreadable() {
  return {Exit::data, "unreadable", "the answer of antigravity-proxy is not understood",
          "command and daemon are of different versions: restart antigravity-proxy"};
}

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

const json::value* find(const json::object& object, std::string_view key) {
  return object.if_contains(key);
}

const json::object* object_in(const json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  return value == nullptr ? nullptr : value->if_object();
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(byte < 0x20 || byte == 0x7F ? '?' : c);
  }
  return out;
}

std::string text_of(const json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  if (value == nullptr || !value->is_string()) {
    return kUnknown;
  }
  return printable({value->get_string().data(), value->get_string().size()});
}

std::string yes_or_no(const json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  if (value == nullptr || !value->is_bool()) {
    return kUnknown;
  }
  return value->get_bool() ? "yes" : "no";
}

bool is_waiting(const json::object& problem) {
  return text_of(problem, "severity") == "waiting";
}

std::optional<std::uint64_t> number_of(const json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->is_uint64()) {
    return value->get_uint64();
  }
  if (value->is_int64() && value->get_int64() >= 0) {
    return static_cast<std::uint64_t>(value->get_int64());
  }
  return std::nullopt;
}

std::string number_text(const json::object& object, std::string_view key) {
  const auto number = number_of(object, key);
  return number ? grouped(*number) : kUnknown;
}

std::string painted(const Style& style, const char* code, const std::string& text) {
  return style.color ? std::string("\x1b[") + code + "m" + text + "\x1b[0m" : text;
}

std::string key_text(const json::value& value) {
  if (value.is_null()) {
    return "(none)";
  }
  if (value.is_string()) {
    return printable({value.get_string().data(), value.get_string().size()});
  }
  return json::serialize(value);
}

Table fitted(std::vector<Row> rows, const Fit& fit) {
  auto left = fit.left;
  auto widths = widths_of(rows);
  const auto titles = rows[0];
  if (fit.width != 0) {
    const auto is_too_wide = [&] {
      widths = widths_of(rows);
      return line_width(widths) > fit.width;
    };
    for (const auto title : fit.spare) {
      if (!is_too_wide()) {
        break;
      }
      drop(rows, &left, title);
    }
    for (const auto title : fit.last) {
      if (!is_too_wide() || narrow(widths, left, fit.width, kReadable)) {
        break;
      }
      drop(rows, &left, title);
    }
    if (is_too_wide()) {
      (void)narrow(widths, left, fit.width, 1);  // numbers alone may be wider than a terminal
    }
  }
  Table out{text_of_table(rows, widths, left), ""};
  for (const auto& title : titles) {
    if (std::find(rows[0].begin(), rows[0].end(), title) == rows[0].end()) {
      out.gone += (out.gone.empty() ? "" : ", ") + lower(title);
    }
  }
  return out;
}

std::string table_of(std::vector<Row> rows, const Fit& fit) {
  auto [text, gone] = fitted(std::move(rows), fit);
  return gone.empty() ? text
                      : text + "\n" +
                            line_of("Not shown, for want of room: " + gone + ". --json has all.",
                                    {false, fit.width});
}

std::string list_of(const std::vector<Row>& rows, std::size_t width) {
  const auto names = widths_of(rows)[0] + 2;
  std::string out;
  for (const auto& row : rows) {
    const auto before = row[0] + std::string(names - width_of(row[0]), ' ');
    out += before + (width == 0 ? row[1] : wrapped(row[1], width, names, names)) + "\n";
  }
  return out;
}

std::string line_of(std::string_view text, const Style& style) {
  return (style.columns == 0 ? std::string(text) : wrapped(text, style.columns, 0, 0)) + "\n";
}

}  // namespace agp::cli
