#include "daemon/ledger/ledger.h"

#include <boost/system/error_category.hpp>

namespace agp::ledger {
namespace {

// Boost's destructor is protected in effect; g++ 12 does not see that through the friends.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class Category final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "ledger"; }
  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::newer_schema:
        return "the ledger was written by a newer version of antigravity-proxy";
      case Errc::damaged:
        return "the ledger file is damaged or is not a ledger";
      case Errc::full:
        return "no space is left for the ledger";
      case Errc::read_only:
        return "the ledger cannot be written";
      case Errc::unavailable:
        return "the ledger cannot be opened";
      case Errc::invalid_query:
        return "the query is not valid";
      case Errc::invalid_record:
        return "the record cannot be kept";
      case Errc::locked:
        return "another process has the file";
    }
    return "unknown ledger error";
  }
};
#pragma GCC diagnostic pop

}  // namespace

const boost::system::error_category& category() {
  static const Category instance;
  return instance;
}

boost::system::error_code make_error_code(Errc code) {
  return {static_cast<int>(code), category()};
}

const char* name(GroupBy value) {
  switch (value) {
    case GroupBy::model:
      return "model";
    case GroupBy::provider:
      return "provider";
    case GroupBy::host:
      return "host";
    case GroupBy::day:
      return "day";
    case GroupBy::hour:
      return "hour";
    case GroupBy::cascade:
      return "cascade";
    case GroupBy::kind:
      return "kind";
    case GroupBy::uid:
      return "uid";
  }
  return "";
}

std::optional<GroupBy> group_by_from(std::string_view text) {
  for (const GroupBy value : kAllGroupBy) {
    if (text == name(value)) {
      return value;
    }
  }
  return std::nullopt;
}

void Sums::add(const Sums& other) {
  calls += other.calls;
  ok += other.ok;
  partial += other.partial;
  errors += other.errors;
  usage_unknown += other.usage_unknown;
  input_total += other.input_total;
  input_uncached += other.input_uncached;
  cached_input += other.cached_input;
  cache_write += other.cache_write;
  tool_use_prompt += other.tool_use_prompt;
  output_total += other.output_total;
  reasoning += other.reasoning;
  total += other.total;
  reasoning_unknown += other.reasoning_unknown;
  for (const auto& [flag, count] : other.flags) {
    flags[flag] += count;
  }
  if (other.cost_pico_usd) {
    cost_pico_usd = cost_pico_usd.value_or(0) + *other.cost_pico_usd;
  }
  unpriced += other.unpriced;
}

}  // namespace agp::ledger
