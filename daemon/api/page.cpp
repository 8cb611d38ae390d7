#include "daemon/api/page.h"

#include <algorithm>
#include <string>

namespace agp::api {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// True when some entry of a comma list, in whatever lines of that name, is as asked for.
template <class Matches>
bool has_entry(const Request& request, std::string_view name, Matches matches) {
  for (auto line : request.header(name)) {
    while (!line.empty()) {
      const auto end = std::min(line.find(','), line.size());
      if (matches(trimmed(line.substr(0, end)))) {
        return true;
      }
      line.remove_prefix(std::min(end + 1, line.size()));
    }
  }
  return false;
}

// Source: RFC 9110, section 12.5.3. Weights other than "not at all" change nothing here.
bool takes_gzip(const Request& request) {
  return has_entry(request, "Accept-Encoding", [](std::string_view entry) {
    const auto mark = std::min(entry.find(';'), entry.size());
    const auto weight = trimmed(entry.substr(std::min(mark + 1, entry.size())));
    const bool is_refused =
        weight.starts_with("q=0") && weight.find_first_of("123456789") == std::string_view::npos;
    return trimmed(entry.substr(0, mark)) == "gzip" && !is_refused;
  });
}

std::string_view opaque(std::string_view tag) {
  return tag.starts_with("W/") ? tag.substr(2) : tag;
}

// Weak comparison. Source: RFC 9110, section 13.1.2.
bool is_known(const Request& request) {
  return has_entry(request, "If-None-Match", [](std::string_view tag) {
    return tag == "*" || opaque(tag) == opaque(page_document().tag);
  });
}

}  // namespace

Response answer_page(const Request& request) {
  Response response;
  response.content_type = "text/html; charset=utf-8";
  // To be kept, but asked about each time: it belongs to the program that runs.
  response.cache_control = "no-cache";
  response.headers = {{"Content-Security-Policy", std::string(page_document().policy)},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cross-Origin-Opener-Policy", "same-origin"},
                      {"Cross-Origin-Resource-Policy", "same-origin"},
                      {"ETag", std::string(page_document().tag)},
                      {"Vary", "Accept-Encoding"}};
  if (is_known(request)) {
    response.status = 304;
    return response;
  }
  if (takes_gzip(request)) {
    response.headers.emplace_back("Content-Encoding", "gzip");
    response.body = page_document().packed;
  } else {
    response.body = page_document().html;
  }
  return response;
}

}  // namespace agp::api
