#pragma once

#include "daemon/usage/body_reader.h"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace agp::usage {

/// OpenAI's Responses API: SSE, one JSON object, or the messages of a WebSocket. Usage counts only
/// in terminal events. Source: wire-formats section 2.4.2.
class OpenAiResponsesReader final : public BodyReader {
 public:
  explicit OpenAiResponsesReader(const ResponseFacts& facts);

  [[nodiscard]] bool has_ended() const override { return has_ended_; }
  [[nodiscard]] bool has_final_counts() const override { return has_ended_; }

 private:
  /// One item of a response's output.
  struct Item {
    std::string type;
    std::string name;
    std::string id;
  };

  void begin_object() override;
  void on_scope_begin(std::size_t index) override;
  void on_scope_end(std::size_t index) override;
  void on_note(std::size_t index, std::string_view text) override;
  void on_amount(std::size_t index, std::uint64_t value) override;
  void take() override;
  void take_response(Snapshot* from, std::string_view status);
  void take_tools(const Snapshot& from);
  void fill_wire(Record* record) const override;
  void end_item();

  Item item_;
  bool in_response_ = false;
  std::uint64_t output_index_ = 0;  // of an event's item, or the place in an output
  std::map<std::string, std::string> object_server_calls_;  // id of an item to its tool
  std::map<std::string, std::string> server_calls_;
  bool has_ended_ = false;
};

}  // namespace agp::usage
