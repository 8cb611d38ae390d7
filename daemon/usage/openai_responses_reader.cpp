#include "daemon/usage/openai_responses_reader.h"

#include "daemon/usage/derive.h"
#include "daemon/usage/text.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace agp::usage {
namespace {

enum Counts : std::size_t {
  kInput,
  kCached,
  kWrite,
  kWrite30m,
  kWrite12h,
  kOutput,
  kReasoning,
  kTotal,
};
enum Scopes : std::size_t { kEvent, kResponse, kOutputItems, kItem };
enum Notes : std::size_t { kItemType, kItemName, kItemId };
enum Amounts : std::size_t { kOutputIndex };

const FieldTable& table() {
  using K = FieldKind;
  using S = Snapshot;
  static const FieldTable fields(
      {
          {"type", K::word, S::kType},
          {"object", K::word, S::kObject},
          {"id", K::id, S::kResponseId},
          {"model", K::model, S::kModel},
          {"status", K::word, S::kStatus},
          {"service_tier", K::lower_word, S::kServiceTier},
          {"incomplete_details.reason", K::word, S::kReason},
          {"usage", K::usage},
          {"usage.input_tokens", K::count, kInput},
          {"usage.input_tokens_details.cached_tokens", K::count, kCached},
          {"usage.input_tokens_details.cache_write_tokens", K::count, kWrite},
          {"usage.input_tokens_details.cache_write_tokens_details.ttl_30m_tokens", K::count,
           kWrite30m},
          {"usage.input_tokens_details.cache_write_tokens_details.ttl_12h_tokens", K::count,
           kWrite12h},
          {"usage.output_tokens", K::count, kOutput},
          {"usage.output_tokens_details.reasoning_tokens", K::count, kReasoning},
          {"usage.total_tokens", K::count, kTotal},
          {"output_index", K::amount, kOutputIndex},
          {"item", K::scope, kItem},
          {"item.type", K::note, kItemType},
          {"item.name", K::note, kItemName},
          {"item.id", K::note, kItemId},
          {"output", K::scope, kOutputItems},
          {"output[]", K::scope, kItem},
          {"output[].type", K::note, kItemType},
          {"output[].name", K::note, kItemName},
          {"output[].id", K::note, kItemId},
          // Of an error event, which has it at the top in one version. There is no other finish.
          {"code", K::code, S::kFinish},
          {"error", K::error},
          {"error.type", K::word, S::kErrorType},
          {"error.status", K::word, S::kErrorStatus},
          {"error.code", K::code, S::kErrorCode},
      },
      {"", "response"});
  return fields;
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

/// The tool that OpenAI runs itself, and bills, for an item of that type; empty for other items.
std::string_view server_tool(std::string_view type) {
  static constexpr std::array<std::string_view, 5> kTools{
      "web_search", "file_search", "code_interpreter", "image_generation", "mcp"};
  static constexpr std::string_view kSuffix = "_call";
  if (!type.ends_with(kSuffix)) {
    return {};
  }
  type.remove_suffix(kSuffix.size());
  return std::find(kTools.begin(), kTools.end(), type) != kTools.end() ? type : std::string_view();
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

Usage usage_of(const Snapshot& seen, std::set<std::string>* flags) {
  const auto count = [&seen](Counts which) {
    return seen.count(which).value_or(0);
  };
  Stated stated;
  stated.input_total = count(kInput);
  stated.cached_input = count(kCached);
  stated.cache_write = seen.count(kWrite);
  stated.cache_write_by_ttl = by_ttl(seen, {{"30m", kWrite30m}, {"12h", kWrite12h}});
  stated.output_total = count(kOutput);
  stated.reasoning = seen.count(kReasoning);
  stated.reported_total = seen.count(kTotal);
  return derive(stated, flags);
}

}  // namespace

OpenAiResponsesReader::OpenAiResponsesReader(const ResponseFacts& facts)
    : BodyReader(facts, table()) {}

void OpenAiResponsesReader::begin_object() {
  object_server_calls_.clear();
  output_index_ = 0;
  in_response_ = false;
}

void OpenAiResponsesReader::on_scope_begin(std::size_t index) {
  switch (index) {
    case kResponse:
      inner_.clear();
      extractor_.into(&inner_);
      in_response_ = true;
      break;
    case kOutputItems:
      output_index_ = 0;
      break;
    case kItem:
      item_.type.clear();
      item_.name.clear();
      item_.id.clear();
      break;
    default:
      break;
  }
}

void OpenAiResponsesReader::on_scope_end(std::size_t index) {
  if (index == kResponse) {
    extractor_.into(&object_);
    in_response_ = false;
  } else if (index == kItem) {
    end_item();
  }
}

void OpenAiResponsesReader::on_note(std::size_t index, std::string_view text) {
  switch (index) {
    case kItemType:
      item_.type = text;
      break;
    case kItemName:
      item_.name = text;
      break;
    default:
      item_.id = clip(text, kMaxIdBytes);
      break;
  }
}

void OpenAiResponsesReader::on_amount(std::size_t, std::uint64_t value) {
  output_index_ = value;
}

void OpenAiResponsesReader::end_item() {
  if (item_.type == "function_call" || item_.type == "custom_tool_call") {
    (in_response_ ? inner_ : object_).add_tool_name(item_.name);
  } else if (const std::string_view tool = server_tool(item_.type);
             !tool.empty() && object_server_calls_.size() < kMaxServerToolCalls) {
    // The same item comes up to three times: added, done, and in the output of the response.
    object_server_calls_.emplace(item_.id.empty() ? "#" + std::to_string(output_index_) : item_.id,
                                 tool);
  }
  ++output_index_;
}

void OpenAiResponsesReader::take() {
  std::string type(object_.text(Snapshot::kType));
  if (type.empty()) {
    type = event_name();
  }
  if (const std::string_view terminal = terminal_status(type); !terminal.empty()) {
    take_response(&inner_, terminal);
  } else if (names_response(type)) {
    inner_.keep_only({Snapshot::kResponseId, Snapshot::kModel});
    seen_.merge(&inner_);
  } else if (names_item(type)) {
    take_tools(object_);
  } else if (type == "error") {
    if (!object_.has_error()) {
      const std::string code(object_.text(Snapshot::kFinish));
      object_.begin_error();
      *object_.set_word(Snapshot::kErrorCode) = code;
    }
    object_.keep_only({});
    seen_.merge(&object_);
    has_ended_ = true;
  } else if (type.empty() && object_.has_error() && object_.text(Snapshot::kStatus).empty()) {
    object_.keep_only({});
    seen_.merge(&object_);
    has_ended_ = true;
  } else if (type.empty() && shape() == Shape::json) {
    const bool is_compaction = object_.text(Snapshot::kObject) == "response.compaction";
    std::string status(object_.text(Snapshot::kStatus));
    if (status.empty() && is_compaction) {
      status = "completed";
    }
    take_response(&object_, status);
  } else {
    set_repeatable(object_, nullptr);  // text, mostly
  }
}

/// @param status  empty, or not a terminal one: the response is not over.
void OpenAiResponsesReader::take_response(Snapshot* from, std::string_view status) {
  take_tools(*from);
  from->forget(Snapshot::kFinish);
  seen_.merge(from);
  if (!status.empty()) {
    *seen_.set_word(Snapshot::kStatus) = status;
  }
  if (status == "failed" && !seen_.has_error()) {
    seen_.begin_error();
  }
  has_ended_ = !status.empty() && status != "queued" && status != "in_progress";
}

void OpenAiResponsesReader::take_tools(const Snapshot& from) {
  for (const std::string& name : from.tool_names()) {
    seen_.add_tool_name(name);
  }
  for (const auto& [id, tool] : object_server_calls_) {
    if (server_calls_.size() < kMaxServerToolCalls) {
      server_calls_.emplace(id, tool);
    }
  }
}

void OpenAiResponsesReader::fill_wire(Record* record) const {
  if (const std::string* status = seen_.word(Snapshot::kStatus); has_ended_ && status != nullptr) {
    const std::string_view reason = seen_.text(Snapshot::kReason);
    record->finish_raw = *status == "incomplete" && !reason.empty() ? std::string(reason) : *status;
    record->finish = finish_of(*status, reason, !seen_.tool_names().empty());
  }
  for (const auto& [id, tool] : server_calls_) {
    if (!record->server_tools) {
      record->server_tools.emplace();
    }
    ++(*record->server_tools)[tool];
  }
  if (seen_.has_usage()) {
    record->usage = usage_of(seen_, &record->flags);
  }
}

}  // namespace agp::usage
