#include "cli/capture_command.h"

#include "cli/document.h"
#include "cli/render.h"
#include "cli/shown.h"

#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

struct CaptureText {
  std::string text;
  bool is_active = false;
  bool is_off = false;  // nobody wants it to be on
  bool is_failing = false;
};

Answer<CaptureText> render(std::string_view document, const Style& style) {
  boost::system::error_code ec;
  const auto value = json::parse(json::string_view(document.data(), document.size()), ec);
  const auto* object = ec ? nullptr : value.if_object();
  const auto* capture = object == nullptr ? nullptr : object_in(*object, "capture");
  const auto* redirect = object == nullptr ? nullptr : object_in(*object, "redirect");
  const auto* problems = object == nullptr ? nullptr : find(*object, "problems");
  if (capture == nullptr || redirect == nullptr || problems == nullptr || !problems->is_array()) {
    return unreadable();
  }
  CaptureText out;
  const auto mode = text_of(*capture, "mode");
  out.is_active = yes_or_no(*capture, "active") == "yes";
  const bool is_switched_off = yes_or_no(*capture, "switched_off") == "yes";
  out.is_off = !out.is_active && (is_switched_off || mode == "off");
  out.text = "Capture  " +
             painted(style, out.is_active ? "1;32" : "1", out.is_active ? "on" : "off") +
             " (mode " + mode + "; IPv4 " + yes_or_no(*redirect, "ipv4") + ", IPv6 " +
             yes_or_no(*redirect, "ipv6") + ")\n";
  for (const auto& each : problems->get_array()) {
    if (const auto* problem = each.if_object()) {
      out.is_failing = out.is_failing || !is_waiting(*problem);
      out.text += "\n" + printable(text_of(*problem, "message")) + "\n  " +
                  printable(text_of(*problem, "remedy")) + "\n";
    }
  }
  return out;
}

Exit exit_for(std::string_view verb, const CaptureText& text) {
  if (verb == "off") {
    return text.is_off ? Exit::ok : Exit::failed;
  }
  if (text.is_active) {
    return Exit::ok;
  }
  return verb == "on" || text.is_failing ? Exit::failed : Exit::not_active;
}

Answer<std::string> ask(std::string_view verb, Daemon& daemon) {
  return verb == "on"    ? daemon.start_capture()
         : verb == "off" ? daemon.stop_capture()
                         : daemon.capture();
}

}  // namespace

Output run_capture(const Line& line, Daemon& daemon, const Style& style) {
  const auto verb = second_word(*line.verb);
  return shown(
      ask(verb, daemon), line.json,
      [&](const std::string& document) { return render(document, style); },
      [&](const CaptureText& text) { return exit_for(verb, text); });
}

}  // namespace agp::cli
