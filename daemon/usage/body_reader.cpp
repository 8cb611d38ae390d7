#include "daemon/usage/body_reader.h"

#include "daemon/usage/flags.h"
#include "daemon/usage/number.h"
#include "daemon/usage/text.h"

#include <algorithm>
#include <utility>

namespace agp::usage {
namespace {

std::string_view trim(std::string_view text) {
  const std::size_t from = text.find_first_not_of(kSpace);
  if (from == std::string_view::npos) {
    return {};
  }
  return text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

std::optional<std::string> copy_of(const std::string* word) {
  return word == nullptr ? std::nullopt : std::optional(*word);
}

/// The provider's own counters under their own names.
std::map<std::string, std::uint64_t> reported(const Snapshot& seen, const FieldTable& table) {
  std::map<std::string, std::uint64_t> counters;
  for (std::size_t i = 0; i < kMaxCounters; ++i) {
    const usage::Count count = seen.count(i);
    if (const std::string& name = table.count_name(i); count && !name.empty()) {
      counters.emplace(name, *count);
    }
  }
  for (std::size_t i = 0; i < kMaxLists; ++i) {
    if (const ModalityCounts* list = seen.list(i)) {
      for (const auto& [entry, value] : *list) {
        counters.emplace(table.list_name(i) + "." + entry, value);
      }
    }
  }
  return counters;
}

}  // namespace

BodyReader::BodyReader(const ResponseFacts& facts, const FieldTable& table)
    : table_(&table), extractor_(&table, this), detector_(facts.content_type), json_(&extractor_) {
  extractor_.into(&object_);
}

void BodyReader::feed(Bytes decoded) {
  if (detector_.shape() == Shape::unknown) {
    decoded = decoded.subspan(detector_.feed(decoded));
    if (detector_.shape() == Shape::unknown) {
      return;
    }
    start();
  }
  feed_shape(decoded);
}

/// The shape has become known.
void BodyReader::start() {
  if (shape() == Shape::sse) {
    sse_.emplace(static_cast<sse::Sink*>(this));
  }
  const std::string prelude = detector_.take();
  feed_shape(as_bytes(prelude));
}

void BodyReader::feed_shape(Bytes decoded) {
  if (decoded.empty()) {
    return;
  }
  switch (shape()) {
    case Shape::sse:
      sse_->feed(decoded);
      break;
    case Shape::json:
      feed_json(decoded);
      break;
    case Shape::sequence:
      feed_sequence(decoded);
      break;
    case Shape::unknown:
    case Shape::opaque:
      break;
  }
}

void BodyReader::finish() {
  if (shape() == Shape::unknown) {
    detector_.finish();
    start();
  }
  switch (shape()) {
    case Shape::sse:
      sse_->finish();
      sse_.reset();
      break;
    case Shape::json:
      if (json_.finish() == JsonReader::Status::done) {
        is_whole_json_ = !extractor_.is_array();
      } else {
        flags_.insert(flag::kBadJson);
      }
      break;
    case Shape::sequence:
      if (has_text_) {
        flags_.insert(flag::kUnterminatedEvent);
      }
      break;
    case Shape::opaque:
      flags_.insert(flag::kBadJson);
      break;
    case Shape::unknown:
      break;  // an empty body
  }
}

void BodyReader::begin_text() {
  json_.reset();
  extractor_.reset();
}

void BodyReader::feed_json(Bytes decoded) {
  if (json_.status() != JsonReader::Status::failed) {
    (void)json_.feed(decoded);  // finish() says the same
  }
}

void BodyReader::feed_sequence(Bytes decoded) {
  while (!decoded.empty()) {
    const auto end = std::find(decoded.begin(), decoded.end(), kRecordSeparator);
    const auto n = static_cast<std::size_t>(end - decoded.begin());
    has_text_ = has_text_ || n > 0;
    feed_json(decoded.first(n));
    if (end == decoded.end()) {
      return;
    }
    if (std::exchange(has_text_, false)) {
      if (json_.finish() == JsonReader::Status::done && !extractor_.is_array()) {
        ++chunks_;
        take();
      } else {
        flags_.insert(flag::kBadEvent);
      }
    }
    begin_text();
    decoded = decoded.subspan(n + 1);
  }
}

void BodyReader::on_object_begin() {
  object_.clear();
  inner_.clear();
  extractor_.into(&object_);
  begin_object();
}

void BodyReader::on_object_end() {
  // Elements of an array count as they come, whatever becomes of the rest. Objects of events and
  // of sequences have to prove first that nothing follows them.
  if (shape() == Shape::json) {
    ++chunks_;
    take();
  }
}

void BodyReader::on_event(const sse::Event& event) {
  if (event.too_large) {
    flags_.insert(flag::kEventTooLarge);
    return;
  }
  const std::string_view text = trim(as_text(event.data));
  if (text.empty() || text.front() == ':') {
    return;  // keep-alives come as data, too
  }
  if (text == "[DONE]" && !take_done()) {
    return;  // a habit of gateways, where the wire has no such thing
  }
  if (event.unterminated) {
    flags_.insert(flag::kUnterminatedEvent);
  }
  if (text == "[DONE]") {
    return;
  }
  event_name_ = event.type == "message" ? std::string_view() : event.type;  // it has no name
  if (take_object(as_bytes(text))) {
    ++chunks_;
  } else if (!event.unterminated) {
    flags_.insert(flag::kBadEvent);
  }
  event_name_ = {};
}

void BodyReader::on_orphans(Bytes lines) {
  const std::string_view text = trim(as_text(lines));
  if (text.empty() || !read_object(as_bytes(text)) || !object_.has_error()) {
    return;
  }
  object_.keep_only({});
  seen_.merge(&object_);
  flags_.insert(flag::kTrailingErrorJson);
}

bool BodyReader::take_object(Bytes text) {
  if (event_name_ == like_name_ && scan_.is_like(text)) {
    for (const EventScan::Number& number : scan_.numbers()) {
      if (const auto count = parse_count(number.text)) {
        seen_.set_count(static_cast<std::size_t>(number.slot), *count);
      } else {
        seen_.set_has_bad_number();
      }
    }
    return true;
  }
  if (!read_object(text)) {
    return false;  // a broken event leaves no trace
  }
  is_repeatable_ = false;
  take();
  scan_.end(text, is_repeatable_);
  like_name_ = event_name_;
  return true;
}

/// @return whether `text` is one whole JSON object; its fields are in the snapshots then.
bool BodyReader::read_object(Bytes text) {
  if (text[0] != '{') {
    return false;
  }
  begin_text();
  json_.note_holes(scan_.begin());
  (void)json_.feed(text);  // finish() says the same, and more
  return json_.finish() == JsonReader::Status::done;
}

void BodyReader::fill(Record* record) const {
  record->stream = shape() == Shape::sse || shape() == Shape::sequence ||
                   (shape() == Shape::json && extractor_.is_array());
  if (const std::string* model = seen_.word(Snapshot::kModel)) {
    record->model = *model;
    record->model_source = ModelSource::response;
  }
  record->response_id = copy_of(seen_.word(Snapshot::kResponseId));
  if (const std::string* trace_id = seen_.word(Snapshot::kTraceId)) {
    record->trace_id = *trace_id;
  }
  if (const std::string* tier = seen_.word(Snapshot::kServiceTier)) {
    record->service_tier = *tier;
  }
  record->tool_calls = seen_.tool_names();
  record->error = seen_.error();
  record->flags.insert(flags_.begin(), flags_.end());
  if (seen_.has_bad_number()) {
    record->flags.insert(flag::kBadNumber);
  }
  if (seen_.has_usage()) {
    record->reported = reported(seen_, *table_);
  }
  fill_wire(record);
}

}  // namespace agp::usage
