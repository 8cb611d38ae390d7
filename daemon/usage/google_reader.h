#pragma once

#include "daemon/usage/body_reader.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace agp::usage {

/// Google's wire: SSE, one JSON object, or a JSON array that arrives piecemeal; each with or
/// without Code Assist's envelope. Source: wire-formats section 2.2.
class GoogleReader final : public BodyReader {
 public:
  explicit GoogleReader(const ResponseFacts& facts);

  [[nodiscard]] bool has_ended() const override;

 private:
  void begin_object() override;
  void on_scope_begin(std::size_t index) override;
  void on_scope_end(std::size_t index) override;
  void on_amount(std::size_t index, std::uint64_t value) override;
  void take() override;
  void fill_wire(Record* record) const override;

  bool has_response_ = false;         // the object is an envelope
  bool has_second_response_ = false;  // of which the first does not count
  std::optional<std::uint64_t> object_credits_;
  std::optional<std::uint64_t> credits_;
};

}  // namespace agp::usage
