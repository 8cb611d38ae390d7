#include "daemon/relay/observer.h"
#include "daemon/usage/call.h"
#include "daemon/usage/google_reader.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include <zlib.h>

/// How fast one core reads the usage of Google's streams: GB of plain text a second, median of
/// several rounds. What counts is the ratio of two runs on one machine, one after the other.
///
/// usage: readers-bench [MEGABYTES]

namespace {

using namespace agp;

constexpr std::size_t kRead = 16 * 1024;  // one TLS record
constexpr int kRounds = 9;

/// Model text as it stands in JSON: words, and an escape every eighty octets or so.
std::string some_text(std::size_t size) {
  static std::mt19937 random(7);
  static constexpr const char* kWords[] = {"the ", "stream ", "of tokens ", "returns ", "a value ",
                                           "\\n",  "model, ", "\\\"x\\\" ", "const ",   "data "};
  std::string text;
  while (text.size() < size) {
    text += kWords[random() % 10];
  }
  text.resize(size);
  while (!text.empty() && text.back() == '\\') {
    text.back() = '.';
  }
  if (!text.empty() && text.size() > 1 && text[text.size() - 2] == '\\') {
    text.back() = '"';
  }
  return text;
}

/// As Code Assist sends it; the shortest ones are text alone.
std::string event(std::size_t size, std::uint64_t n, bool is_last) {
  const std::string head =
      R"(data: {"response": {"candidates": [{"content": {"role": "model", "parts": [{"text": ")";
  std::string tail = R"("}]}}]}})"
                     "\r\n\r\n";
  if (size >= 400 || is_last) {
    tail =
        std::string(R"("}]})") + (is_last ? R"(,"finishReason": "STOP")" : "") +
        R"(}],"usageMetadata": {"promptTokenCount": 81200, "candidatesTokenCount": )" +
        std::to_string(n) + R"(, "totalTokenCount": )" + std::to_string(81200 + n) +
        R"(},"modelVersion": "gemini-3-flash", "responseId": "r7KqzXw9Hf4nM2pQ8"}, "traceId": "9f31c2aa71b5", "metadata": {}})"
        "\r\n\r\n";
  }
  const std::size_t fixed = head.size() + tail.size();
  return head + some_text(size > fixed ? size - fixed : 1) + tail;
}

struct Stream {
  std::string plain, chunked, gzip;
};

Stream make(std::size_t size, std::size_t octets) {
  Stream out;
  z_stream zip{};
  if (::deflateInit2(&zip, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    std::abort();
  }
  std::vector<std::uint8_t> piece(size * 2 + 4096);
  for (std::uint64_t n = 1; out.plain.size() < octets; ++n) {
    const std::string text = event(size, n, out.plain.size() + size >= octets);
    char chunk[32];
    (void)std::snprintf(chunk, sizeof chunk, "%zx\r\n", text.size());
    out.plain += text;
    out.chunked += chunk + text + "\r\n";
    zip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    zip.avail_in = static_cast<uInt>(text.size());
    zip.next_out = piece.data();
    zip.avail_out = static_cast<uInt>(piece.size());
    // A server that streams flushes after each event.
    (void)::deflate(&zip, Z_SYNC_FLUSH);
    out.gzip.append(reinterpret_cast<const char*>(piece.data()), piece.size() - zip.avail_out);
  }
  out.chunked += "0\r\n\r\n";
  zip.next_out = piece.data();
  zip.avail_out = static_cast<uInt>(piece.size());
  (void)::deflate(&zip, Z_FINISH);
  out.gzip.append(reinterpret_cast<const char*>(piece.data()), piece.size() - zip.avail_out);
  (void)::deflateEnd(&zip);
  return out;
}

template <class Feed>
void in_reads(const std::string& wire, Feed feed) {
  const Bytes all = as_bytes(wire);
  for (std::size_t at = 0; at < all.size(); at += kRead) {
    feed(all.subspan(at, std::min(kRead, all.size() - at)));
  }
}

void check(bool has_usage) {
  if (!has_usage) {
    (void)std::fprintf(stderr, "no usage was read: the figures would mean nothing\n");
    std::exit(1);
  }
}

void read_sse(const Stream& stream) {
  usage::ResponseFacts facts;
  facts.content_type = "text/event-stream";
  usage::GoogleReader reader(facts);
  in_reads(stream.plain, [&](Bytes piece) { reader.feed(piece); });
  reader.finish();
  check(reader.has_usage());
}

void read_observer(const Stream& stream) {
  relay::ConnectionFacts facts;
  facts.host = "daily-cloudcode-pa.googleapis.com";
  facts.protocol = "http/1.1";
  relay::Observer observer(facts);
  const usage::Micros now{};
  observer.on_bytes(relay::Side::client,
                    as_bytes("POST /v1internal:streamGenerateContent?alt=sse HTTP/1.1\r\n"
                             "Content-Length: 2\r\n\r\n{}"),
                    now);
  observer.on_bytes(relay::Side::upstream,
                    as_bytes("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n"),
                    now);
  in_reads(stream.chunked,
           [&](Bytes piece) { observer.on_bytes(relay::Side::upstream, piece, now); });
  const auto record = observer.next_record();
  check(record && record->usage);
}

void read_gzip(const Stream& stream) {
  usage::Call call(usage::Endpoint{}, usage::CallFacts{});
  usage::ResponseFacts facts;
  facts.http_status = 200;
  facts.content_encoding = "gzip";
  call.on_response_head(facts);
  in_reads(stream.gzip, [&](Bytes piece) { call.on_response_body(piece); });
  usage::Call::End end;
  end.body_complete = true;
  check(call.finish(end).usage.has_value());
}

double rate(const Stream& stream, void (*read)(const Stream&)) {
  std::vector<double> seconds;
  for (int round = 0; round < kRounds; ++round) {
    // CPU time: other programs on the machine count less.
    const std::clock_t from = std::clock();
    read(stream);
    seconds.push_back(static_cast<double>(std::clock() - from) / CLOCKS_PER_SEC);
  }
  std::nth_element(seconds.begin(), seconds.begin() + kRounds / 2, seconds.end());
  return static_cast<double>(stream.plain.size()) / seconds[kRounds / 2] / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t megabytes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 16;
  std::printf("%8s %12s %12s %12s  GB/s of plain text\n", "event", "sse+usage", "observer", "gzip");
  for (const std::size_t size : {64U, 400U, 4096U, 65536U}) {
    const Stream stream = make(size, std::max<std::size_t>(1, megabytes) << 20);
    std::printf("%8zu %12.3f %12.3f %12.3f\n", size, rate(stream, read_sse),
                rate(stream, read_observer), rate(stream, read_gzip));
  }
  return 0;
}
