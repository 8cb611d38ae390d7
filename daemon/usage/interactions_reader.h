#pragma once

#include "daemon/usage/body_reader.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace agp::usage {

/// Gemini's Interactions API: SSE or one JSON object. Usage counts where it stands in an
/// interaction. Source: wire-formats section 2.2.6.
class InteractionsReader final : public BodyReader {
 public:
  explicit InteractionsReader(const ResponseFacts& facts);

  [[nodiscard]] bool has_ended() const override { return has_ended_; }

 private:
  void begin_object() override { in_interaction_ = false; }
  void on_scope_begin(std::size_t index) override;
  void on_scope_end(std::size_t index) override;
  void on_note(std::size_t index, std::string_view text) override;
  void take() override;
  void take_interaction(Snapshot* from);
  void fill_wire(Record* record) const override;

  bool in_interaction_ = false;
  std::string step_type_;
  std::string step_name_;
  bool has_ended_ = false;
};

}  // namespace agp::usage
