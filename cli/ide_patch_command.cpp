#include "cli/ide_patch_command.h"

#include "cli/document.h"
#include "cli/ide_patch_client.h"
#include "cli/options.h"

#include <array>
#include <optional>
#include <utility>
#include <variant>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

constexpr const char* kHelp =
    R"(Usage: antigravity-proxy ide-patch status [--json]
       antigravity-proxy ide-patch apply|revert|forget [--json]

Builds of the IDE up to about 1.18 set detectAndUseProxy to UNSPECIFIED in the extension that
they ship; current builds have no such line, and then there is nothing to patch.

status  what each known extension.js holds
apply   sets it to ENABLED (1) where there is exactly one such line; the original stays beside
        the file. Not needed for measuring: it makes side traffic of the IDE honour a proxy
revert  puts the original file back; refuses where an update has replaced the patched one
forget  as revert, and where an update has replaced the patched file, removes the backup

status needs no privilege; the others need root. An update of the IDE undoes the patch, and the
journal of antigravity-proxy-ide-patch.service says so. The IDE may complain that its
installation is corrupt while it is patched.

Options:
  --json  one JSON document instead of text

Exit codes: 0 done, or nothing to do; 1 a file was refused, changed by an update or not
recognised, or no IDE is installed where helper.yaml (ide.extensions) says; 64, 69 and 77 as for
every verb.
)";

enum class Verb { status, apply, revert, forget };

std::optional<Verb> verb_of(const std::string& word) {
  static const std::array kVerbs{std::pair{"status", Verb::status}, std::pair{"apply", Verb::apply},
                                 std::pair{"revert", Verb::revert},
                                 std::pair{"forget", Verb::forget}};
  for (const auto& [name, verb] : kVerbs) {
    if (word == name) {
      return verb;
    }
  }
  return std::nullopt;
}

Answer<std::string> ask(Verb verb, Daemon& daemon) {
  switch (verb) {
    case Verb::status:
      return daemon.ide_patch_status();
    case Verb::apply:
      return daemon.change_ide_patch(IdePatchChange::apply);
    case Verb::revert:
      return daemon.change_ide_patch(IdePatchChange::revert);
    case Verb::forget:
      return daemon.change_ide_patch(IdePatchChange::forget);
  }
  return unreadable();
}

// The end that the verb was asked for.
bool is_done(Verb verb, const std::string& state) {
  if (is_troubled_extension(state)) {
    return false;
  }
  return verb == Verb::apply ? state != "applicable" : verb == Verb::status || state != "patched";
}

// Nothing when the document is not understood.
std::optional<json::array> files_of(const std::string& document) {
  boost::system::error_code error;
  const auto value = json::parse(document, error);
  const auto* root = error ? nullptr : value.if_object();
  const auto* list = root == nullptr ? nullptr : find(*root, "files");
  const auto* files = list == nullptr ? nullptr : list->if_array();
  return files == nullptr ? std::nullopt : std::optional(*files);
}

}  // namespace

bool is_troubled_extension(std::string_view state) {
  return state == "undone" || state == "unrecognised" || state == "refused";
}

Output run_ide_patch(const std::vector<std::string>& words, Daemon& daemon) {
  const auto options = parse_options(words, {});
  if (options.help) {
    Output output;
    output.out = kHelp;
    return output;
  }
  if (options.fault) {
    return wrong_line(*options.fault, "ide-patch", options.json);
  }
  const auto verb = options.plain.size() > 1 ? verb_of(options.plain[1]) : std::nullopt;
  if (!verb || options.plain.size() > 2) {
    return wrong_line("expected one of status, apply, revert, forget", "ide-patch", options.json);
  }
  const auto answer = ask(*verb, daemon);
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, options.json);
  }
  const auto& document = std::get<std::string>(answer);
  const auto files = files_of(document);
  if (!files) {
    return failed(unreadable(), options.json);
  }
  Output output;
  bool is_installed = false;
  for (const auto& each : *files) {
    const auto* file = each.if_object();
    if (file == nullptr) {
      return failed(unreadable(), options.json);
    }
    const auto state = text_of(*file, "state");
    is_installed = is_installed || state != "absent";
    if (!is_done(*verb, state)) {
      output.exit = Exit::failed;
    }
    output.out +=
        text_of(*file, "path") + ": " + state + "\n    " + text_of(*file, "detail") + "\n";
  }
  if (!is_installed) {
    output.exit = Exit::failed;
    output.out +=
        "No IDE is installed in these places; name yours in helper.yaml: ide.extensions\n";
  }
  if (options.json) {
    output.out = document;
  }
  return output;
}

std::optional<std::vector<UndonePatch>> undone_patches(Daemon& daemon) {
  const auto answer = daemon.ide_patch_status();
  const auto* document = std::get_if<std::string>(&answer);
  const auto files = document == nullptr ? std::nullopt : files_of(*document);
  if (!files) {
    return std::nullopt;
  }
  std::vector<UndonePatch> out;
  for (const auto& each : *files) {
    const auto* file = each.if_object();
    if (file != nullptr && text_of(*file, "state") == "undone") {
      out.push_back({text_of(*file, "path"), text_of(*file, "detail")});
    }
  }
  return out;
}

std::string undone_patches_text(const std::optional<std::vector<UndonePatch>>& undone,
                                const Style& style) {
  std::string out;
  for (const auto& each : undone.value_or(std::vector<UndonePatch>())) {
    out += "\n" + painted(style, "1;33", "Patch undone: ") + each.path + ": " + each.detail + "\n";
  }
  return out;
}

std::string with_undone_patches(const std::string& document,
                                const std::optional<std::vector<UndonePatch>>& undone) {
  boost::system::error_code error;
  auto value = json::parse(document, error);
  if (error || !value.is_object()) {
    return document;
  }
  json::value files = nullptr;
  if (undone) {
    json::array list;
    for (const auto& each : *undone) {
      list.push_back(json::object{{"path", each.path},
                                  {"detail", each.detail},
                                  {"remedy", "antigravity-proxy ide-patch apply, or forget"}});
    }
    files = std::move(list);
  }
  value.get_object()["ide_patch"] = json::object{{"undone", std::move(files)}};
  return json::serialize(value) + "\n";
}

}  // namespace agp::cli
