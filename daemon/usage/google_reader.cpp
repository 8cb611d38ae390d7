#include "daemon/usage/google_reader.h"

#include "daemon/usage/flags.h"
#include "daemon/usage/text.h"

#include <array>
#include <string_view>
#include <utility>

namespace agp::usage {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string_view trim(std::string_view text) {
  const std::size_t from = text.find_first_not_of(kSpace);
  if (from == std::string_view::npos) {
    return {};
  }
  return text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

Finish finish_of(std::string_view reason, bool has_tool_calls) {
  if (reason == "STOP") {
    return has_tool_calls ? Finish::tool_use : Finish::stop;
  }
  if (reason == "MAX_TOKENS") {
    return Finish::length;
  }
  if (reason == "CONTINUATION") {
    return Finish::pause;
  }
  static constexpr std::array<std::string_view, 8> kFiltered{"SAFETY",
                                                             "RECITATION",
                                                             "BLOCKLIST",
                                                             "PROHIBITED_CONTENT",
                                                             "SPII",
                                                             "IMAGE_SAFETY",
                                                             "IMAGE_PROHIBITED_CONTENT",
                                                             "IMAGE_RECITATION"};
  for (const std::string_view filtered : kFiltered) {
    if (reason == filtered) {
      return Finish::content_filter;
    }
  }
  return Finish::other;
}

std::optional<ModalityCounts> not_empty(const ModalityCounts* list) {
  return list != nullptr && !list->empty() ? std::optional(*list) : std::nullopt;
}

std::optional<std::string> copy_of(const std::string* word) {
  return word == nullptr ? std::nullopt : std::optional(*word);
}

Usage usage_of(const GoogleSnapshot& seen, std::set<std::string>* flags) {
  const auto count = [&seen](GoogleSnapshot::Count which) {
    return seen.count(which).value_or(0);
  };
  Usage usage;
  usage.tool_use_prompt = count(GoogleSnapshot::kToolUse);
  usage.input_total = count(GoogleSnapshot::kPrompt) + usage.tool_use_prompt;
  usage.cached_input = count(GoogleSnapshot::kCached);
  if (usage.cached_input > usage.input_total) {
    flags->insert(flag::kPartitionMismatch);
  } else {
    usage.input_uncached = usage.input_total - usage.cached_input;
  }
  usage.reasoning = count(GoogleSnapshot::kThoughts);
  usage.output_total = count(GoogleSnapshot::kCandidates) + *usage.reasoning;
  usage.total = usage.input_total + usage.output_total;
  usage.reported_total = seen.count(GoogleSnapshot::kTotal);
  if (usage.reported_total && *usage.reported_total != usage.total) {
    flags->insert(flag::kTotalMismatch);
  }
  usage.input_by_modality = not_empty(seen.list(GoogleSnapshot::kPromptList));
  if (const auto tool_use = not_empty(seen.list(GoogleSnapshot::kToolUseList))) {
    if (!usage.input_by_modality) {
      usage.input_by_modality.emplace();
    }
    for (const auto& [modality, tokens] : *tool_use) {
      (*usage.input_by_modality)[modality] += tokens;
    }
  }
  usage.output_by_modality = not_empty(seen.list(GoogleSnapshot::kCandidatesList));
  usage.cached_by_modality = not_empty(seen.list(GoogleSnapshot::kCachedList));
  return usage;
}

}  // namespace

GoogleReader::GoogleReader(const ResponseFacts& facts)
    : says_event_stream_(lower(facts.content_type).starts_with("text/event-stream")),
      extractor_(&event_),
      json_(&extractor_) {
  if (!facts.trace_id.empty()) {
    clip_into(seen_.set_word(GoogleSnapshot::kTraceId), facts.trace_id,
              kMaxIdBytes);  // the body's own, when it comes, wins
  }
}

void GoogleReader::feed(Bytes decoded) {
  if (decoded.empty()) {
    return;
  }
  switch (shape_) {
    case Shape::unknown:
      break;
    case Shape::sse:
      sse_->feed(decoded);
      return;
    case Shape::json:
      feed_json(decoded);
      return;
    case Shape::opaque:
      return;
  }
  // One octet at a time, so that the decision depends on no read border; it takes a few octets.
  std::size_t used = 0;
  while (used < decoded.size() && shape_ == Shape::unknown) {
    prelude_.push_back(static_cast<char>(decoded[used++]));
    classify(false);
  }
  if (shape_ == Shape::unknown) {
    return;
  }
  const std::string prelude = std::move(prelude_);
  prelude_.clear();
  if (shape_ == Shape::sse) {
    sse_.emplace(static_cast<sse::Sink*>(this));
    sse_->feed(as_bytes(prelude));
    sse_->feed(decoded.subspan(used));
  } else if (shape_ == Shape::json) {
    feed_json(as_bytes(std::string_view(prelude).substr(prelude.size() - 1)));
    feed_json(decoded.subspan(used));
  }
}

void GoogleReader::classify(bool at_end) {
  static constexpr std::array<std::string_view, 5> kStarts{"data:", "event:", "id:", "retry:", ":"};
  static constexpr std::string_view kBom = "\xEF\xBB\xBF";
  std::string_view text = prelude_;
  if (text.size() < kBom.size() && kBom.starts_with(text) && !at_end) {
    return;
  }
  if (text.starts_with(kBom)) {
    text.remove_prefix(kBom.size());
  }
  const std::size_t from = text.find_first_not_of(kSpace);
  if (from == std::string_view::npos) {
    if (prelude_.size() >= kMaxPreludeBytes) {
      shape_ = says_event_stream_ ? Shape::sse : Shape::opaque;
    }
    return;
  }
  text.remove_prefix(from);
  if (text[0] == '{' || text[0] == '[') {
    shape_ = Shape::json;
    return;
  }
  if (says_event_stream_) {
    shape_ = Shape::sse;
    return;
  }
  bool may_be = false;
  for (const std::string_view start : kStarts) {
    if (text.starts_with(start)) {
      shape_ = Shape::sse;
      return;
    }
    may_be = may_be || start.starts_with(text);
  }
  if (!may_be) {
    shape_ = Shape::opaque;
  }
}

void GoogleReader::feed_json(Bytes decoded) {
  if (json_.status() == JsonReader::Status::failed) {
    return;
  }
  if (json_.feed(decoded) == JsonReader::Status::failed) {
    flags_.insert(flag::kBadJson);
  }
  // Elements of an array count as they come, whatever becomes of the rest.
  seen_.merge(&event_);
}

void GoogleReader::finish() {
  if (shape_ == Shape::unknown && !prelude_.empty()) {
    classify(true);
    if (shape_ == Shape::sse || says_event_stream_) {
      shape_ = Shape::sse;
      sse_.emplace(static_cast<sse::Sink*>(this));
      sse_->feed(as_bytes(prelude_));
    }
  }
  if (shape_ == Shape::sse) {
    sse_->finish();
    sse_.reset();
  } else if (shape_ == Shape::json) {
    const bool is_whole = json_.finish() == JsonReader::Status::done;
    is_whole_json_ = is_whole && !extractor_.is_array();
    if (!is_whole) {
      flags_.insert(flag::kBadJson);
    }
  } else if (shape_ == Shape::opaque) {
    flags_.insert(flag::kBadJson);
  }
  prelude_.clear();
}

void GoogleReader::on_event(const sse::Event& event) {
  if (event.too_large) {
    flags_.insert(flag::kEventTooLarge);
    return;
  }
  const std::string_view text = trim(as_text(event.data));
  // Keep-alives come as data, too; "[DONE]" is a habit of gateways that Google does not have.
  if (text.empty() || text.front() == ':' || text == "[DONE]") {
    return;
  }
  if (event.unterminated) {
    flags_.insert(flag::kUnterminatedEvent);
  }
  if (!take_object(as_bytes(text)) && !event.unterminated) {
    flags_.insert(flag::kBadEvent);
  }
}

void GoogleReader::on_orphans(Bytes lines) {
  const std::string_view text = trim(as_text(lines));
  if (text.empty() || text.front() != '{') {
    return;
  }
  GoogleSnapshot only;
  GoogleExtractor extractor(&only);
  JsonReader json(&extractor);
  (void)json.feed(as_bytes(text));  // finish() says the same, and more
  if (json.finish() == JsonReader::Status::done && only.error() != nullptr) {
    seen_.set_error(*only.error());
    flags_.insert(flag::kTrailingErrorJson);
  }
}

bool GoogleReader::take_object(Bytes text) {
  if (text[0] != '{') {
    return false;
  }
  extractor_.reset();
  json_.reset();
  event_.clear();
  (void)json_.feed(text);  // finish() says the same, and more
  if (json_.finish() != JsonReader::Status::done) {
    return false;  // a broken event leaves no trace
  }
  seen_.merge(&event_);
  return true;
}

bool GoogleReader::has_ended() const {
  return is_whole_json_ || seen_.word(GoogleSnapshot::kFinishReason) != nullptr ||
         seen_.word(GoogleSnapshot::kBlockReason) != nullptr;
}

void GoogleReader::fill(Record* record) const {
  record->stream = shape_ == Shape::sse || (shape_ == Shape::json && extractor_.is_array());
  if (const std::string* model = seen_.word(GoogleSnapshot::kModel)) {
    record->model = *model;
    record->model_source = ModelSource::response;
  }
  record->response_id = copy_of(seen_.word(GoogleSnapshot::kResponseId));
  record->trace_id = copy_of(seen_.word(GoogleSnapshot::kTraceId));
  record->tool_calls = seen_.tool_names();
  record->credits_consumed = seen_.credits();
  if (seen_.error() != nullptr) {
    record->error = *seen_.error();
  }
  if (const std::string* tier = seen_.word(GoogleSnapshot::kServiceTier)) {
    record->service_tier = *tier;
  } else if (const std::string* traffic = seen_.word(GoogleSnapshot::kTrafficType)) {
    record->service_tier = *traffic;
  }
  if (const std::string* reason = seen_.word(GoogleSnapshot::kFinishReason)) {
    record->finish_raw = *reason;
    record->finish = finish_of(*reason, !seen_.tool_names().empty());
  } else if (const std::string* block = seen_.word(GoogleSnapshot::kBlockReason)) {
    record->finish_raw = *block;
    record->finish = Finish::content_filter;
  }
  record->flags.insert(flags_.begin(), flags_.end());
  if (seen_.has_bad_number()) {
    record->flags.insert(flag::kBadNumber);
  }
  if (seen_.has_usage()) {
    record->usage = usage_of(seen_, &record->flags);
  }
}

}  // namespace agp::usage
