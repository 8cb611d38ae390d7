#include "cli/grammar.h"

#include <algorithm>
#include <iterator>
#include <map>

namespace agp::cli {
namespace {

std::vector<Verb> all_verbs() {
  auto out = service_verbs();
  auto usage = usage_verbs();
  // What is measured comes after the state of the service, as people ask for them.
  out.insert(out.begin() + 1, std::make_move_iterator(usage.begin()),
             std::make_move_iterator(usage.end()));
  return out;
}

using Words = std::vector<std::string_view>;

const std::map<Kind, Words>& fixed_words() {
  static const std::map<Kind, Words> kWords = {
      {Kind::time, {"today", "yesterday", "-24h", "-7d", "-30d"}},
      {Kind::period, {"today", "yesterday", "week", "month", "session"}},
      {Kind::keys, {"model", "provider", "host", "day", "hour", "cascade", "kind", "uid"}},
      {Kind::format, {"csv", "json", "ndjson"}},
      {Kind::method, {"GET", "POST", "PUT", "DELETE"}},
      {Kind::provider, {"google", "anthropic", "openai", "azure"}},
      {Kind::request_kind, {"agent", "checkpoint", "tab", "web_search", "other"}},
  };
  return kWords;
}

}  // namespace

const std::vector<Verb>& grammar() {
  static const std::vector<Verb> kVerbs = all_verbs();
  return kVerbs;
}

const std::vector<VerbGroup>& verb_groups() {
  static const std::vector<VerbGroup> kGroups = {
      {"ca", "the certificate authority of this machine"},
      {"capture", "whether model calls are measured"},
      {"ls", "the language server of the service"},
      {"policy", "what is opened, passed on or blocked"},
      {"config", "the configuration files"},
      {"ide-patch", "a setting in old builds of the IDE"},
  };
  return kGroups;
}

const std::vector<OptionRule>& common_options() {
  static const std::vector<OptionRule> kOptions = {
      {"--json", "", Kind::text, "one JSON document instead of text, errors included"},
      {"--help", "", Kind::text, "help for the verb; also -h"},
  };
  return kOptions;
}

const std::vector<OptionRule>& filter_options() {
  static const std::vector<OptionRule> kOptions = {
      {"--since", "TIME", Kind::time,
       "only calls from TIME on: 2026-11-22, 2026-11-22T04:00:00Z, today, yesterday, -7d, -24h, "
       "-30m"},
      {"--until", "TIME", Kind::time, "only calls before TIME"},
      {"--timezone", "NAME", Kind::text,
       "of days, hours and TIME, such as Europe/Berlin (default: the local one)"},
      {"--model", "NAME", Kind::model, "only this model"},
      {"--provider", "NAME", Kind::provider, "only google, anthropic, openai or azure"},
      {"--host", "NAME", Kind::host, "only this server"},
      {"--cascade", "ID", Kind::cascade, "only this conversation"},
      {"--kind", "NAME", Kind::request_kind,
       "only agent, checkpoint, tab, web_search or other calls"},
      {"--uid", "NUMBER", Kind::uid, "only calls of this account"},
  };
  return kOptions;
}

const std::vector<ExitRule>& exit_table() {
  static const std::vector<ExitRule> kExits = {
      {Exit::ok, "done"},
      {Exit::failed, "failed, or the service is degraded"},
      {Exit::not_active, "the service is not active"},
      {Exit::usage, "the command line is wrong"},
      {Exit::data, "a value is wrong, or an answer is not understood"},
      {Exit::unavailable, "the service cannot be reached"},
      {Exit::refused, "not allowed"},
      {Exit::cannot_execute, "of run: the program cannot be executed"},
      {Exit::not_found, "of run: the program is not found"},
  };
  return kExits;
}

std::vector<ExitRule> service_exits(const std::vector<ExitRule>& own) {
  std::vector<ExitRule> out;
  for (const auto& rule : exit_table()) {
    if (rule.code == Exit::cannot_execute) {
      break;
    }
    const auto found = std::find_if(own.begin(), own.end(),
                                    [&](const ExitRule& each) { return each.code == rule.code; });
    out.push_back(found == own.end() ? rule : *found);
  }
  return out;
}

const Verb* find_verb(std::string_view name) {
  const auto& all = grammar();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Verb& verb) { return verb.name == name; });
  return found == all.end() ? nullptr : &*found;
}

