#include "tests/daemon/usage/conversation.h"

#include <algorithm>

namespace agp::usage::test {
namespace {

std::string str(std::uint64_t n) {
  return std::to_string(n);
}

/// Numbers of one call, in our terms.
struct Numbers {
  std::uint64_t fresh, cached, written_short, written_long, tool, visible, reasoning;
};

Numbers random_numbers(std::mt19937* random) {
  const auto upto = [random](std::uint64_t most) {
    return (*random)() % 4 == 0 ? 0 : (*random)() % most;
  };
  return {upto(300000), upto(900000), upto(5000), upto(5000), upto(700), upto(60000), upto(60000)};
}

std::string google_usage(const Numbers& n) {
  return R"({"promptTokenCount":)" + str(n.fresh + n.cached) + R"(,"cachedContentTokenCount":)" +
         str(n.cached) + R"(,"candidatesTokenCount":)" + str(n.visible) +
         R"(,"thoughtsTokenCount":)" + str(n.reasoning) + R"(,"toolUsePromptTokenCount":)" +
         str(n.tool) + R"(,"totalTokenCount":)" +
         str(n.fresh + n.cached + n.tool + n.visible + n.reasoning) +
         R"(,"promptTokensDetails":[{"modality":"TEXT","tokenCount":)" + str(n.fresh + n.cached) +
         "}]}";
}

std::string google_part(const std::string& text, const std::string& finish, const Numbers& n) {
  return R"({"candidates":[{"content":{"role":"model","parts":[{"text":")" + text + R"("}]})" +
         finish + R"(}],"usageMetadata":)" + google_usage(n) +
         R"(,"modelVersion":"gemini-3-flash","responseId":"r7Kq"})";
}

std::string interaction(const Numbers& n, const std::string& status, const std::string& steps) {
  return R"({"id":"int_1","model":"models/gemini-3-pro","status":")" + status + R"(","steps":[)" +
         steps + R"(],"usage":{"total_input_tokens":)" + str(n.fresh + n.cached) +
         R"(,"total_cached_tokens":)" + str(n.cached) + R"(,"total_output_tokens":)" +
         str(n.visible) + R"(,"total_thought_tokens":)" + str(n.reasoning) +
         R"(,"total_tool_use_tokens":)" + str(n.tool) + R"(,"total_tokens":)" +
         str(n.fresh + n.cached + n.tool + n.visible + n.reasoning) + "}}";
}

std::string anthropic_usage(const Numbers& n, std::uint64_t output) {
  return R"({"input_tokens":)" + str(n.fresh) + R"(,"cache_read_input_tokens":)" + str(n.cached) +
         R"(,"cache_creation_input_tokens":)" + str(n.written_short + n.written_long) +
         R"(,"cache_creation":{"ephemeral_5m_input_tokens":)" + str(n.written_short) +
         R"(,"ephemeral_1h_input_tokens":)" + str(n.written_long) + R"(},"output_tokens":)" +
         str(output) + R"(,"service_tier":"standard"})";
}

std::string chat_usage(const Numbers& n, std::uint64_t output) {
  const std::uint64_t input = n.fresh + n.cached + n.written_short;
  return R"({"prompt_tokens":)" + str(input) + R"(,"completion_tokens":)" + str(output) +
         R"(,"total_tokens":)" + str(input + output) +
         R"(,"prompt_tokens_details":{"cached_tokens":)" + str(n.cached) +
         R"(,"cache_write_tokens":)" + str(n.written_short) +
         R"(},"completion_tokens_details":{"reasoning_tokens":)" +
         str(std::min(n.reasoning, output)) + "}}";
}

std::string responses_usage(const Numbers& n) {
  const std::uint64_t input = n.fresh + n.cached + n.written_short + n.written_long;
  return R"({"input_tokens":)" + str(input) + R"(,"input_tokens_details":{"cached_tokens":)" +
         str(n.cached) + R"(,"cache_write_tokens":)" + str(n.written_short + n.written_long) +
         R"(,"cache_write_tokens_details":{"ttl_30m_tokens":)" + str(n.written_short) +
         R"(,"ttl_12h_tokens":)" + str(n.written_long) + R"(}},"output_tokens":)" +
         str(n.visible + n.reasoning) + R"(,"output_tokens_details":{"reasoning_tokens":)" +
         str(n.reasoning) + R"(},"total_tokens":)" + str(input + n.visible + n.reasoning) + "}";
}

/// What every wire is to make of the numbers that it can express.
Usage usage_of(Kind kind, const Numbers& n) {
  const bool is_google =
      kind == Kind::code_assist || kind == Kind::gemini || kind == Kind::interactions;
  const bool is_chat = kind == Kind::chat || kind == Kind::completions;
  Usage usage;
  usage.input_uncached = n.fresh;
  usage.cached_input = n.cached;
  if (is_google) {
    usage.tool_use_prompt = n.tool;
    usage.input_uncached += n.tool;
  } else {
    usage.cache_write = n.written_short + (is_chat ? 0 : n.written_long);
  }
  usage.input_total = usage.input_uncached + usage.cached_input + usage.cache_write;
  usage.output_total = n.visible + n.reasoning;
  usage.total = usage.input_total + usage.output_total;
  if (kind != Kind::anthropic) {
    usage.reasoning = n.reasoning;
    usage.reported_total = usage.total;
  }
  if (!is_google && !is_chat) {
    const bool is_anthropic = kind == Kind::anthropic;
    usage.cache_write_by_ttl.emplace();
    for (const auto& [ttl, tokens] : {std::pair(is_anthropic ? "5m" : "30m", n.written_short),
                                      std::pair(is_anthropic ? "1h" : "12h", n.written_long)}) {
      if (tokens > 0) {
        (*usage.cache_write_by_ttl)[ttl] = tokens;
      }
    }
  }
  if ((kind == Kind::code_assist || kind == Kind::gemini) && n.fresh + n.cached > 0) {
    usage.input_by_modality = {{"text", n.fresh + n.cached}};
  }
  return usage;
}

Numbers share_of(const Numbers& n, std::uint64_t part, std::uint64_t parts) {
  Numbers share = n;
  share.visible = n.visible * part / parts;
  return share;
}

}  // namespace

Wire wire_of(Kind kind) {
  switch (kind) {
    case Kind::code_assist:
    case Kind::gemini:
      return Wire::google;
    case Kind::interactions:
      return Wire::interactions;
    case Kind::anthropic:
      return Wire::anthropic;
    case Kind::chat:
      return Wire::openai_chat;
    case Kind::completions:
      return Wire::openai_completions;
    case Kind::responses:
      return Wire::openai_responses;
  }
  return Wire::google;
}

std::string plain_text(std::mt19937* random) {
  static const std::string kPieces[] = {
      "some words ",     "\\n",   "\xC3\xA9",  "\\u00e9\\ud83d\\ude00",
      "\\\"quoted\\\" ", "\\\\ ", "\\t{} [] ", "0123456789"};
  std::string text;
  for (std::size_t n = (*random)() % 8; n > 0; --n) {
    text += kPieces[(*random)() % std::size(kPieces)];
  }
  return text;
}

std::string treacherous_text() {
  return R"(\n\ndata: {\"usage\":{\"input_tokens\":9,\"prompt_tokens\":9}}\n\ndata: [DONE]\n\n)"
         R"(event: message_stop\ndata: {\"type\":\"message_stop\"}\r\n\r\n\"usageMetadata\":)"
         R"({\"promptTokenCount\":9},\"finishReason\":\"STOP\",\"finish_reason\":\"stop\",)"
         R"(\"stop_reason\":\"end_turn\",\"error\":{\"type\":\"x\"},\"model\":\"no\"}]}}\\)";
}

std::string Conversation::stream() const {
  std::string all;
  for (const std::string& one : events) {
    all += one;
  }
  return all;
}

Conversation make_conversation(Kind kind, std::mt19937* random, const std::string& fixed_text) {
  const Numbers n = random_numbers(random);
  const std::size_t parts = 1 + (*random)() % 4;
  const auto text = [&] {
    return fixed_text.empty() ? plain_text(random) : fixed_text;
  };
  Conversation made;
  made.kind = kind;
  made.usage = usage_of(kind, n);
  auto& events = made.events;
  switch (kind) {
    case Kind::code_assist:
    case Kind::gemini: {
      const auto wrapped = [kind](const std::string& json) {
        return kind == Kind::gemini ? json : R"({"response":)" + json + R"(,"traceId":"9f31c2"})";
      };
      made.model = "gemini-3-flash";
      for (std::size_t i = 1; i < parts; ++i) {
        events.push_back(event(wrapped(google_part(text(), "", share_of(n, i, parts)))));
      }
      made.terminal = events.size();
      made.json = wrapped(google_part(text(), R"(,"finishReason":"STOP")", n));
      events.push_back(event(made.json));
      break;
    }
    case Kind::interactions: {
      made.model = "gemini-3-pro";
      events.push_back(named(
          "interaction.created",
          R"({"event_type":"interaction.created","interaction":{"id":"int_1","model":"gemini-3-pro","status":"in_progress"}})"));
      for (std::size_t i = 0; i < parts; ++i) {
        events.push_back(named(
            "step.delta", R"({"event_type":"step.delta","delta":{"text":")" + text() + R"("}})"));
      }
      made.terminal = events.size();
      events.push_back(
          named("interaction.completed", R"({"event_type":"interaction.completed","interaction":)" +
                                             interaction(n, "completed", "") + "}"));
      made.json = interaction(
          n, "completed", R"({"type":"model_output","content":[{"text":")" + text() + R"("}]})");
      break;
    }
    case Kind::anthropic: {
      made.model = "claude-sonnet-4-6";
      const std::string head =
          R"("model":"claude-sonnet-4-6","id":"msg_01Ab","type":"message","role":"assistant")";
      events.push_back(named("message_start", R"({"type":"message_start","message":{)" + head +
                                                  R"(,"content":[],"stop_reason":null,"usage":)" +
                                                  anthropic_usage(n, 3) + "}}"));
      for (std::size_t i = 0; i < parts; ++i) {
        events.push_back(named(
            "content_block_delta",
            R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":")" +
                text() + R"("}})"));
      }
      made.terminal = events.size();
      events.push_back(named(
          "message_delta",
          R"({"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":)" +
              str(n.fresh) + R"(,"output_tokens":)" + str(n.visible + n.reasoning) + "}}"));
      events.push_back(named("message_stop", R"({"type":"message_stop"})"));
      made.json = "{" + head + R"(,"content":[{"type":"text","text":")" + text() +
                  R"("}],"stop_reason":"end_turn","usage":)" +
                  anthropic_usage(n, n.visible + n.reasoning) + "}";
      break;
    }
    case Kind::chat:
    case Kind::completions: {
      made.model = "gpt-5.1-2025-11-13";
      const bool is_chat = kind == Kind::chat;
      const auto chunk = [&](const std::string& choices, const std::string& usage) {
        return std::string(R"({"id":"chatcmpl-1","object":")") +
               (is_chat ? "chat.completion.chunk" : "text_completion") +
               R"(","model":"gpt-5.1-2025-11-13","choices":[)" + choices + R"(],"usage":)" + usage +
               "}";
      };
      const auto choice = [&](const std::string& finish) {
        return (is_chat ? R"({"index":0,"delta":{"content":")" + text() + R"("})"
                        : R"({"index":0,"text":")" + text() + "\"") +
               R"(,"finish_reason":)" + finish + "}";
      };
      // Compatible servers say in every chunk how much it has been so far.
      const bool repeats = (*random)() % 2 == 0;
      for (std::size_t i = 0; i < parts; ++i) {
        events.push_back(
            event(chunk(choice("null"), repeats ? chat_usage(n, n.visible * i / parts) : "null")));
      }
      made.terminal = events.size();
      events.push_back(event(chunk(choice("\"stop\""), "null")));
      events.push_back(event(chunk("", chat_usage(n, n.visible + n.reasoning))));
      events.push_back(event("[DONE]"));
      made.json = chunk((is_chat ? R"({"index":0,"message":{"content":")" + text() + R"("})"
                                 : R"({"index":0,"text":")" + text() + "\"") +
                            R"(,"finish_reason":"stop"})",
                        chat_usage(n, n.visible + n.reasoning));
      break;
    }
    case Kind::responses: {
      made.model = "gpt-5.3-codex";
      const std::string head =
          R"("id":"resp_1","object":"response","model":"gpt-5.3-codex","service_tier":"default")";
      events.push_back(named("response.created", R"({"type":"response.created","response":{)" +
                                                     head +
                                                     R"(,"status":"in_progress","usage":null}})"));
      for (std::size_t i = 0; i < parts; ++i) {
        events.push_back(
            named("response.output_text.delta",
                  R"({"type":"response.output_text.delta","delta":")" + text() + "\"}"));
      }
      made.terminal = events.size();
      made.json = "{" + head +
                  R"(,"status":"completed","error":null,"output":[{"type":"message",)" +
                  R"("content":[{"type":"output_text","text":")" + text() + R"("}]}],"usage":)" +
                  responses_usage(n) + "}";
      events.push_back(named("response.completed",
                             R"({"type":"response.completed","response":)" + made.json + "}"));
      break;
    }
  }
  return made;
}

