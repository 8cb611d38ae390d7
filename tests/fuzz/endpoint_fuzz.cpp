#include "daemon/usage/endpoint.h"
#include "tests/fuzz/fuzz.h"

#include <string>

/// Input: host, method and target, a line each.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agp;
  const auto [host, rest] = fuzz::part({data, size}, "\n");
  const auto [method, target] = fuzz::part(rest, "\n");
  const auto endpoint = usage::classify(as_text(host), as_text(method), as_text(target));
  const std::string_view path = usage::path_of(as_text(target));
  fuzz::require(path.find('?') == std::string_view::npos, "a path has no query");
  fuzz::require(as_text(target).find(path) != std::string_view::npos, "a path is in its target");
  if (endpoint) {
    fuzz::require(endpoint->url_model.size() <= target.size(), "decoding makes a name no longer");
    fuzz::require(
        usage::classify(as_text(host), as_text(method), std::string(path) + "?alt=sse") == endpoint,
        "the query decides nothing");
  }
  return 0;
}
