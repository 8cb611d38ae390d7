#include "daemon/usage/openai_responses_reader.h"

#include "daemon/usage/flags.h"
#include "daemon/usage/text.h"

#include <algorithm>
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

/// The status that a terminal event stands for; empty for other events.
std::string_view terminal_status(std::string_view type) {
  static constexpr std::string_view kPrefix = "response.";
  if (!type.starts_with(kPrefix)) {
    return {};
  }
  type.remove_prefix(kPrefix.size());
  return type == "completed" || type == "incomplete" || type == "failed" || type == "cancelled"
             ? type
             : std::string_view();
}

bool names_response(std::string_view type) {
  return type == "response.created" || type == "response.queued" || type == "response.in_progress";
}

bool names_item(std::string_view type) {
  return type == "response.output_item.added" || type == "response.output_item.done";
}

Finish finish_of(std::string_view status, std::string_view reason, bool has_tool_calls) {
  if (status == "completed") {
    return has_tool_calls ? Finish::tool_use : Finish::stop;
  }
  if (status == "failed") {
    return Finish::error;
  }
  if (status == "cancelled") {
    return Finish::cancelled;
  }
  if (reason == "max_output_tokens" || reason == "max_messages") {
    return Finish::length;
  }
  if (reason == "content_filter") {
    return Finish::content_filter;
  }
  return reason == "steered" ? Finish::pause : Finish::other;
}

Usage usage_of(const ResponsesBody& seen, std::set<std::string>* flags) {
  const auto count = [&seen](ResponsesBody::Count which) {
    return seen.counts[which].value_or(0);
  };
  Usage usage;
  usage.input_total = count(ResponsesBody::kInput);
  usage.cached_input = count(ResponsesBody::kCached);
  const std::uint64_t by_ttl = count(ResponsesBody::kWrite30m) + count(ResponsesBody::kWrite12h);
  usage.cache_write = seen.counts[ResponsesBody::kWrite].value_or(by_ttl);
  if (seen.counts[ResponsesBody::kWrite30m] || seen.counts[ResponsesBody::kWrite12h]) {
    usage.cache_write_by_ttl.emplace();
    for (const auto& [name, which] :
         {std::pair("30m", ResponsesBody::kWrite30m), std::pair("12h", ResponsesBody::kWrite12h)}) {
      if (count(which) > 0) {
        (*usage.cache_write_by_ttl)[name] = count(which);
      }
    }
    if (by_ttl != usage.cache_write) {
      flags->insert(flag::kPartitionMismatch);
    }
  }
  if (usage.cached_input + usage.cache_write > usage.input_total) {
    flags->insert(flag::kPartitionMismatch);
  } else {
    usage.input_uncached = usage.input_total - usage.cached_input - usage.cache_write;
  }
  usage.output_total = count(ResponsesBody::kOutput);
  usage.reasoning = seen.counts[ResponsesBody::kReasoning];
  if (usage.reasoning.value_or(0) > usage.output_total) {
    flags->insert(flag::kPartitionMismatch);
  }
  usage.total = usage.input_total + usage.output_total;
  usage.reported_total = seen.counts[ResponsesBody::kTotal];
  if (usage.reported_total && *usage.reported_total != usage.total) {
    flags->insert(flag::kTotalMismatch);
  }
  return usage;
}

}  // namespace

OpenAiResponsesReader::OpenAiResponsesReader(const ResponseFacts& facts)
    : says_event_stream_(lower(facts.content_type).starts_with("text/event-stream")),
      json_(&extractor_) {
  if (facts.content_type == kJsonSequence) {
    shape_ = Shape::sequence;
  }
}

void OpenAiResponsesReader::feed(Bytes decoded) {
  // One octet at a time, so that the decision depends on no read border; it takes a few octets.
  while (!decoded.empty() && shape_ == Shape::unknown) {
    prelude_.push_back(static_cast<char>(decoded[0]));
    decoded = decoded.subspan(1);
    classify();
    if (shape_ == Shape::sse) {
      sse_.emplace(static_cast<sse::Sink*>(this));
      sse_->feed(as_bytes(prelude_));
    } else if (shape_ == Shape::json) {
      (void)json_.feed(as_bytes(std::string_view(prelude_).substr(prelude_.size() - 1)));
    }
  }
  if (decoded.empty()) {
    return;
  }
  if (shape_ == Shape::sse) {
    sse_->feed(decoded);
  } else if (shape_ == Shape::json && json_.status() != JsonReader::Status::failed) {
    (void)json_.feed(decoded);  // finish() says the same
  } else if (shape_ == Shape::sequence) {
    feed_sequence(decoded);
  }
}

void OpenAiResponsesReader::classify() {
  static constexpr std::array<std::string_view, 5> kStarts{"data:", "event:", "id:", "retry:", ":"};
  static constexpr std::string_view kBom = "\xEF\xBB\xBF";
  std::string_view text = prelude_;
  if (text.size() < kBom.size() && kBom.starts_with(text)) {
    return;
  }
  if (text.starts_with(kBom)) {
    text.remove_prefix(kBom.size());
  }
  text = text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
  if (text.empty()) {
    if (prelude_.size() >= kMaxPreludeBytes) {
      shape_ = says_event_stream_ ? Shape::sse : Shape::opaque;
    }
    return;
  }
  if (text[0] == '{') {
    shape_ = Shape::json;
    return;
  }
  bool may_be = false;
  for (const std::string_view start : kStarts) {
    if (says_event_stream_ || text.starts_with(start)) {
      shape_ = Shape::sse;
      return;
    }
    may_be = may_be || start.starts_with(text);
  }
  if (!may_be) {
    shape_ = Shape::opaque;
  }
}

