#include "cli/render.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

Failure unreadable() {
  return {Exit::data, "unreadable", "the answer of antigravity-proxy is not understood",
          "command and daemon are of different versions: restart antigravity-proxy"};
}

// Terminals obey control characters, and texts come from files of others.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(byte < 0x20 || byte == 0x7F ? '?' : c);
  }
  return out;
}

std::string text_in(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) {
    return {};
  }
  return printable({value->get_string().data(), value->get_string().size()});
}

bool is_true(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::uint64_t number_in(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) {
    return 0;
  }
  if (value->is_uint64()) {
    return value->get_uint64();
  }
  return value->is_int64() && value->get_int64() > 0
             ? static_cast<std::uint64_t>(value->get_int64())
             : 0;
}

const json::object& object_in(const json::object& object, std::string_view key) {
  static const json::object kEmpty;
  const auto* value = object.if_contains(key);
  return value == nullptr || !value->is_object() ? kEmpty : value->get_object();
}

const json::array& array_in(const json::object& object, std::string_view key) {
  static const json::array kEmpty;
  const auto* value = object.if_contains(key);
  return value == nullptr || !value->is_array() ? kEmpty : value->get_array();
}

std::string place(const json::object& object) {
  const auto where = text_in(object, "where");
  return where.empty() ? "" : "  (" + where + ")";
}

std::string lines(const json::object& document, std::string_view key, const std::string& before) {
  std::string out;
  for (const auto& item : array_in(document, key)) {
    if (item.is_string()) {
      out += before + printable({item.get_string().data(), item.get_string().size()}) + "\n";
    }
  }
  return out;
}

std::string methods_text(const json::object& rule) {
  const auto* value = rule.if_contains("methods");
  if (value == nullptr || !value->is_array()) {
    return "any";
  }
  std::string out;
  for (const auto& method : value->get_array()) {
    if (method.is_string()) {
      out += out.empty() ? "" : ",";
      out += printable({method.get_string().data(), method.get_string().size()});
    }
  }
  return out;
}

std::string edits_text(const json::object& edits, const std::string& indent) {
  std::string out;
  for (const auto& item : array_in(edits, "headers")) {
    if (const auto* edit = item.if_object()) {
      const bool sets = edit->contains("set");
      out += indent + text_in(*edit, "direction") + " header " +
             text_in(*edit, sets ? "set" : "remove") + (sets ? " is set" : " is removed") +
             place(*edit) + "\n";
    }
  }
  const auto& coding = object_in(edits, "accept_encoding");
  if (text_in(coding, "value") == "decodable") {
    out += indent + "Accept-Encoding is limited to what can be decoded" + place(coding) + "\n";
  }
  const auto& instruction = object_in(edits, "system_instruction");
  if (!instruction.empty()) {
    out += indent + "REQUEST RULE: the system instruction is " +
           (text_in(instruction, "mode") == "add" ? "added to" : "replaced") + ", " +
           grouped(number_in(instruction, "octets")) + " octets" + place(instruction) + "\n";
  }
  for (const auto& item : array_in(edits, "map_model")) {
    if (const auto* model = item.if_object()) {
      out += indent + "REQUEST RULE: model " + text_in(*model, "from") + " becomes " +
             text_in(*model, "to") + place(*model) + "\n";
    }
  }
  return out;
}

std::string rules_text(const json::object& entry) {
  std::string out;
  for (const auto& item : array_in(entry, "rules")) {
    if (const auto* rule = item.if_object()) {
      const auto reason = text_in(*rule, "reason");
      out += "    " + text_in(*rule, "action") + " " + methods_text(*rule) + " " +
             text_in(*rule, "path") + (reason.empty() ? "" : ": " + reason) + place(*rule) + "\n";
    }
  }
  return out;
}

template <class Render>
Answer<PolicyText> rendered(std::string_view document, std::string_view schema, Render render) {
  boost::system::error_code error;
  const auto value = json::parse(document, error);
  if (error || !value.is_object() || text_in(value.get_object(), "schema") != schema) {
    return unreadable();
  }
  return render(value.get_object());
}

