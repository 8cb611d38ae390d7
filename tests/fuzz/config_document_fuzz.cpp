#include "common/config/document.h"
#include "tests/fuzz/fuzz.h"

#include <set>
#include <string>

namespace {

using namespace agp;

/// @return nodes in the tree.
std::size_t check(const config::Node& node, std::size_t depth, bool is_faultless) {
  fuzz::require(depth <= config::kMaxDepth + 1, "nesting has a limit");
  std::size_t nodes = 1;
  for (const config::Node& item : node.items) {
    nodes += check(item, depth + 1, is_faultless);
  }
  std::set<std::string> keys;
  for (const config::Member& member : node.members) {
    fuzz::require(keys.insert(member.key).second || !is_faultless, "a repeated key is a fault");
    fuzz::require(member.line >= 1 && member.column >= 1, "a key knows where it stands");
    nodes += check(member.value, depth + 1, is_faultless);
  }
  return nodes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  config::Faults faults;
  const config::Document document = config::parse(as_text({data, size}), "fuzz.yaml", faults);
  fuzz::require(document.root.kind == config::Node::Kind::map ||
                    document.root.kind == config::Node::Kind::empty || !faults.empty(),
                "the root is a map or empty");
  fuzz::require(check(document.root, 0, faults.empty()) <= 2 * config::kMaxNodes,
                "nodes have a limit");
  return 0;
}
