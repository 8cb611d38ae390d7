#pragma once

#include "cli/exit_code.h"

#include <string>
#include <string_view>
#include <vector>

/// What may stand on the command line, as one table. From it come the parser, --help, the
/// completions of the shells and the command part of the manual page.
namespace agp::cli {

/// What a word stands for: what a shell offers in its place.
enum class Kind {
  text,
  file,
  program,
  user,
  time,
  period,
  keys,
  format,
  method,
  provider,
  request_kind,
  // From here on the running service knows what there is.
  model,
  pool,
  host,
  cascade,
  uid,
};

struct OptionRule {
  std::string_view name;   // "--since"
  std::string_view value;  // "TIME"; empty: it takes none
  Kind kind = Kind::text;
  std::string_view about;
  std::string_view old_name = {};  // goes on working, and is offered nowhere
};

enum class Occurs {
  once,
  maybe,
  with_previous,  // needed once the one before it is given, which is a `maybe`
  many,           // once or more
  program,        // once or more, and whatever follows the first is no option of ours
};

struct ArgumentRule {
  std::string_view name;  // "HOST"
  Kind kind = Kind::text;
  Occurs occurs = Occurs::once;
  std::string_view about;
};

struct ExitRule {
  Exit code = Exit::ok;
  std::string_view about;
};

struct Verb {
  std::string_view name;          // one word or two: "policy check"
  std::string_view about;         // one line, for lists
  std::string_view details = {};  // more of it: paragraphs, one per line
  std::vector<ArgumentRule> arguments = {};
  std::vector<OptionRule> options = {};  // besides --json and --help
  std::vector<ExitRule> exits = {};      // every code it ends with
  std::vector<std::string_view> examples = {};
  bool is_filtered = false;  // also takes filter_options()
  bool is_hidden = false;    // for the shells, not for people
};

/// A first word that needs a second.
struct VerbGroup {
  std::string_view name;
  std::string_view about;
};

[[nodiscard]] const std::vector<Verb>& grammar();
[[nodiscard]] const std::vector<VerbGroup>& verb_groups();
/// Options that every verb takes.
[[nodiscard]] const std::vector<OptionRule>& common_options();
/// Which calls: options that verbs about calls share.
[[nodiscard]] const std::vector<OptionRule>& filter_options();
/// What each code means for every verb that has no words of its own for it.
[[nodiscard]] const std::vector<ExitRule>& exit_table();

[[nodiscard]] const Verb* find_verb(std::string_view name);
[[nodiscard]] const VerbGroup* find_group(std::string_view name);
/// "check" of "policy check"; empty for a verb of one word.
[[nodiscard]] std::string_view second_word(const Verb& verb);
[[nodiscard]] bool is_in_group(const Verb& verb, std::string_view group);
/// All options of a verb, in the order of its help.
[[nodiscard]] std::vector<OptionRule> options_of(const Verb& verb);
/// "policy check HOST [METHOD PATH] [OPTIONS]"
[[nodiscard]] std::string synopsis_of(const Verb& verb);

/// For tests: a line for each verb that people see, with its name, its options and its exit codes,
/// between tabulators.
[[nodiscard]] std::string grammar_lines();

/// The first part of a description, for lists: up to a colon, a semicolon or a parenthesis.
[[nodiscard]] std::string_view brief(std::string_view about);

/// The kinds that words_of() has words for.
[[nodiscard]] std::vector<Kind> fixed_kinds();
/// The words that a value of this kind may be; empty where there are others.
[[nodiscard]] const std::vector<std::string_view>& words_of(Kind kind);
struct ServiceName {
  Kind kind = Kind::text;
  std::string_view name;
};
/// The kinds of values that the running service is asked for, and what `complete` calls them.
[[nodiscard]] const std::vector<ServiceName>& names_in_service();
/// Empty for all other kinds.
[[nodiscard]] std::string_view name_in_service(Kind kind);

/// The tables that grammar() puts together.
[[nodiscard]] std::vector<Verb> usage_verbs();
[[nodiscard]] std::vector<Verb> service_verbs();
/// The exits of a verb that asks the service, with `own` words for some of them.
[[nodiscard]] std::vector<ExitRule> service_exits(const std::vector<ExitRule>& own = {});

}  // namespace agp::cli
