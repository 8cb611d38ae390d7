#include "daemon/websocket/limits.h"
#include "daemon/websocket/reader.h"

#include <algorithm>

namespace agp::websocket {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

std::string_view take(std::string_view* text, char separator) {
  const std::size_t at = text->find(separator);
  const std::string_view first = trim(text->substr(0, at));
  text->remove_prefix(at == std::string_view::npos ? text->size() : at + 1);
  return first;
}

bool equals(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y;
  });
}

}  // namespace

std::optional<Deflate> parse_extensions(std::string_view header) {
  Deflate deflate;
  header = trim(header);
  if (header.empty()) {
    return deflate;
  }
  if (header.find(',') != std::string_view::npos) {
    return std::nullopt;  // a second extension would change the frames again
  }
  if (!equals(take(&header, ';'), "permessage-deflate")) {
    return std::nullopt;
  }
  deflate.is_on = true;
  for (std::size_t n = 0; !header.empty(); ++n) {
    std::string_view parameter = take(&header, ';');
    const std::string_view name = take(&parameter, '=');
    if (n == kMaxParameters) {
      return std::nullopt;
    }
    if (equals(name, "client_no_context_takeover")) {
      deflate.client_no_context_takeover = true;
    } else if (equals(name, "server_no_context_takeover")) {
      deflate.server_no_context_takeover = true;
    } else if (!equals(name, "client_max_window_bits") && !equals(name, "server_max_window_bits")) {
      return std::nullopt;
    }
  }
  return deflate;
}

}  // namespace agp::websocket
