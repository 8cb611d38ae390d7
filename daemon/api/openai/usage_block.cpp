#include "daemon/api/openai/usage_block.h"

#include <boost/json/value.hpp>

namespace agp::api::openai {
namespace {

namespace json = boost::json;

bool is_known(const std::optional<ledger::Sums>& sums) {
  return sums && sums->calls != sums->usage_unknown;
}

json::value count(const std::optional<ledger::Sums>& sums, std::uint64_t ledger::Sums::*member) {
  return sums ? json::value(*sums.*member) : json::value(nullptr);
}

}  // namespace

std::optional<json::object> responses_usage(const std::optional<ledger::Sums>& sums) {
  if (!is_known(sums)) {
    return std::nullopt;
  }
  json::object output_details;
  output_details["reasoning_tokens"] =
      sums->reasoning_unknown == 0 ? json::value(sums->reasoning) : json::value(nullptr);
  json::object out;
  out["input_tokens"] = sums->input_total;
  out["input_tokens_details"] = json::object{{"cached_tokens", sums->cached_input}};
  out["output_tokens"] = sums->output_total;
  out["output_tokens_details"] = std::move(output_details);
  out["total_tokens"] = sums->total;
  return out;
}

std::optional<json::object> chat_usage(const std::optional<ledger::Sums>& sums) {
  if (!is_known(sums)) {
    return std::nullopt;
  }
  json::object out;
  out["prompt_tokens"] = sums->input_total;
  out["completion_tokens"] = sums->output_total;
  out["total_tokens"] = sums->total;
  out["prompt_tokens_details"] = json::object{{"cached_tokens", sums->cached_input}};
  if (sums->reasoning_unknown == 0) {
    out["completion_tokens_details"] = json::object{{"reasoning_tokens", sums->reasoning}};
  }
  return out;
}

json::object measured_block(std::string_view cascade_id, const std::optional<ledger::Sums>& sums) {
  json::object out;
  out["cascade_id"] = cascade_id.empty() ? json::value(nullptr) : json::value(cascade_id);
  out["calls"] = count(sums, &ledger::Sums::calls);
  out["usage_unknown"] = count(sums, &ledger::Sums::usage_unknown);
  return out;
}

}  // namespace agp::api::openai
