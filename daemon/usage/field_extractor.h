#pragma once

#include "daemon/usage/field_table.h"
#include "daemon/usage/json_reader.h"
#include "daemon/usage/limits.h"
#include "daemon/usage/snapshot.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agp::usage {

/// What a wire format does itself with what its table marks so.
class FieldHandler {
 public:
  virtual ~FieldHandler() = default;
  /// An object of the wire begins: the text itself, or an element of the array that it is.
  virtual void on_object_begin() = 0;
  virtual void on_object_end() = 0;
  virtual void on_scope_begin(std::size_t index) = 0;
  virtual void on_scope_end(std::size_t index) = 0;
  virtual void on_note(std::size_t index, std::string_view text) = 0;
  virtual void on_amount(std::size_t index, std::uint64_t value) = 0;
};

/// Takes the few scalars that a table names out of the tokens of JSON texts and puts them into a
/// snapshot; everything else is skipped. No tree is built.
class FieldExtractor final : public JsonHandler {
 public:
  /// Both outlive this.
  FieldExtractor(const FieldTable* table, FieldHandler* handler);

  /// Begin with the next JSON text.
  void reset();
  /// Where values go from now on.
  void into(Snapshot* snapshot) { into_ = snapshot; }
  /// The text is an array of objects.
  [[nodiscard]] bool is_array() const { return is_array_; }
  /// Of the numbers since reset(), for events that differ from this one in nothing else: each count
  /// has come as a number or in another way, not both, and all numbers went `into` one snapshot.
  /// @param into  null: there may be none.
  [[nodiscard]] bool can_change_numbers(const Snapshot* into) const {
    return !is_mixed_ && (counted_ == 0 || counted_into_ == into);
  }

  void on_object_begin() override { on_container(true); }
  void on_object_end() override { on_container_end(); }
  void on_array_begin() override { on_container(false); }
  void on_array_end() override { on_container_end(); }
  void on_key(std::string_view key) override;
  [[nodiscard]] bool wants_string() override;
  void on_string(std::string_view text) override;
  void on_number(std::string_view text) override;
  [[nodiscard]] NumberUse number_use() const override { return number_use_; }
  void on_bool() override { on_other(true); }
  void on_null() override { on_other(false); }

 private:
  using Node = FieldTable::Node;

  void on_container(bool is_object);
  void on_container_end();
  void begin(const Node& node);
  void end(const Node& node);
  void on_other(bool is_bad_number);
  void take_number(const Node& node, std::optional<std::uint64_t> value);
  void take_text(const Node& node, std::string_view text);
  void settle();
  void note_number(const Node& node);
  void note_other_count(std::size_t index);

  const FieldTable* table_;
  FieldHandler* handler_;
  Snapshot* into_ = nullptr;
  const Node* at_ = nullptr;                        // the container that is open
  const Node* next_ = nullptr;                      // what the next value is; null: of no interest
  std::array<const Node*, kMaxFieldDepth> open_{};  // containers around `at_`
  std::size_t depth_ = 0;
  std::size_t skipped_ = 0;  // containers of no interest that are open
  bool is_array_ = false;
  std::size_t tally_ = 0;
  std::size_t list_ = 0;  // which one is open
  std::string entry_name_;
  std::optional<std::uint64_t> entry_count_;
  NumberUse number_use_ = kNumberMatters;
  std::uint32_t counted_ = 0;        // one bit each: counts that came as numbers
  std::uint32_t counted_other_ = 0;  // and those that came as strings or tallies
  const Snapshot* counted_into_ = nullptr;
  bool is_mixed_ = false;
};

}  // namespace agp::usage
