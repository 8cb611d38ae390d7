#pragma once

#include "daemon/sse/parser.h"
#include "daemon/usage/google_extractor.h"
#include "daemon/usage/response_reader.h"

#include <optional>
#include <set>
#include <string>

namespace agp::usage {

/// Google's wire: SSE, one JSON object, or a JSON array that arrives piecemeal; each with or
/// without Code Assist's envelope. What a body is, its first octets say before its header does.
class GoogleReader final : public ResponseReader, private sse::Sink {
 public:
  explicit GoogleReader(const ResponseFacts& facts);

  void feed(Bytes decoded) override;
  void finish() override;
  [[nodiscard]] bool has_ended() const override;
  [[nodiscard]] bool has_usage() const override { return seen_.has_usage(); }
  void fill(Record* record) const override;

 private:
  // unknown ──> sse | json | opaque
  enum class Shape : std::uint8_t { unknown, sse, json, opaque };

  void on_event(const sse::Event& event) override;
  void on_orphans(Bytes lines) override;
  /// @return whether `text` is a whole JSON object; only then has it been taken over.
  [[nodiscard]] bool take_object(Bytes text);
  void classify(bool at_end);
  void feed_json(Bytes decoded);

  bool says_event_stream_;
  Shape shape_ = Shape::unknown;
  std::string prelude_;  // the first octets, until they say what the body is
  GoogleSnapshot seen_;
  GoogleSnapshot event_;  // of the text being read, until it counts
  GoogleExtractor extractor_;
  JsonReader json_;
  std::optional<sse::Parser> sse_;
  bool is_whole_json_ = false;
  std::set<std::string> flags_;
};

}  // namespace agp::usage
