#pragma once

#include "daemon/sse/parser.h"
#include "daemon/usage/body_shape.h"
#include "daemon/usage/event_scan.h"
#include "daemon/usage/field_extractor.h"
#include "daemon/usage/response_reader.h"
#include "daemon/usage/snapshot.h"

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace agp::usage {

/// What the readers of all wires share: a body is taken apart into JSON objects, whatever its
/// shape, and each object's fields end up in a snapshot. A wire adds its table and what an object
/// means.
class BodyReader : public ResponseReader, private sse::Sink, protected FieldHandler {
 public:
  void feed(Bytes decoded) final;
  void finish() final;
  [[nodiscard]] bool has_usage() const final { return seen_.has_usage(); }
  [[nodiscard]] std::uint64_t chunks() const final { return chunks_; }
  /// An error in the body leaves them what they were when it came.
  [[nodiscard]] bool has_final_counts() const override { return has_ended() && !seen_.has_error(); }
  void fill(Record* record) const final;

 protected:
  BodyReader(const ResponseFacts& facts, const FieldTable& table);

  /// `object_` is whole, and so is `inner_` when it was used: takes over what counts of it.
  virtual void take() = 0;
  /// Finish, usage and what else the wire knows of.
  virtual void fill_wire(Record* record) const = 0;
  /// `[DONE]`. @return false when that means nothing here.
  [[nodiscard]] virtual bool take_done() { return false; }
  virtual void begin_object() {}

  void on_scope_begin(std::size_t) override {}
  void on_scope_end(std::size_t) override {}
  void on_note(std::size_t, std::string_view) override {}
  void on_amount(std::size_t, std::uint64_t) override {}

  [[nodiscard]] Shape shape() const { return detector_.shape(); }
  /// One JSON text that is no array has been read to its end.
  [[nodiscard]] bool is_whole_json() const { return is_whole_json_; }
  /// Of the event that holds the object; empty outside of event streams.
  [[nodiscard]] std::string_view event_name() const { return event_name_; }
  /// For take(): all that the object does is to add `all` to what was seen, or nothing, and it
  /// would do nothing more if it came again. Events like it then differ in the counts alone that
  /// went `into` a part of `all`. @param into  null: it has no counts.
  void set_repeatable(const Snapshot& all, const Snapshot* into) {
    is_repeatable_ = !all.has_error() && extractor_.can_change_numbers(into);
  }
  void add_flag(const char* flag) { flags_.insert(flag); }

  const FieldTable* table_;
  FieldExtractor extractor_;
  Snapshot seen_;    // of all objects so far
  Snapshot object_;  // of the object that is being read
  Snapshot inner_;   // of an object inside it, for wires that wrap their responses

 private:
  void on_object_begin() final;
  void on_object_end() final;
  void on_event(const sse::Event& event) override;
  void on_orphans(Bytes lines) override;
  /// @return whether `text` is a whole JSON object; only then has it been taken over.
  [[nodiscard]] bool take_object(Bytes text);
  [[nodiscard]] bool read_object(Bytes text);
  void begin_text();
  void start();
  void feed_shape(Bytes decoded);
  void feed_json(Bytes decoded);
  void feed_sequence(Bytes decoded);

  ShapeDetector detector_;
  JsonReader json_;
  std::optional<sse::Parser> sse_;
  EventScan scan_;
  std::string like_name_;  // of the event that the scan knows
  bool is_repeatable_ = false;
  std::string_view event_name_;
  bool has_text_ = false;  // octets of the current text of a sequence have come
  bool is_whole_json_ = false;
  std::uint64_t chunks_ = 0;
  std::set<std::string> flags_;
};

}  // namespace agp::usage
