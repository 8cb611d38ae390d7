#include "daemon/usage/field_table.h"

#include "daemon/usage/limits.h"

#include <algorithm>
#include <deque>
#include <utility>

namespace agp::usage {
namespace {

/// The same tree while it grows.
struct Growing {
  FieldTable::Node node;
  std::vector<Growing> children;

  Growing* child(std::string_view key) {
    for (Growing& known : children) {
      if (known.node.key == key) {
        return &known;
      }
    }
    children.emplace_back();
    children.back().node.key = key;
    return &children.back();
  }
};

struct Place {
  Growing* node;
  std::string name;  // of a number below the usage object; empty elsewhere
};

/// Goes down a path, making what is not there yet.
Place grow(Growing* from, std::string_view path) {
  Place place{from, {}};
  bool in_usage = false;
  while (!path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    std::string_view key = path.substr(0, dot);
    path.remove_prefix(std::min(dot + 1, path.size()));
    const bool is_array = key.ends_with("[]");
    if (is_array) {
      key.remove_suffix(2);
    }
    place.node = place.node->child(key);
    if (in_usage) {
      place.name += (place.name.empty() ? "" : ".") + std::string(key);
    }
    in_usage = in_usage || place.node->node.kind == FieldKind::usage;
    if (is_array) {
      place.node->node.is_array = true;
      place.node = place.node->child("");
    }
  }
  return place;
}

}  // namespace

FieldTable::FieldTable(std::initializer_list<FieldRow> rows,
                       std::initializer_list<std::string_view> roots)
    : count_names_(kMaxCounters), list_names_(kMaxLists) {
  Growing top;
  top.node.is_array = true;
  Growing* const object = top.child("");
  std::size_t place = 0;
  for (const std::string_view root : roots) {
    Growing* const from = grow(object, root).node;
    if (!root.empty()) {
      from->node.kind = FieldKind::scope;
      from->node.index = place;
    }
    ++place;
  }
  for (const std::string_view root : roots) {
    for (const FieldRow& row : rows) {
      const Place at = grow(grow(object, root).node, row.path);
      at.node->node.kind = row.kind;
      at.node->node.index = row.index;
      at.node->node.is_array = at.node->node.is_array || row.kind == FieldKind::tally;
      // The first row that has a number names it.
      if (row.kind == FieldKind::count && count_names_.at(row.index).empty()) {
        count_names_[row.index] = at.name;
      } else if (row.kind == FieldKind::list && list_names_.at(row.index).empty()) {
        list_names_[row.index] = at.name;
      }
    }
  }
  // Level by level, so that the children of a node lie side by side.
  std::deque<std::pair<std::size_t, Growing*>> waiting{{0, &top}};
  nodes_.push_back(top.node);
  while (!waiting.empty()) {
    const auto [at, growing] = waiting.front();
    waiting.pop_front();
    nodes_[at].first_child = nodes_.size();
    nodes_[at].child_count = growing->children.size();
    for (Growing& child : growing->children) {
      waiting.emplace_back(nodes_.size(), &child);
      nodes_.push_back(child.node);
    }
  }
}

const FieldTable::Node* FieldTable::child(const Node& node, std::string_view key) const {
  const Node* const first = nodes_.data() + node.first_child;
  if (key.empty()) {
    return nullptr;
  }
  for (const Node* at = first; at != first + node.child_count; ++at) {
    // Siblings differ in length or in their last octet, nearly always.
    if (at->key.size() == key.size() && at->key.back() == key.back() && at->key == key) {
      return at;
    }
  }
  return nullptr;
}

const FieldTable::Node* FieldTable::element(const Node& node) const {
  return node.child_count == 0 ? nullptr : nodes_.data() + node.first_child;
}

}  // namespace agp::usage
