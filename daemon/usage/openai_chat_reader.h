#pragma once

#include "daemon/usage/body_reader.h"

namespace agp::usage {

/// OpenAI's Chat Completions, their many compatible servers, and the legacy completions: SSE or one
/// JSON object. A stream has usage only where the client asked for it, or in every chunk, or in the
/// last one; each is the whole so far. Source: wire-formats section 2.4.1.
class OpenAiChatReader final : public BodyReader {
 public:
  explicit OpenAiChatReader(const ResponseFacts& facts);

  [[nodiscard]] bool has_ended() const override;

 private:
  void begin_object() override;
  void on_scope_begin(std::size_t index) override;
  [[nodiscard]] bool take_done() override;
  void take() override;
  void fill_wire(Record* record) const override;

  bool has_choices_ = false;  // the object has them
  bool is_done_ = false;      // [DONE]
};

}  // namespace agp::usage
