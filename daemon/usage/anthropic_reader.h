#pragma once

#include "daemon/usage/body_reader.h"

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace agp::usage {

/// Anthropic's Messages API, also as Vertex serves it: SSE or one JSON object. Numbers count in
/// message_start, message_delta and a whole message only. Source: wire-formats section 2.3.
class AnthropicReader final : public BodyReader {
 public:
  explicit AnthropicReader(const ResponseFacts& facts);

  [[nodiscard]] bool has_ended() const override;
  [[nodiscard]] bool has_final_counts() const override;

 private:
  void begin_object() override;
  void on_scope_begin(std::size_t index) override;
  void on_scope_end(std::size_t index) override;
  void on_note(std::size_t index, std::string_view text) override;
  void take() override;
  void fill_wire(Record* record) const override;
  void end_iteration();
  void take_message(Snapshot* from);

  Snapshot iteration_;
  bool in_message_ = false;
  std::string block_type_;
  std::string block_name_;
  std::optional<std::vector<AdditionalUsage>> object_iterations_;  // of the object being read
  std::vector<AdditionalUsage> iterations_;
  std::set<std::string> object_flags_;
  std::set<std::string> iteration_flags_;
  bool has_stopped_ = false;
  bool has_output_ = false;  // more than message_start's placeholder
};

}  // namespace agp::usage
