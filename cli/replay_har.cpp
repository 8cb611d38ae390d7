#include "cli/replay.h"
#include "daemon/api/rfc3339.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

/// HAR 1.2: what browsers and proxies save. Bodies stand there decoded, so that the headers about
/// codings and lengths are left out. Source: the HAR 1.2 specification, "entries".
namespace agp::cli {
namespace {

namespace json = boost::json;

const json::object* object_of(const json::object& from, const char* key) {
  const auto* value = from.if_contains(key);
  return value == nullptr ? nullptr : value->if_object();
}

std::string text_of(const json::object& from, const char* key) {
  const auto* value = from.if_contains(key);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

double number_of(const json::object& from, const char* key, double otherwise) {
  const auto* value = from.if_contains(key);
  return value == nullptr || !value->is_number() ? otherwise : value->to_number<double>();
}

std::optional<std::string> from_base64(std::string_view text) {
  static const std::string kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<int, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<int>(i);
  }
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=' || c == '\r' || c == '\n') {
      continue;
    }
    const int value = values[static_cast<unsigned char>(c)];
    if (value < 0) {
      return std::nullopt;
    }
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> static_cast<unsigned>(count) & 0xFFU));
    }
  }
  return out;
}

bool is_about_framing(std::string_view name) {
  static constexpr std::string_view kNames[] = {"content-length", "content-encoding",
                                                "transfer-encoding", "connection"};
  return name.starts_with(':') ||  // HTTP/2
         std::any_of(std::begin(kNames), std::end(kNames), [&](std::string_view known) {
           return name.size() == known.size() &&
                  std::equal(name.begin(), name.end(), known.begin(),
                             [](char a, char b) { return (a | 0x20) == b || a == b; });
         });
}

bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

std::string headers_of(const json::object& message) {
  std::string out;
  const auto* value = message.if_contains("headers");
  const auto* headers = value == nullptr ? nullptr : value->if_array();
  if (headers == nullptr) {
    return out;
  }
  for (const auto& each : *headers) {
    const auto* header = each.if_object();
    if (header == nullptr) {
      continue;
    }
    const auto name = text_of(*header, "name");
    const auto content = text_of(*header, "value");
    if (!name.empty() && is_one_line(name) && is_one_line(content) && !is_about_framing(name)) {
      out += name + ": " + content + "\r\n";
    }
  }
  return out;
}

std::string framed(std::string head, const std::string& body) {
  return std::move(head) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Url {
  std::string host;
  std::string target;
};

std::optional<Url> parse_url(const std::string& text) {
  const auto scheme = text.find("://");
  if (scheme == std::string::npos || !is_one_line(text) || text.find(' ') != std::string::npos) {
    return std::nullopt;
  }
  const auto rest = text.substr(scheme + 3);
  const auto slash = rest.find_first_of("/?#");
  Url out{rest.substr(0, slash), slash == std::string::npos ? "/" : rest.substr(slash)};
  if (!out.target.starts_with('/')) {
    out.target.insert(0, 1, '/');
  }
  out.target = out.target.substr(0, out.target.find('#'));
  out.host = out.host.substr(out.host.find('@') == std::string::npos ? 0 : out.host.find('@') + 1);
  out.host = out.host.substr(0, out.host.rfind(':'));
  return out.host.empty() ? std::nullopt : std::optional(std::move(out));
}

bool is_http2(const std::string& version) {
  return version == "h2" || version == "HTTP/2" || version == "http/2.0" || version == "HTTP/2.0";
}

// What is wrong with an entry, or empty.
std::string read_entry(const json::value& value, RawExchange* out) {
  const auto* entry = value.if_object();
  const auto* request = entry == nullptr ? nullptr : object_of(*entry, "request");
  const auto* response = entry == nullptr ? nullptr : object_of(*entry, "response");
  if (request == nullptr || response == nullptr) {
    return "has no request or no response";
  }
  const auto url = parse_url(text_of(*request, "url"));
  const auto method = text_of(*request, "method");
  if (!url || method.empty() || !is_one_line(method) || method.find(' ') != std::string::npos) {
    return "has no method or no URL";
  }
  const auto* posted = object_of(*request, "postData");
  const auto sent = posted == nullptr ? std::string() : text_of(*posted, "text");
  out->host = url->host;
  out->request = framed(method + " " + url->target + " HTTP/1.1\r\n" + headers_of(*request), sent);
  const auto status = number_of(*response, "status", 0);
  if (status < 100 || status > 999) {
    return {};  // blocked or cancelled before an answer: no response to read
  }
  const auto* content = object_of(*response, "content");
  auto body = content == nullptr ? std::string() : text_of(*content, "text");
  if (content != nullptr && text_of(*content, "encoding") == "base64") {
    auto decoded = from_base64(body);
    if (!decoded) {
      return "has a body that is not base64";
    }
    body = std::move(*decoded);
  }
  out->response = framed(
      "HTTP/1.1 " + std::to_string(static_cast<int>(status)) + " -\r\n" + headers_of(*response),
      body);
  if (is_http2(text_of(*response, "httpVersion"))) {
    out->protocol = "h2";
  }
  out->started_at =
      api::parse_rfc3339(text_of(*entry, "startedDateTime")).value_or(usage::Micros());
  const auto took = number_of(*entry, "time", 0);
  const bool is_sane = std::isfinite(took) && took >= 0 && took < 1e9;
  out->ended_at =
      out->started_at + std::chrono::microseconds(is_sane ? std::llround(took * 1000) : 0);
  return {};
}

}  // namespace

bool looks_like_har(std::string_view recording) {
  const auto start = recording.substr(0, 4096);
  const auto brace = start.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (brace == std::string_view::npos || start[brace] != '{') {
    return false;
  }
  const auto key = start.find('"', brace);
  return key != std::string_view::npos && start.substr(key).starts_with("\"log\"");
}

Replayed replay_har(std::string_view document) {
  Replayed out;
  json::parse_options options;
  options.max_depth = 64;
  boost::system::error_code error;
  if (document.starts_with("\xEF\xBB\xBF")) {
    document.remove_prefix(3);
  }
  const auto value = json::parse(document, error, {}, options);
  const auto* root = error ? nullptr : value.if_object();
  const auto* log = root == nullptr ? nullptr : object_of(*root, "log");
  const auto* list = log == nullptr ? nullptr : log->if_contains("entries");
  const auto* entries = list == nullptr ? nullptr : list->if_array();
  if (entries == nullptr) {
    out.faults.emplace_back(error ? "it is not a HAR document: " + error.message()
                                  : "it is not a HAR document: log.entries is missing");
    return out;
  }
  for (std::size_t i = 0; i < entries->size(); ++i) {
    RawExchange exchange;
    const auto wrong = read_entry((*entries)[i], &exchange);
    if (!wrong.empty()) {
      out.faults.push_back("entry " + std::to_string(i) + " " + wrong);
      continue;
    }
    auto read = replay_exchange(exchange, {});
    std::move(read.records.begin(), read.records.end(), std::back_inserter(out.records));
  }
  return out;
}

}  // namespace agp::cli