void OpenAiResponsesReader::begin_text() {
  json_.reset();
  extractor_.reset();
}

void OpenAiResponsesReader::feed_sequence(Bytes decoded) {
  while (!decoded.empty()) {
    const auto end = std::find(decoded.begin(), decoded.end(), kRecordSeparator);
    const auto n = static_cast<std::size_t>(end - decoded.begin());
    if (n > 0) {
      has_text_ = true;
      if (json_.status() != JsonReader::Status::failed) {
        (void)json_.feed(decoded.first(n));  // end_sequence_text() says the same
      }
    }
    if (end == decoded.end()) {
      return;
    }
    end_sequence_text();
    decoded = decoded.subspan(n + 1);
  }
}

void OpenAiResponsesReader::end_sequence_text() {
  if (std::exchange(has_text_, false)) {
    if (json_.finish() == JsonReader::Status::done) {
      take_event();
    } else {
      flags_.insert(flag::kBadEvent);
    }
  }
  begin_text();
}

void OpenAiResponsesReader::finish() {
  if (shape_ == Shape::unknown && !prelude_.empty()) {
    shape_ = says_event_stream_ ? Shape::sse : Shape::opaque;
    if (shape_ == Shape::sse) {
      sse_.emplace(static_cast<sse::Sink*>(this));
      sse_->feed(as_bytes(prelude_));
    }
  }
  if (shape_ == Shape::sse) {
    sse_->finish();
    sse_.reset();
  } else if (shape_ == Shape::json) {
    if (json_.finish() == JsonReader::Status::done) {
      take_event();
    } else {
      flags_.insert(flag::kBadJson);
    }
  } else if (shape_ == Shape::opaque) {
    flags_.insert(flag::kBadJson);
  } else if (shape_ == Shape::sequence && has_text_) {
    flags_.insert(flag::kUnterminatedEvent);
  }
  prelude_.clear();
}

void OpenAiResponsesReader::on_event(const sse::Event& event) {
  // The name is the type that the data repeats: most events are text that need not be read.
  if (event.type.starts_with("response.") && terminal_status(event.type).empty() &&
      !names_response(event.type) && !names_item(event.type)) {
    return;
  }
  if (event.too_large) {
    flags_.insert(flag::kEventTooLarge);
    return;
  }
  const std::string_view text = trim(as_text(event.data));
  if (text.empty() || text.front() == ':' || text == "[DONE]") {
    return;
  }
  if (event.unterminated) {
    flags_.insert(flag::kUnterminatedEvent);
  }
  begin_text();
  (void)json_.feed(as_bytes(text));  // finish() says the same, and more
  if (text.front() == '{' && json_.finish() == JsonReader::Status::done) {
    take_event();
  } else if (!event.unterminated) {
    flags_.insert(flag::kBadEvent);
  }
}

void OpenAiResponsesReader::on_orphans(Bytes lines) {
  const std::string_view text = trim(as_text(lines));
  if (text.empty() || text.front() != '{') {
    return;
  }
  begin_text();
  (void)json_.feed(as_bytes(text));  // finish() says the same, and more
  if (json_.finish() == JsonReader::Status::done && extractor_.event().outer.error) {
    seen_.error = std::move(extractor_.event().outer.error);
    has_ended_ = true;
    flags_.insert(flag::kTrailingErrorJson);
  }
}

void OpenAiResponsesReader::take_event() {
  ResponsesEvent event = std::move(extractor_.event());
  const std::string_view type = event.type ? std::string_view(*event.type) : std::string_view();
  if (const std::string_view status = terminal_status(type); !status.empty()) {
    seen_.merge(std::move(event.inner));
    seen_.status = std::string(status);
    if (status == "failed" && !seen_.error) {
      seen_.error = CallError{"unknown", ""};
    }
    has_ended_ = true;
  } else if (names_response(type)) {
    ResponsesBody known;
    known.id = std::move(event.inner.id);
    known.model = std::move(event.inner.model);
    seen_.merge(std::move(known));
  } else if (names_item(type)) {
    for (std::string& name : event.outer.tool_names) {
      seen_.add_tool(std::move(name));
    }
  } else if (type == "error" || (type.empty() && event.outer.error && !event.outer.status)) {
    seen_.error = std::move(event.outer.error);
    has_ended_ = true;
  } else if (type.empty() && shape_ == Shape::json) {
    const bool is_compaction = event.outer.object == "response.compaction";
    seen_.merge(std::move(event.outer));
    if (!seen_.status && is_compaction) {
      seen_.status = "completed";
    }
    has_ended_ = seen_.status && seen_.status != "queued" && seen_.status != "in_progress";
  }
}

void OpenAiResponsesReader::fill(Record* record) const {
  record->stream = shape_ == Shape::sse || shape_ == Shape::sequence;
  if (seen_.model) {
    record->model = seen_.model;
    record->model_source = ModelSource::response;
  }
  record->response_id = seen_.id;
  record->tool_calls = seen_.tool_names;
  record->error = seen_.error;
  if (seen_.service_tier) {
    record->service_tier = seen_.service_tier;
  }
  if (has_ended_ && seen_.status) {
    const std::string_view reason =
        seen_.reason ? std::string_view(*seen_.reason) : std::string_view();
    const bool is_incomplete = seen_.status == "incomplete" && !reason.empty();
    record->finish_raw = is_incomplete ? seen_.reason : seen_.status;
    record->finish = finish_of(*seen_.status, reason, !seen_.tool_names.empty());
  }
  record->flags.insert(flags_.begin(), flags_.end());
  if (seen_.has_bad_number) {
    record->flags.insert(flag::kBadNumber);
  }
  if (seen_.has_usage) {
    record->usage = usage_of(seen_, &record->flags);
  }
}

}  // namespace agp::usage
