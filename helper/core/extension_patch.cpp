#include "helper/core/extension_patch.h"

namespace agp::core {
namespace {

constexpr std::string_view kField = "detectAndUseProxy";
constexpr std::string_view kShipped = ".UNSPECIFIED";
// DetectAndUseProxy.ENABLED
constexpr std::string_view kEnabled = "1";

// The minifier names the enum anew in each build: `pe`, `Ae`, `$t`, ...
bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$';
}

bool is_boundary(std::string_view content, std::size_t at) {
  return at >= content.size() || !is_name_char(content[at]);
}

std::size_t name_size(std::string_view content, std::size_t at) {
  std::size_t size = 0;
  while (!is_boundary(content, at + size)) {
    ++size;
  }
  return size;
}

}  // namespace

ExtensionScan scan_extension(std::string_view content) {
  ExtensionScan scan;
  std::size_t at = content.find(kField);
  for (; at != std::string_view::npos; at = content.find(kField, at + kField.size())) {
    const auto value_at = at + kField.size() + 1;
    if ((at > 0 && is_name_char(content[at - 1])) || value_at >= content.size() ||
        content[value_at - 1] != '=') {
      continue;
    }
    const auto name = name_size(content, value_at);
    const auto end = value_at + name;
    if (name > 0 && content.substr(end, kShipped.size()) == kShipped &&
        is_boundary(content, end + kShipped.size())) {
      ++scan.unspecified;
      scan.value_at = value_at;
      scan.value_size = name + kShipped.size();
    } else if (content.substr(value_at, name) == kEnabled) {
      ++scan.enabled;
    }
  }
  return scan;
}

bool PatchedExtension::equals(std::string_view content) const {
  return content.size() == before.size() + value.size() + after.size() &&
         content.substr(0, before.size()) == before &&
         content.substr(before.size(), value.size()) == value &&
         content.substr(before.size() + value.size()) == after;
}

std::optional<PatchedExtension> patched_extension(std::string_view original) {
  const auto scan = scan_extension(original);
  if (scan.unspecified != kExpectedInitialisers) {
    return std::nullopt;
  }
  return PatchedExtension{original.substr(0, scan.value_at), kEnabled,
                          original.substr(scan.value_at + scan.value_size)};
}

const char* to_string(ExtensionState state) {
  switch (state) {
    case ExtensionState::absent:
      return "absent";
    case ExtensionState::not_applicable:
      return "not_applicable";
    case ExtensionState::applicable:
      return "applicable";
    case ExtensionState::patched:
      return "patched";
    case ExtensionState::enabled:
      return "enabled";
    case ExtensionState::undone:
      return "undone";
    case ExtensionState::unrecognised:
      return "unrecognised";
    case ExtensionState::refused:
      return "refused";
  }
  return "";
}

ExtensionState judge_extension(std::string_view content, std::optional<std::string_view> backup) {
  if (backup) {
    const auto ours = patched_extension(*backup);
    return ours && ours->equals(content) ? ExtensionState::patched : ExtensionState::undone;
  }
  const auto scan = scan_extension(content);
  if (scan.unspecified == kExpectedInitialisers) {
    return ExtensionState::applicable;
  }
  if (scan.unspecified > 0) {
    return ExtensionState::unrecognised;
  }
  return scan.enabled > 0 ? ExtensionState::enabled : ExtensionState::not_applicable;
}

}  // namespace agp::core
