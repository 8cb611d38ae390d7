#include "daemon/api/http.h"

#include <algorithm>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace agp::api {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// '+' stays '+' on purpose: in RFC 3339 times it is an offset, and nothing here has spaces.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size()) {
      return std::nullopt;
    }
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

}  // namespace

std::vector<std::string_view> Request::header(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) {
      out.emplace_back(value);
    }
  }
  return out;
}

Response error_response(const ApiError& error, bool openai_shape) {
  namespace json = boost::json;
  json::object inner;
  if (openai_shape) {
    inner["message"] = error.message;
    inner["type"] = error.type;
    inner["param"] = error.param.empty() ? json::value(nullptr) : json::value(error.param);
    inner["code"] = error.code;
  } else {
    inner["type"] = error.type;
    inner["code"] = error.code;
    inner["message"] = error.message;
  }
  inner["hint"] = error.hint;
  json::object outer;
  outer["error"] = std::move(inner);
  Response response;
  response.status = error.status;
  response.body = json::serialize(outer) + "\n";
  return response;
}

std::optional<Target> parse_target(std::string_view target) {
  if (target.empty() || target.front() != '/') {
    return std::nullopt;
  }
  const auto mark = target.find('?');
  auto path = percent_decoded(target.substr(0, mark));
  if (!path) {
    return std::nullopt;
  }
  Target out;
  out.path = std::move(*path);
  if (mark == std::string_view::npos) {
    return out;
  }
  auto rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const auto item = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (item.empty()) {
      continue;
    }
    const auto equals = item.find('=');
    auto key = percent_decoded(item.substr(0, equals));
    auto value = percent_decoded(equals == std::string_view::npos ? std::string_view()
                                                                  : item.substr(equals + 1));
    if (!key || !value) {
      return std::nullopt;
    }
    out.query.emplace_back(std::move(*key), std::move(*value));
  }
  return out;
}

}  // namespace agp::api
