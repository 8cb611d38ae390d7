#include "cli/ca_command.h"

#include "cli/document.h"
#include "cli/render.h"
#include "cli/shown.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

struct CaText {
  std::string text;
  bool is_rotating = false;
};

std::string row(const std::string& name, const std::string& value) {
  return name + std::string(name.size() < 14 ? 14 - name.size() : 1, ' ') + value + "\n";
}

std::string certificate_text(const json::object& certificate) {
  return row("Subject", printable(text_of(certificate, "subject"))) +
         row("SHA-256", printable(text_of(certificate, "sha256"))) +
         row("Valid",
             text_of(certificate, "not_before") + " to " + text_of(certificate, "not_after"));
}

std::string names_text(const json::array& names) {
  std::string out;
  for (const auto& name : names) {
    out += (out.empty() ? "" : ", ") + (name.is_string() ? printable(name.get_string()) : kUnknown);
  }
  return out;
}

Answer<CaText> render(std::string_view document) {
  boost::system::error_code ec;
  const auto value = json::parse(json::string_view(document.data(), document.size()), ec);
  const auto* object = ec ? nullptr : value.if_object();
  const auto* certificate = object == nullptr ? nullptr : object_in(*object, "certificate");
  const auto* names = object == nullptr ? nullptr : find(*object, "permitted_names");
  if (certificate == nullptr || names == nullptr || !names->is_array()) {
    return unreadable();
  }
  CaText out;
  out.text = certificate_text(*certificate) + row("Signs for", names_text(names->get_array())) +
             row("Bundle", printable(text_of(*object, "bundle")));
  if (const auto* rotation = object_in(*object, "rotation")) {
    out.is_rotating = true;
    out.text += "\n" + row("Being replaced", printable(text_of(*rotation, "step")));
    if (const auto* next = object_in(*rotation, "next")) {
      out.text += certificate_text(*next);
    }
  }
  const auto* problem = find(*object, "problem");
  if (problem != nullptr && problem->is_string()) {
    out.text += "\nNot replaced: " + printable(problem->get_string()) +
                "\n  try again with: antigravity-proxy ca rotate\n";
  }
  return out;
}

}  // namespace

Output run_ca(const Line& line, Daemon& daemon, const Style& /*style*/) {
  const auto verb = second_word(*line.verb);
  return shown(verb == "show" ? daemon.ca() : daemon.rotate_ca(), line.json, render,
               [&](const CaText& text) {
                 return verb == "rotate" && text.is_rotating ? Exit::failed : Exit::ok;
               });
}

}  // namespace agp::cli
