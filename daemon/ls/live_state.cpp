#include "daemon/ls/live_state.h"

#include "daemon/ls/json_path.h"

#include <span>
#include <utility>

namespace agp::ls {
namespace {

using EnumValue = std::pair<std::uint64_t, std::string_view>;

// Numbers: ls-protocol sections 3.4, 3.5 and appendix A. Of the step types those that decide.
constexpr EnumValue kTypes[] = {{5, "CODE_ACTION"},         {14, "USER_INPUT"},
                                {15, "PLANNER_RESPONSE"},   {17, "ERROR_MESSAGE"},
                                {21, "RUN_COMMAND"},        {23, "CHECKPOINT"},
                                {38, "MCP_TOOL"},           {82, "NOTIFY_USER"},
                                {90, "EPHEMERAL_MESSAGE"},  {98, "CONVERSATION_HISTORY"},
                                {99, "KNOWLEDGE_ARTIFACTS"}};
constexpr EnumValue kStatuses[] = {{1, "PENDING"}, {2, "RUNNING"},     {3, "DONE"},
                                   {4, "INVALID"}, {5, "CLEARED"},     {6, "CANCELED"},
                                   {7, "ERROR"},   {8, "GENERATING"},  {9, "WAITING"},
                                   {11, "QUEUED"}, {12, "INTERRUPTED"}};
constexpr EnumValue kRunStatuses[] = {{1, "IDLE"}, {2, "RUNNING"}, {3, "CANCELING"}, {4, "BUSY"}};
constexpr EnumValue kStopReasons[] = {{2, "STOP_PATTERN"},
                                      {3, "MAX_TOKENS"},
                                      {10, "FUNCTION_CALL"},
                                      {11, "CONTENT_FILTER"},
                                      {13, "ERROR"},
                                      {16, "CLIENT_CANCELED"},
                                      {17, "CLIENT_TOOL_PARSE_ERROR"},
                                      {18, "CLIENT_STREAM_ERROR"}};
constexpr EnumValue kRunEnds[] = {{1, "ERROR"},
                                  {2, "USER_CANCELED"},
                                  {3, "MAX_INVOCATIONS"},
                                  {4, "NO_TOOL_CALL"},
                                  {6, "MAX_FORCED_INVOCATIONS"},
                                  {7, "EARLY_CONTINUE"},
                                  {8, "TERMINAL_STEP_TYPE"},
                                  {9, "TERMINAL_CUSTOM_HOOK"},
                                  {10, "INJECTED_RESPONSE"}};

constexpr std::string_view kNoReason = "the language server gave no reason";

std::optional<std::uint64_t> number_of(const boost::json::value& value) {
  boost::system::error_code ec;
  const auto number = value.to_number<std::uint64_t>(ec);
  return ec ? std::nullopt : std::optional(number);
}

/// A name without its prefix; a number that nobody has a name for as it is.
std::string enum_at(const boost::json::object& object,
                    std::string_view key,
                    std::string_view prefix,
                    std::span<const EnumValue> names) {
  const auto* value = value_at(object, key);
  if (value == nullptr) {
    return {};
  }
  if (const auto* text = value->if_string()) {
    std::string name(*text);
    return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
  }
  const auto number = number_of(*value);
  for (const auto& [each, name] : names) {
    if (number == each) {
      return std::string(name);
    }
  }
  return number ? std::to_string(*number) : std::string();
}

/// The friendly text; the full one quotes requests and headers and is nobody's business.
std::string error_text(const boost::json::object& details) {
  for (const char* key : {"userErrorMessage", "shortError", "modelErrorMessage"}) {
    if (std::string text = text_at(details, key); !text.empty()) {
      return text;
    }
  }
  return std::string(kNoReason);
}

void read_planner(const boost::json::object& step, LiveStep* out) {
  if (const auto* planner = object_at(step, "plannerResponse")) {
    // Of the two texts of an answer the modified one is what the user is meant to see.
    out->text = text_at(*planner, "modifiedResponse");
    if (out->text.empty()) {
      out->text = text_at(*planner, "response");
    }
    out->stop_reason = enum_at(*planner, "stopReason", "STOP_REASON_", kStopReasons);
    const auto* calls = array_at(*planner, "toolCalls");
    out->wants_tools = calls != nullptr && !calls->empty();
  }
  if (const auto* failure = object_at(step, "error"); failure != nullptr && !failure->empty()) {
    out->error = error_text(*failure);
  } else if (out->stop_reason == "ERROR" || out->stop_reason == "CLIENT_STREAM_ERROR" ||
             out->status == "ERROR") {
    out->error = "the model's answer broke off";
  }
}

}  // namespace

LiveStep read_step(const boost::json::object& step) {
  LiveStep out;
  out.type = enum_at(step, "type", "CORTEX_STEP_TYPE_", kTypes);
  out.status = enum_at(step, "status", "CORTEX_STEP_STATUS_", kStatuses);
  if (const auto* metadata = object_at(step, "metadata")) {
    out.response_id = text_at(*metadata, "modelUsage", "responseId");
  }
  if (out.type == "PLANNER_RESPONSE") {
    read_planner(step, &out);
  } else if (out.type == "ERROR_MESSAGE") {
    const auto* message = object_at(step, "errorMessage");
    const auto* details = message == nullptr ? nullptr : object_at(*message, "error");
    out.error = details == nullptr ? std::string(kNoReason) : error_text(*details);
  } else if (out.type == "NOTIFY_USER") {
    // In agentic mode the answer may be here and nowhere else.
    out.text = text_at(step, "notifyUser", "notificationContent");
  }
  return out;
}

// Where response ids stand: ls-protocol section 5.4, K9.
Generation read_generation(const boost::json::object& metadata) {
  Generation out;
  if (const auto* indices = array_at(metadata, "stepIndices");
      indices != nullptr && !indices->empty()) {
    out.step_index = number_of(indices->front());
  }
  const auto* chat = object_at(metadata, "chatModel");
  if (chat == nullptr) {
    return out;
  }
  out.model = text_at(*chat, "responseModel");
  out.response_ids.push_back(text_at(*chat, "usage", "responseId"));
  if (const auto* retries = array_at(*chat, "retryInfos")) {
    for (const auto& each : *retries) {
      if (const auto* retry = each.if_object()) {
        out.response_ids.push_back(text_at(*retry, "usage", "responseId"));
      }
    }
  }
  std::erase(out.response_ids, std::string());
  return out;
}

RunEnd read_run_end(const boost::json::object& executor_metadata) {
  RunEnd out;
  out.reason =
      enum_at(executor_metadata, "terminationReason", "EXECUTOR_TERMINATION_REASON_", kRunEnds);
  if (const auto* index = value_at(executor_metadata, "lastStepIdx")) {
    out.last_step_index = number_of(*index);
  }
  return out;
}

std::string read_run_status(const boost::json::object& holder) {
  return enum_at(holder, "status", "CASCADE_RUN_STATUS_", kRunStatuses);
}

bool is_final(std::string_view step_status) {
  return step_status == "DONE" || step_status == "ERROR" || step_status == "CANCELED" ||
         step_status == "CLEARED" || step_status == "INVALID" || step_status == "INTERRUPTED";
}

}  // namespace agp::ls