std::vector<std::string> noise_of(Kind kind) {
  std::vector<std::string> noise = {
      ": keepalive\n\n", "\n",       ":\n", "data: : keepalive\n\n", "data:\n\n",
      "retry: 10\n\n",   "id: 7\n\n"};
  switch (kind) {
    case Kind::code_assist:
    case Kind::gemini:
      noise.push_back(event(R"({"metadata":{"usageMetadata":{"promptTokenCount":1}}})"));
      noise.push_back(event("[DONE]"));
      break;
    case Kind::interactions:
      noise.push_back(
          event(R"({"event_type":"interaction.new","interaction":{"usage":{"total_tokens":1}}})"));
      noise.push_back(event(R"({"event_type":"other","usage":{"total_tokens":1}})"));
      break;
    case Kind::anthropic:
      noise.push_back(named("ping", R"({"type": "ping"})"));
      noise.push_back(
          named("vertex_event", R"({"type":"vertex_event","usage":{"input_tokens":1}})"));
      noise.push_back(event(R"({"type":"new","delta":{"stop_reason":"x"},"model":"no"})"));
      break;
    case Kind::chat:
    case Kind::completions:
      noise.push_back(event(R"({"object":"note","usage":{"prompt_tokens":1},"model":"no"})"));
      noise.push_back(event(R"({"type":"ping","usage":{"prompt_tokens":1}})"));
      break;
    case Kind::responses:
      noise.push_back(
          named("response.new", R"({"type":"response.new","usage":{"input_tokens":1}})"));
      noise.push_back(event(R"({"type":"new","response":{"usage":{"input_tokens":1}}})"));
      break;
  }
  return noise;
}

}  // namespace agp::usage::test
