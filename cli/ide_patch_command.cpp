#include "cli/ide_patch_command.h"

#include "cli/document.h"
#include "cli/ide_patch_client.h"

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

enum class Order { status, apply, revert, forget };

Order order_of(std::string_view word) {
  if (word == "apply") {
    return Order::apply;
  }
  if (word == "revert") {
    return Order::revert;
  }
  return word == "forget" ? Order::forget : Order::status;
}

Answer<std::string> ask(Order order, Daemon& daemon) {
  switch (order) {
    case Order::status:
      return daemon.ide_patch_status();
    case Order::apply:
      return daemon.change_ide_patch(IdePatchChange::apply);
    case Order::revert:
      return daemon.change_ide_patch(IdePatchChange::revert);
    case Order::forget:
      return daemon.change_ide_patch(IdePatchChange::forget);
  }
  return unreadable();
}

// The end that the verb was asked for.
bool is_done(Order order, const std::string& state) {
  if (is_troubled_extension(state)) {
    return false;
  }
  return order == Order::apply ? state != "applicable"
                               : order == Order::status || state != "patched";
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

Output run_ide_patch(const Line& line, Daemon& daemon, const Style& /*style*/) {
  const auto order = order_of(second_word(*line.verb));
  const auto answer = ask(order, daemon);
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, line.json);
  }
  const auto& document = std::get<std::string>(answer);
  const auto files = files_of(document);
  if (!files) {
    return failed(unreadable(), line.json);
  }
  Output output;
  bool is_installed = false;
  for (const auto& each : *files) {
    const auto* file = each.if_object();
    if (file == nullptr) {
      return failed(unreadable(), line.json);
    }
    const auto state = text_of(*file, "state");
    is_installed = is_installed || state != "absent";
    if (!is_done(order, state)) {
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
  if (line.json) {
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
