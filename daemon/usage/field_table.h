#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace agp::usage {

/// What becomes of the value at a path.
enum class FieldKind : std::uint8_t {
  path,         // a step on the way to others
  count,        // number `index` of the snapshot; rules of wire-formats section 3.3
  word,         // word `index`, as a program wrote it
  lower_word,   // the same in lower case
  code,         // a word that may also be a number
  id,           // word `index`, an identifier
  model,        // word `index`, a name without what stands before its last slash
  tool_name,    // one more of the tools that were called
  note,         // a short text that the wire looks at itself
  amount,       // a number, by the same rules, that the wire looks at itself
  usage,        // the object that holds counters: having seen one is having usage
  error,        // the object of an error
  scope,        // an object or array whose begin and end the wire wants to see
  list,         // an array of named numbers: list `index` of the snapshot
  entry,        // one of them, an object
  entry_name,   // its name
  entry_count,  // its number
  tally,        // an array whose elements are counted: number `index` of the snapshot
};

/// One row of a wire format's table: where something stands in an object, and what it is.
struct FieldRow {
  std::string_view path;  // keys with dots between; `a[]` are the elements of the array `a`
  FieldKind kind = FieldKind::path;
  std::size_t index = 0;
};

/// The fields of one wire format as a tree that a reader walks down key by key. Built once; there
/// are some tens of rows.
class FieldTable {
 public:
  struct Node {
    std::string_view key;
    FieldKind kind = FieldKind::path;
    std::size_t index = 0;
    bool is_array = false;        // its value is an array, with one child for the elements
    std::size_t first_child = 0;  // children lie side by side
    std::size_t child_count = 0;
  };

  /// @param rows   views of text that outlives the table.
  /// @param roots  each row is valid below each of them: "" for the object itself, "response" for
  ///               one inside it. A root that is not empty is a scope with the number of its place.
  FieldTable(std::initializer_list<FieldRow> rows, std::initializer_list<std::string_view> roots);

  [[nodiscard]] const Node& root() const { return nodes_[1]; }
  /// The array around objects that some servers send.
  [[nodiscard]] const Node& objects() const { return nodes_[0]; }
  /// @return null when nothing of interest has that key there.
  [[nodiscard]] const Node* child(const Node& node, std::string_view key) const;
  [[nodiscard]] const Node* element(const Node& node) const;

  /// The provider's name of a count or list below its usage object, with dots; empty when the
  /// table has no such number.
  [[nodiscard]] const std::string& count_name(std::size_t index) const {
    return count_names_[index];
  }
  [[nodiscard]] const std::string& list_name(std::size_t index) const { return list_names_[index]; }

 private:
  std::vector<Node> nodes_;
  std::vector<std::string> count_names_;
  std::vector<std::string> list_names_;
};

}  // namespace agp::usage
