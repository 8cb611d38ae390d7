#include "daemon/metrics/semconv.h"

#include <algorithm>
#include <iterator>

namespace agp::metrics {
namespace {

constexpr std::uint16_t kUsualStatus[] = {400, 401, 402, 403, 404, 408, 409, 413,
                                          422, 429, 499, 500, 502, 503, 504, 529};

}  // namespace

const char* operation_name(std::string_view provider) {
  return provider == "google" ? "generate_content" : "chat";
}

const char* provider_name(std::string_view provider, std::string_view host) {
  if (provider == "anthropic") {
    return "anthropic";
  }
  if (provider == "openai") {
    return "openai";
  }
  if (provider == "azure") {
    return "azure.ai.openai";
  }
  if (host == "generativelanguage.googleapis.com") {
    return "gcp.gemini";
  }
  if (host.ends_with("aiplatform.googleapis.com")) {
    return "gcp.vertex_ai";
  }
  return "gcp.gen_ai";
}

std::string error_type(const usage::Record& record) {
  switch (record.outcome) {
    case usage::Outcome::ok:
      return {};
    case usage::Outcome::partial:
      if (!record.closed_by) {
        return "incomplete";
      }
      return *record.closed_by == usage::Closer::client ? "client_closed" : "upstream_closed";
    case usage::Outcome::error:
      break;
  }
  const auto status = record.http_status.value_or(0);
  if (status < 400) {
    return "response_error";  // told inside the body
  }
  const bool is_usual =
      std::find(std::begin(kUsualStatus), std::end(kUsualStatus), status) != std::end(kUsualStatus);
  return is_usual ? std::to_string(status) : "_OTHER";
}

}  // namespace agp::metrics
