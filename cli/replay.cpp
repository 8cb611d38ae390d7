#include "cli/replay.h"

#include "common/base/bytes.h"
#include "daemon/cost/pricer.h"
#include "daemon/http1/reader.h"
#include "daemon/relay/observer.h"
#include "daemon/usage/endpoint.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <utility>

namespace agp::cli {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

std::string without_port(std::string_view host) {
  const auto colon = host.rfind(':');
  const bool is_port =
      colon != std::string_view::npos &&
      host.substr(colon + 1).find_first_not_of("0123456789") == std::string_view::npos;
  return lowered(is_port ? host.substr(0, colon) : host);
}

// Where the first request ends, and what its head says.
class FirstRequest final : public http1::Sink {
 public:
  void on_begin(http1::Direction) override {}
  void on_request(const http1::Head& head) override {
    if (!method.empty()) {
      return;
    }
    method = std::string(head.method);
    target = std::string(head.target);
    host = without_port(head.field("host"));
  }
  void on_request_body(Bytes) override {}
  void on_request_end(std::uint64_t octets) override {
    if (size == 0) {
      size = octets;
    }
  }
  void on_response(const http1::Head&) override {}
  void on_response_body(Bytes) override {}
  void on_response_end(std::uint64_t, http1::BodyEnd) override {}

  std::string method;
  std::string target;
  std::string host;
  std::uint64_t size = 0;
};

FirstRequest first_request(std::string_view text) {
  FirstRequest out;
  http1::ConnectionReader reader(&out);
  (void)reader.feed(http1::Direction::request, as_bytes(text));
  return out;
}

std::size_t end_of_line(std::string_view text) {
  const auto end = text.find('\n');
  return end == std::string_view::npos ? text.size() : end + 1;
}

bool begins_with_request(std::string_view text) {
  const auto line = text.substr(0, end_of_line(text));
  const auto space = line.find(' ');
  return space != std::string_view::npos && space > 0 &&
         line.find(" HTTP/1.") != std::string_view::npos &&
         std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(space),
                     [](char c) { return c >= 'A' && c <= 'Z'; });
}

struct Line {
  std::string_view text;  // with its line end
  std::string name;       // of a header field, lower case
  std::string_view value;
};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// The lines of a head without the first one, and where the body begins.
struct HeadLines {
  std::string_view first;
  std::vector<Line> fields;
  std::string_view body;
};

HeadLines lines_of(std::string_view text) {
  HeadLines out;
  auto at = end_of_line(text);
  out.first = text.substr(0, at);
  while (at < text.size()) {
    const auto line = text.substr(at, end_of_line(text.substr(at)));
    at += line.size();
    if (trimmed(line).empty()) {
      break;
    }
    const auto colon = line.find(':');
    out.fields.push_back(
        {line, lowered(line.substr(0, colon)),
         colon == std::string_view::npos ? std::string_view() : trimmed(line.substr(colon + 1))});
  }
  out.body = text.substr(at);
  return out;
}

bool begins_with_chunk_size(std::string_view body) {
  const auto digits = body.find_first_not_of("0123456789abcdefABCDEF");
  return body.empty() || (digits != std::string_view::npos && digits > 0 && digits <= 16 &&
                          (body[digits] == '\r' || body[digits] == '\n' || body[digits] == ';'));
}

// curl -i writes the body with its chunks undone, and "HTTP/2 200" where no HTTP/1.1 was spoken.
// `protocol` learns what the first line says.
std::string as_http1(std::string_view response, std::string* protocol) {
  const auto head = lines_of(response);
  std::string first(head.first);
  if (first.starts_with("HTTP/2") || first.starts_with("HTTP/3")) {
    *protocol = first[5] == '2' ? "h2" : "h3";
    const auto space = first.find(' ');
    first = "HTTP/1.1" + (space == std::string::npos ? "\r\n" : first.substr(space));
  }
  std::string out = first;
  for (const auto& field : head.fields) {
    const bool is_undone = field.name == "transfer-encoding" && !begins_with_chunk_size(head.body);
    if (!is_undone) {
      out += field.text;
    }
  }
  return out + "\r\n" + std::string(head.body);
}

