#pragma once

#include "common/config/fault.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agp::config {

inline constexpr std::size_t kMaxFileBytes = 1U << 20U;
inline constexpr std::size_t kMaxDepth = 16;
inline constexpr std::size_t kMaxNodes = 20'000;
inline constexpr std::size_t kMaxDropIns = 256;

struct Member;

/// One value of a YAML file and where it starts (1-based).
struct Node {
  enum class Kind { empty, scalar, list, map };

  Kind kind = Kind::empty;
  int line = 0;
  int column = 0;
  std::string scalar;
  std::vector<Node> items;
  std::vector<Member> members;  // in the order of the file; keys are unique
};

struct Member {
  std::string key;
  int line = 0;
  int column = 0;
  Node value;
};

/// One file. The root is a map, or empty.
struct Document {
  std::string file;
  Node root;
};

/// What several files hold, and what was wrong with them.
struct Documents {
  std::vector<Document> list;
  Faults faults;
};

/// Reads one YAML document. Refuses what a configuration file has no use for and what hides
/// mistakes: repeated keys, aliases, tags, several documents, control characters, and anything past
/// the limits above.
/// @param file    the name used in faults.
/// @param faults  gets what is wrong. After a syntax error nothing is returned of the file; after
///                a repeated key the rest is, so that its faults can be reported in the same run.
[[nodiscard]] Document parse(std::string_view text, const std::string& file, Faults& faults);

/// What it means when the main file is not there.
enum class Missing { is_fault, is_empty };

/// Reads `path` and then `path`.d/*.yaml in the order of their names, the order in which later
/// files win. A missing `path`.d is no fault; an unreadable one is.
/// @param owner  a file that another user owns, or that its group or others may write, is a fault.
[[nodiscard]] Documents read_files(const std::string& path,
                                   Missing missing,
                                   std::optional<std::uint32_t> owner = std::nullopt);

}  // namespace agp::config
