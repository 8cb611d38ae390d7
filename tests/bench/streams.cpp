#include "tests/bench/streams.h"

#include <cstdio>
#include <cstdlib>
#include <random>

#include <zlib.h>

namespace agp::bench {
namespace {

/// Model text as it stands in JSON: words, and an escape every forty octets or so.
std::string some_text(std::size_t size) {
  static std::mt19937 random(7);
  static constexpr const char* kWords[] = {"the ", "stream ", "of tokens ", "returns ", "a value ",
                                           "\\n",  "model, ", "\\\"x\\\" ", "const ",   "data "};
  std::string text;
  while (text.size() < size) {
    const std::string word = kWords[random() % 10];
    text += text.size() + word.size() > size ? std::string(size - text.size(), '.') : word;
  }
  return text;
}

/// What an event is made of: text goes between the two.
struct Frame {
  std::string head;
  std::string tail;
};

std::string number(std::uint64_t n) {
  return std::to_string(n);
}

/// As Code Assist sends it; the shortest ones are text alone.
Frame google(
    std::uint64_t n, bool has_usage, bool is_short, bool is_last, const std::string& mark) {
  Frame out;
  out.head =
      R"(data: {"response": {"candidates": [{"content": {"role": "model", "parts": [{"text": ")";
  out.tail = R"("}]}}]}})";
  if (!is_short || is_last) {
    out.tail = std::string(R"("}]})") + (is_last ? R"(,"finishReason": "STOP")" : "") + "}]";
    if (has_usage || is_last) {
      out.tail += R"(,"usageMetadata": {"promptTokenCount": 81200, "candidatesTokenCount": )" +
                  number(n) + R"(, "totalTokenCount": )" + number(81200 + n) + "}";
    }
    out.tail += R"(,"modelVersion": "gemini-3-flash", "responseId": "r7KqzXw9Hf4nM2pQ8"},)"
                R"( "traceId": "9f31c2aa71b5", "metadata": {})" +
                mark + "}";
  } else if (!mark.empty()) {
    out.tail = R"("}]}}]})" + mark + "}";
  }
  out.tail += "\r\n\r\n";
  return out;
}

Frame responses(std::uint64_t n, bool is_last, bool is_named, const std::string& mark) {
  Frame out;
  if (is_last) {
    out.head = std::string(is_named ? "event: response.completed\n" : "") +
               R"(data: {"type":"response.completed","sequence_number":)" + number(n) +
               R"(,"response":{"id":"resp_1","object":"response","status":"completed",)"
               R"("model":"gpt-5.3-codex","output":[{"type":"message","content":[{"text":")";
    out.tail = R"("}]}],"usage":{"input_tokens":900,"output_tokens":)" + number(n) +
               R"(,"total_tokens":)" + number(900 + n) + "}}}\n\n";
    return out;
  }
  out.head = std::string(is_named ? "event: response.output_text.delta\n" : "") +
             R"(data: {"type":"response.output_text.delta","sequence_number":)" + number(n) +
             R"(,"item_id":"msg_1","output_index":0,"content_index":0,"delta":")";
  out.tail = "\"" + mark + "}\n\n";
  return out;
}

Frame anthropic(std::uint64_t n, bool is_last, const std::string& mark) {
  Frame out;
  if (is_last) {
    out.head =
        "event: message_delta\n"
        R"(data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":")";
    out.tail = R"("},"usage":{"input_tokens":12,"output_tokens":)" + number(n) +
               "}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    return out;
  }
  out.head =
      "event: content_block_delta\n"
      R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":")";
  out.tail = "\"}" + mark + "}\n\n";
  return out;
}

Frame chat(std::uint64_t n, bool has_usage, bool is_last, const std::string& mark) {
  Frame out;
  out.head = R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795000000,)"
             R"("model":"gpt-5.1-2025-11-13","choices":[{"index":0,"delta":{"content":")";
  out.tail = std::string(R"("},"finish_reason":)") + (is_last ? R"("stop")" : "null") + "}]";
  out.tail += has_usage || is_last ? R"(,"usage":{"prompt_tokens":50,"completion_tokens":)" +
                                         number(n) + R"(,"total_tokens":)" + number(50 + n) + "}"
                                   : std::string(R"(,"usage":null)");
  out.tail += mark + (is_last ? "}\n\ndata: [DONE]\n\n" : "}\n\n");
  return out;
}

Frame frame(
    const Wire& wire, Events events, std::size_t event_bytes, std::uint64_t n, bool is_last) {
  const bool has_usage = events != Events::without_usage;
  const std::string mark =
      events == Events::unlike ? ",\"x" + number(n % 10) + "\":true" : std::string();
  switch (wire.wire) {
    case usage::Wire::google:
      return google(n, has_usage, event_bytes < 400, is_last, mark);
    case usage::Wire::openai_responses:
      return responses(n, is_last, std::string_view(wire.name) == "responses_named", mark);
    case usage::Wire::anthropic:
      return anthropic(n, is_last, mark);
    case usage::Wire::openai_chat:
      return chat(n, has_usage, is_last, mark);
    case usage::Wire::interactions:
    case usage::Wire::openai_completions:
      break;
  }
  return {};
}

class Gzip {
 public:
  Gzip() {
    if (::deflateInit2(&zip_, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
      std::abort();
    }
  }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;
  ~Gzip() { (void)::deflateEnd(&zip_); }

  void put(const std::string& text, int flush, std::string* out) {
    piece_.resize(text.size() * 2 + 4096);
    zip_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    zip_.avail_in = static_cast<uInt>(text.size());
    zip_.next_out = reinterpret_cast<Bytef*>(piece_.data());
    zip_.avail_out = static_cast<uInt>(piece_.size());
    (void)::deflate(&zip_, flush);
    out->append(piece_.data(), piece_.size() - zip_.avail_out);
  }

 private:
  z_stream zip_{};
  std::string piece_;
};

}  // namespace

std::vector<Wire> wires() {
  return {{"google", usage::Wire::google},
          {"anthropic", usage::Wire::anthropic},
          {"openai_chat", usage::Wire::openai_chat},
          {"responses_named", usage::Wire::openai_responses},
          {"responses_unnamed", usage::Wire::openai_responses}};
}

Stream make(const Wire& wire, Events events, std::size_t event_bytes, std::size_t octets) {
  Stream out;
  Gzip gzip;
  bool is_last = false;
  for (std::uint64_t n = 1; !is_last; ++n) {
    is_last = out.plain.size() + event_bytes >= octets;
    const Frame parts = frame(wire, events, event_bytes, n, is_last);
    const std::size_t fixed = parts.head.size() + parts.tail.size();
    const std::string text =
        parts.head + some_text(event_bytes > fixed ? event_bytes - fixed : 1) + parts.tail;
    char chunk[32];
    (void)std::snprintf(chunk, sizeof chunk, "%zx\r\n", text.size());
    out.plain += text;
    out.chunked += chunk + text + "\r\n";
    // A server that streams flushes after each event.
    gzip.put(text, Z_SYNC_FLUSH, &out.gzip);
    out.output_total = n;
  }
  out.chunked += "0\r\n\r\n";
  gzip.put("", Z_FINISH, &out.gzip);
  return out;
}

}  // namespace agp::bench