// "Sun, 06 Nov 1994 08:49:37 GMT". Source: RFC 9110, section 5.6.7.
std::optional<usage::Micros> time_of(std::string_view response) {
  for (const auto& field : lines_of(response).fields) {
    if (field.name != "date") {
      continue;
    }
    std::tm parts{};
    const std::string value(field.value);
    const char* end = ::strptime(value.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (end != nullptr && *end == '\0') {
      return usage::Micros(std::chrono::seconds(::timegm(&parts)));
    }
  }
  return std::nullopt;
}

std::string made_request(const std::string& host, const std::string& path) {
  return "POST " + path + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 0\r\n\r\n";
}

std::string made_response(std::string_view body) {
  const auto start = trimmed(body.substr(0, 64));
  const bool is_json = start.starts_with('{') || start.starts_with('[');
  return std::string("HTTP/1.1 200 OK\r\nContent-Type: ") +
         (is_json ? "application/json" : "text/event-stream") +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

Replayed fault(std::string text) {
  Replayed out;
  out.faults.push_back(std::move(text));
  return out;
}

bool is_safe(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7F; });
}

// The list that is part of the program, without anybody's own prices: a replay says the same on
// every machine.
void price(usage::Record* record) {
  static const auto prices = cost::Pricer::builtin();
  if (prices) {
    prices->price(record);
  }
}

constexpr const char* kWhichRequest =
    "it is not said which request it answers: pass --url https://HOST/PATH, or --request FILE";

Replayed replay_raw(std::string_view recording, const ReplayContext& context) {
  RawExchange exchange;
  std::string_view response = recording;
  if (context.request) {
    exchange.request = *context.request;
  } else if (begins_with_request(recording)) {
    const auto request = first_request(recording);
    if (request.size == 0 || request.size >= recording.size()) {
      return fault("there is a request and no response after it");
    }
    exchange.request = recording.substr(0, request.size);
    response = recording.substr(request.size);
  } else if (context.host && context.path) {
    exchange.request = made_request(*context.host, *context.path);
  } else {
    return fault(kWhichRequest);
  }
  const auto request = first_request(exchange.request);
  if (request.size == 0) {
    return fault("the request is not a whole HTTP/1.1 request");
  }
  exchange.host = context.host.value_or(request.host);
  exchange.response = response.starts_with("HTTP/") ? as_http1(response, &exchange.protocol)
                                                    : made_response(response);
  exchange.started_at = time_of(exchange.response).value_or(context.now);
  exchange.ended_at = exchange.started_at;
  return replay_exchange(exchange, request.method + " https://" + exchange.host +
                                       std::string(usage::path_of(request.target)));
}

}  // namespace

Replayed replay_exchange(const RawExchange& exchange, const std::string& what) {
  relay::ConnectionFacts facts;
  facts.host = lowered(exchange.host);
  facts.protocol = "http/1.1";
  relay::Observer observer(std::move(facts));
  observer.on_bytes(relay::Side::client, as_bytes(exchange.request), exchange.started_at);
  observer.on_bytes(relay::Side::upstream, as_bytes(exchange.response), exchange.ended_at);
  observer.on_end(relay::Side::upstream, relay::End::clean, exchange.ended_at);
  observer.on_end(relay::Side::client, relay::End::clean, exchange.ended_at);
  Replayed out;
  while (auto record = observer.next_record()) {
    record->protocol = exchange.protocol;
    price(&*record);
    out.records.push_back(std::move(*record));
  }
  if (!out.records.empty()) {
    return out;
  }
  return fault(what + (observer.is_unparsed() ? ": the exchange is not HTTP/1.1 that can be read"
                                              : ": this is not a model call that is known"));
}

Replayed replay(std::string_view recording, const ReplayContext& context) {
  if (recording.empty()) {
    return fault("it is empty");
  }
  if (recording.size() > kMostReplayOctets) {
    return fault("it is larger than 256 MiB");
  }
  for (const auto& part : {context.host, context.path}) {
    if (part && (part->empty() || !is_safe(*part))) {
      return fault("host and path must not be empty or contain spaces");
    }
  }
  return looks_like_har(recording) ? replay_har(recording) : replay_raw(recording, context);
}

}  // namespace agp::cli
