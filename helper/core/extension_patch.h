#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The initialiser `detectAndUseProxy=<enum>.UNSPECIFIED` in the extension that the IDE ships: what
/// a file holds, and what it would be with the value ENABLED. Text in, verdict out.
/// Source: ls-protocol reference, section 6.
namespace agp::core {

/// Builds with protobuf-es v1 (up to about IDE 1.18) have exactly one; later ones have none.
constexpr std::size_t kExpectedInitialisers = 1;

struct ExtensionScan {
  std::size_t unspecified = 0;  // initialisers as shipped
  std::size_t enabled = 0;      // with the value 1, by whomever
  std::size_t value_at = 0;     // of the last unspecified one
  std::size_t value_size = 0;
};

[[nodiscard]] ExtensionScan scan_extension(std::string_view content);

/// A patched file, in the order in which it is written. Borrows from the original.
///
/// What this makes of an original never changes: a file counts as ours when it equals what this
/// makes of its backup, so nothing has to be remembered beside the backup (ADR 6).
struct PatchedExtension {
  std::string_view before;
  std::string_view value;
  std::string_view after;

  [[nodiscard]] bool equals(std::string_view content) const;
};

/// Nothing unless there are exactly kExpectedInitialisers.
[[nodiscard]] std::optional<PatchedExtension> patched_extension(std::string_view original);

enum class ExtensionState {
  absent,          // no such file: that IDE is not installed there
  not_applicable,  // the build has no such initialiser: nothing to patch
  applicable,      // it has exactly one, as shipped
  patched,         // by us, and unchanged since
  enabled,         // has the value 1, but not by us: there is no backup
  undone,          // was patched by us and is not what we wrote any more: an update of the IDE
  unrecognised,    // another number of initialisers than known builds have
  refused,         // not safe for root to touch, or not readable; or the change failed
};

/// The stable word for programs: "absent", "not_applicable", ...
[[nodiscard]] const char* to_string(ExtensionState state);

/// @param backup  what was there before we patched; nothing: there is no backup.
[[nodiscard]] ExtensionState judge_extension(std::string_view content,
                                             std::optional<std::string_view> backup);

/// One of the configured files.
struct ExtensionReport {
  std::string path;
  ExtensionState state = ExtensionState::absent;
  std::string detail;         // what was seen and what to do, for people; may be empty
  std::string sha256;         // of the file; empty when it was not read
  std::string backup_sha256;  // of the backup; empty when there is none
};

/// What a change did to the configured files.
struct ExtensionOutcome {
  bool changed = false;
  std::vector<ExtensionReport> files;
};

}  // namespace agp::core
