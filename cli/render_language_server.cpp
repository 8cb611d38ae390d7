#include "cli/document.h"
#include "cli/render.h"

#include <string>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

bool is_set(const json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  return value != nullptr && value->is_string();
}

std::string row(const std::string& name, const std::string& value) {
  return name + std::string(name.size() < 14 ? 14 - name.size() : 1, ' ') + value + "\n";
}

// systemd's words; a signal has no exit status.
std::string end_text(const json::object& exit) {
  const auto result = text_of(exit, "result");
  const bool is_signal = result == "signal" || result == "core-dump" || result == "oom-kill";
  return (is_signal ? result + " " : "exit status ") + number_text(exit, "status") + " at " +
         text_of(exit, "at");
}

std::string problems_text(const json::array& problems, const Style& style, bool* is_failing) {
  std::string out;
  for (const auto& each : problems) {
    const auto* problem = each.if_object();
    if (problem == nullptr) {
      continue;
    }
    const auto code = text_of(*problem, "code");
    const bool waits = is_waiting(*problem);
    *is_failing = *is_failing || !waits;
    out += "\n" + painted(style, waits ? "1" : "1;31", code) + ": " +
           printable(text_of(*problem, "message")) + "\n  " +
           printable(text_of(*problem, "remedy")) + "\n";
  }
  return out;
}

}  // namespace

Answer<LanguageServerText> render_language_server(std::string_view document, const Style& style) {
  boost::system::error_code ec;
  const auto value = json::parse(json::string_view(document.data(), document.size()), ec);
  const auto* object = ec ? nullptr : value.if_object();
  const auto* server = object == nullptr ? nullptr : object_in(*object, "language_server");
  const auto* problems = object == nullptr ? nullptr : find(*object, "problems");
  if (server == nullptr || problems == nullptr || !problems->is_array()) {
    return unreadable();
  }
  LanguageServerText out;
  const auto state = text_of(*server, "state");
  out.is_usable = yes_or_no(*server, "usable") == "yes";
  out.is_stopped = yes_or_no(*server, "stopped_on_request") == "yes" && !out.is_usable;
  out.is_failing = state == "crash-loop" || state == "backing-off";
  out.text = row("State", painted(style, out.is_usable ? "1;32" : "1", state) + " (mode " +
                              text_of(*server, "mode") + ")");
  if (is_set(*server, "user")) {
    out.text += row("Session of", printable(text_of(*server, "user")));
  }
  if (is_set(*server, "instance")) {
    out.text += row("Unit", "antigravity-ls-" + printable(text_of(*server, "instance")));
  }
  if (number_of(*server, "crashes").value_or(0) > 0) {
    out.text += row("Crashes", number_text(*server, "crashes") + " in a row");
  }
  if (const auto* exit = object_in(*server, "last_exit")) {
    out.text += row("Last end", end_text(*exit));
  }
  const auto* log = find(*server, "log");
  if (log != nullptr && log->is_array() && !log->get_array().empty() && !out.is_usable) {
    out.text += "What it wrote last:\n";
    for (const auto& line : log->get_array()) {
      out.text += "  " + (line.is_string() ? printable(line.get_string()) : kUnknown) + "\n";
    }
  }
  out.text += problems_text(problems->get_array(), style, &out.is_failing);
  return out;
}

}  // namespace agp::cli
