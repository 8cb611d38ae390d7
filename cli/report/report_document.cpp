#include "cli/report/report_document.h"

#include "cli/document.h"

#include <utility>
#include <variant>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace agp::cli::report {
namespace {

namespace json = boost::json;

// Names that stay: hosts that the service opens by default, and the words of doctor.
std::vector<std::string> known_words() {
  std::vector<std::string> out{"daily-cloudcode-pa.googleapis.com",
                               "cloudcode-pa.googleapis.com",
                               "generativelanguage.googleapis.com",
                               "api.anthropic.com",
                               "api.openai.com",
                               "language_server_linux_x64",
                               "language_server_linux_arm"};
  for (const auto& check : doctor_checks()) {
    out.emplace_back(check.id);
  }
  return out;
}

json::value redacted(const json::value& value, const Redactor& redactor) {
  if (const auto* text = value.if_string()) {
    return json::value(redactor.text({text->data(), text->size()}));
  }
  if (const auto* list = value.if_array()) {
    json::array out;
    for (const auto& each : *list) {
      out.push_back(redacted(each, redactor));
    }
    return out;
  }
  if (const auto* object = value.if_object()) {
    json::object out;
    for (const auto& [key, each] : *object) {
      out[redactor.text({key.data(), key.size()})] = redacted(each, redactor);
    }
    return out;
  }
  return value;
}

json::array checks_of(Facts& facts, const Redactor& redactor) {
  json::array out;
  for (const auto& check : doctor_checks()) {
    const auto finding = check.look(facts);
    out.push_back(json::object{{"id", check.id},
                               {"state", to_string(finding.state)},
                               {"seen", redactor.text(finding.seen)},
                               {"remedy", redactor.text(finding.remedy)}});
  }
  return out;
}

json::array units_of(Facts& facts) {
  json::array out;
  if (const auto* units = std::get_if<std::vector<doctor::Unit>>(&facts.units())) {
    for (const auto& unit : *units) {
      out.push_back(json::object{{"name", unit.name},
                                 {"load", unit.load_state},
                                 {"active", unit.active_state},
                                 {"result", unit.result},
                                 {"restarts", unit.restarts},
                                 {"needs_reload", unit.needs_reload}});
    }
  }
  return out;
}

json::array lines_of(const std::string& text) {
  json::array out;
  std::size_t from = 0;
  while (from < text.size()) {
    const auto end = text.find('\n', from);
    out.emplace_back(text.substr(from, end - from));
    from = end == std::string::npos ? text.size() : end + 1;
  }
  return out;
}

void write(const json::value& value, const std::string& indent, std::string& out) {
  const auto list = [&](const auto& members, char open, char close, auto write_one) {
    out += open;
    bool is_first = true;
    for (const auto& each : members) {
      out += is_first ? "\n" : ",\n";
      is_first = false;
      out += indent + "  ";
      write_one(each);
    }
    out += is_first ? std::string() : "\n" + indent;
    out += close;
  };
  if (const auto* object = value.if_object()) {
    list(*object, '{', '}', [&](const json::key_value_pair& member) {
      out += json::serialize(json::string(member.key())) + ": ";
      write(member.value(), indent + "  ", out);
    });
  } else if (const auto* array = value.if_array()) {
    list(*array, '[', ']', [&](const json::value& each) { write(each, indent + "  ", out); });
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

json::object report_document(Facts& facts,
                             const Surroundings& surroundings,
                             const std::string& generated_at) {
  Redactor redactor(known_words());
  for (const auto& user : surroundings.users) {
    redactor.add(user, "<user>");
  }
  redactor.add(surroundings.machine_name, "<machine>");
  // The files first: what is a secret there goes from everything that follows.
  json::object configuration;
  for (const auto& [path, content] : surroundings.configuration) {
    configuration[path] = lines_of(redactor.configuration(content));
  }
  json::object system;
  for (const auto& [key, text] : surroundings.system) {
    system[key] = text;
  }
  json::array journal;
  for (const auto& line : surroundings.journal) {
    journal.emplace_back(redactor.text(line));
  }
  const auto* status = std::get_if<json::object>(&facts.status());
  return {{"schema", "antigravity-proxy.report.v1"},
          {"generated_at", generated_at},
          {"version", AGP_VERSION},
          {"system", std::move(system)},
          {"units", units_of(facts)},
          {"doctor", checks_of(facts, redactor)},
          {"status", status == nullptr ? json::value(nullptr) : redacted(*status, redactor)},
          {"configuration", std::move(configuration)},
          {"journal", std::move(journal)}};
}

std::string indented(const json::value& value) {
  std::string out;
  write(value, "", out);
  return out + "\n";
}

}  // namespace agp::cli::report
