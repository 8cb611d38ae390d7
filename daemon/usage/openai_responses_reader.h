#pragma once

#include "daemon/sse/parser.h"
#include "daemon/usage/openai_responses_extractor.h"
#include "daemon/usage/response_reader.h"

#include <optional>
#include <set>
#include <string>

namespace agp::usage {

/// Content type of a body that is a JSON text sequence, RFC 7464: that is how the messages of a
/// WebSocket reach a reader, each followed by kRecordSeparator.
inline constexpr const char* kJsonSequence = "application/json-seq";
inline constexpr std::uint8_t kRecordSeparator = 0x1E;

/// OpenAI's Responses API: SSE, one JSON object, or the messages of a WebSocket. Usage counts only
/// in terminal events. Source: wire-formats section 2.4.2.
class OpenAiResponsesReader final : public ResponseReader, private sse::Sink {
 public:
  explicit OpenAiResponsesReader(const ResponseFacts& facts);

  void feed(Bytes decoded) override;
  void finish() override;
  [[nodiscard]] bool has_ended() const override { return has_ended_; }
  [[nodiscard]] bool has_usage() const override { return seen_.has_usage; }
  void fill(Record* record) const override;

 private:
  // unknown ──> sse | json | opaque; sequence by content type
  enum class Shape : std::uint8_t { unknown, sse, json, sequence, opaque };

  void on_event(const sse::Event& event) override;
  void on_orphans(Bytes lines) override;
  void classify();
  void feed_sequence(Bytes decoded);
  void end_sequence_text();
  void begin_text();
  /// The JSON text is whole: takes over what counts of it.
  void take_event();

  bool says_event_stream_;
  Shape shape_ = Shape::unknown;
  std::string prelude_;  // the first octets, until they say what the body is
  ResponsesBody seen_;
  ResponsesExtractor extractor_;
  JsonReader json_;
  std::optional<sse::Parser> sse_;
  bool has_text_ = false;  // octets of the current text of a sequence have come
  bool has_ended_ = false;
  std::set<std::string> flags_;
};

}  // namespace agp::usage