PolicyText policy_text(const json::object& document) {
  std::string out;
  if (const auto generation = number_in(document, "generation"); generation != 0) {
    out += "Policy " + grouped(generation) + ", loaded at " + text_in(document, "loaded_at") + "\n";
  }
  for (const auto* key : {"default", "unnamed"}) {
    const auto& part = object_in(document, key);
    out += std::string(key) + ": " + text_in(part, "action") + place(part) + "\n";
  }
  out += "Hosts:\n";
  for (const auto& item : array_in(document, "hosts")) {
    if (const auto* rule = item.if_object()) {
      out += "  " + text_in(*rule, "action") + " " + text_in(*rule, "match");
      if (const auto after = number_in(*rule, "tunnel_after_refusals"); after != 0) {
        out += ", tunnelled after " + grouped(after) + " refusals";
      }
      out += place(*rule) + "\n";
    }
  }
  if (!array_in(document, "http").empty()) {
    out += "HTTP:\n";
  }
  for (const auto& item : array_in(document, "http")) {
    if (const auto* entry = item.if_object()) {
      out += "  " + text_in(*entry, "match") + place(*entry) + "\n" + rules_text(*entry) +
             edits_text(object_in(*entry, "edits"), "    ");
    }
  }
  const auto locked = lines(document, "locked", "  ");
  out += locked.empty() ? "" : "Locked by corp.yaml:\n" + locked;
  return {out + lines(document, "warnings", "Warning: "), Exit::ok};
}

PolicyText check_text(const json::object& document) {
  const auto host = text_in(document, "host");
  std::string out = (host.empty() ? "a connection without a name" : host) + ": " +
                    text_in(document, "action") + place(document) + "\n";
  if (const auto after = number_in(document, "tunnel_after_refusals"); after != 0) {
    out += "  tunnelled after " + grouped(after) + " refusals of our certificate\n";
  }
  if (is_true(document, "rewriting")) {
    out += "  relayed by rewriting\n";
  }
  out += edits_text(object_in(document, "edits"), "  ");
  const auto& request = object_in(document, "request");
  if (!request.empty()) {
    const auto reason = text_in(request, "reason");
    const bool is_seen = is_true(request, "is_seen");
    out += text_in(request, "method") + " " + text_in(request, "path") + ": ";
    if (!is_true(request, "allowed")) {
      out += "blocked" + (reason.empty() ? "" : ": " + reason) +
             (is_seen ? "" : " with its connection");
    } else if (is_seen) {
      out += text_in(request, "where").empty() ? "allowed, no rule matches" : "allowed";
    } else {
      out += "passes unseen";
    }
    out += place(request) + "\n";
  }
  return {out, is_true(document, "allowed") ? Exit::ok : Exit::failed};
}

PolicyText reload_text(const json::object& document) {
  const auto generation = grouped(number_in(document, "generation"));
  const auto notes = lines(document, "warnings", "Warning: ") +
                     lines(document, "takes_effect_at_restart", "Takes effect at restart: ");
  if (is_true(document, "reloaded")) {
    return {"policy " + generation + " loaded\n" + notes, Exit::ok};
  }
  return {lines(document, "faults", "Fault: ") + "policy " + generation +
              " stays; nothing was changed\n",
          Exit::data};
}

PolicyText config_text(const json::object& document) {
  const bool is_valid = is_true(document, "valid");
  return {lines(document, "faults", "") + lines(document, "warnings", "Warning: ") +
              (is_valid ? "configuration is valid\n" : "configuration is faulty\n"),
          is_valid ? Exit::ok : Exit::data};
}

}  // namespace

Answer<PolicyText> render_policy(std::string_view document) {
  return rendered(document, "antigravity-proxy.policy.v1", policy_text);
}

Answer<PolicyText> render_policy_check(std::string_view document) {
  return rendered(document, "antigravity-proxy.policy-check.v1", check_text);
}

Answer<PolicyText> render_policy_reload(std::string_view document) {
  return rendered(document, "antigravity-proxy.policy-reload.v1", reload_text);
}

Answer<PolicyText> render_config_check(std::string_view document) {
  return rendered(document, "antigravity-proxy.config-check.v1", config_text);
}

}  // namespace agp::cli