const VerbGroup* find_group(std::string_view name) {
  const auto& all = verb_groups();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const VerbGroup& group) { return group.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::string_view second_word(const Verb& verb) {
  const auto space = verb.name.find(' ');
  return space == std::string_view::npos ? std::string_view() : verb.name.substr(space + 1);
}

bool is_in_group(const Verb& verb, std::string_view group) {
  return verb.name.size() > group.size() && verb.name.starts_with(group) &&
         verb.name[group.size()] == ' ';
}

std::vector<OptionRule> options_of(const Verb& verb) {
  auto out = verb.options;
  if (verb.is_filtered) {
    out.insert(out.end(), filter_options().begin(), filter_options().end());
  }
  out.insert(out.end(), common_options().begin(), common_options().end());
  return out;
}

std::string synopsis_of(const Verb& verb) {
  std::string out(verb.name);
  const bool has_program = !verb.arguments.empty() && verb.arguments[0].occurs == Occurs::program;
  out += has_program ? " [OPTIONS] [--]" : "";
  bool is_open = false;
  for (std::size_t i = 0; i < verb.arguments.size(); ++i) {
    const auto& rule = verb.arguments[i];
    const std::string name(rule.name);
    switch (rule.occurs) {
      case Occurs::once:
        out += " " + name;
        break;
      case Occurs::maybe:
        out += " [" + name;
        is_open = true;
        break;
      case Occurs::with_previous:
        out += " " + name;
        break;
      case Occurs::many:
        out += " " + name + "...";
        break;
      case Occurs::program:
        out += " " + name + " [ARGUMENT...]";
        break;
    }
    const bool goes_on =
        i + 1 < verb.arguments.size() && verb.arguments[i + 1].occurs == Occurs::with_previous;
    if (is_open && !goes_on) {
      out += "]";
      is_open = false;
    }
  }
  return has_program ? out : out + " [OPTIONS]";
}

std::string grammar_lines() {
  std::string out;
  for (const auto& verb : grammar()) {
    if (verb.is_hidden) {
      continue;
    }
    out += std::string(verb.name) + "\t";
    for (const auto& option : options_of(verb)) {
      out += std::string(option.name) + (option.value.empty() ? " " : "= ");
    }
    out += "\t";
    for (const auto& rule : verb.exits) {
      out += std::to_string(static_cast<int>(rule.code)) + " ";
    }
    out += "\n";
  }
  return out;
}

std::string_view brief(std::string_view about) {
  const auto end = std::min({about.find(": "), about.find("; "), about.find(" (")});
  return about.substr(0, end == 0 ? about.size() : end);
}

std::vector<Kind> fixed_kinds() {
  std::vector<Kind> out;
  for (const auto& [kind, words] : fixed_words()) {
    out.push_back(kind);
  }
  return out;
}

const std::vector<std::string_view>& words_of(Kind kind) {
  static const Words kNone;
  const auto found = fixed_words().find(kind);
  return found == fixed_words().end() ? kNone : found->second;
}
const std::vector<ServiceName>& names_in_service() {
  static const std::vector<ServiceName> kNames = {{Kind::model, "model"},
                                                  {Kind::pool, "pool"},
                                                  {Kind::host, "host"},
                                                  {Kind::cascade, "cascade"},
                                                  {Kind::uid, "uid"}};
  return kNames;
}

std::string_view name_in_service(Kind kind) {
  const auto& all = names_in_service();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const ServiceName& each) { return each.kind == kind; });
  return found == all.end() ? std::string_view() : found->name;
}

}  // namespace agp::cli
