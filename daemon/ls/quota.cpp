#include "daemon/ls/quota.h"

#include "daemon/ls/errors.h"
#include "daemon/ls/json_path.h"

#include <algorithm>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace agp::ls {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostEntries = 1024;  // of each list

/// Remembers all allowances of one answer: a placeholder shows only in the whole of it.
class Placeholder {
 public:
  void see(const Allowance& allowance) {
    if (allowance.remaining) {
      has_values_ = true;
      is_full_ = is_full_ && allowance.remaining->value() >= 1;
    }
    has_reset_ = has_reset_ || !allowance.resets_at.empty();
  }
  [[nodiscard]] bool is_one() const { return has_values_ && is_full_ && !has_reset_; }
  static void blank(Allowance* allowance) {
    if (allowance->remaining) {
      allowance->remaining.reset();
      allowance->unknown = Unknown::placeholder;
    }
  }

 private:
  bool has_values_ = false;
  bool is_full_ = true;
  bool has_reset_ = false;
};

std::optional<double> number_of(const json::value& value) {
  if (value.is_double()) {
    return value.get_double();
  }
  if (value.is_int64()) {
    return static_cast<double>(value.get_int64());
  }
  if (value.is_uint64()) {
    return static_cast<double>(value.get_uint64());
  }
  return std::nullopt;  // proto3 JSON has "NaN" and "Infinity" as strings: no shares
}

/// proto3 JSON leaves zero out, so a message that says when the quota starts again and no share
/// means that nothing is left. One without either says nothing.
/// @param quota  the message; `remaining` within it is the nested form of the same.
Allowance read_allowance(const json::object& quota) {
  Allowance out;
  out.resets_at = text_at(quota, "resetTime");
  const auto* value = value_at(quota, "remainingFraction");
  if (const auto* nested = object_at(quota, "remaining"); nested != nullptr && value == nullptr) {
    value = value_at(*nested, "remainingFraction");
    if (out.resets_at.empty()) {
      out.resets_at = text_at(*nested, "resetTime");
    }
  }
  if (value == nullptr) {
    if (!out.resets_at.empty()) {
      out.remaining = Fraction::none();
    }
    return out;
  }
  const auto number = number_of(*value);
  out.remaining = number ? Fraction::of(*number) : std::nullopt;
  if (!out.remaining) {
    out.unknown = Unknown::bad_value;
  }
  return out;
}

ModelQuota read_model(const json::object& config) {
  ModelQuota out;
  out.model = read_model_config(config);
  out.id = slug(out.model.label);
  if (out.id.empty()) {
    out.id = out.model.enum_name;
  }
  if (const auto* quota = object_at(config, "quotaInfo")) {
    out.allowance = read_allowance(*quota);
  }
  return out;
}

Plan read_plan(const json::object& status) {
  Plan plan;
  if (const auto* given = object_at(status, "planStatus")) {
    plan.name = text_at(*given, "planInfo", "planName");
    if (value_at(*given, "availablePromptCredits") != nullptr) {
      plan.available_prompt_credits = count_at(*given, "availablePromptCredits");
    }
  }
  plan.tier_id = text_at(status, "userTier", "id");
  plan.tier_name = text_at(status, "userTier", "name");
  return plan;
}

void read_configs(const json::array& configs, Account* account) {
  for (const json::value& config : configs) {
    const auto* object = config.if_object();
    if (object == nullptr || account->models.size() >= kMostEntries) {
      continue;
    }
    auto model = read_model(*object);
    if (!model.model.enum_name.empty()) {  // an alias stands for one of the others
      account->models.push_back(std::move(model));
    }
  }
}

/// The map of newer IDE builds: upstream's name of a model, and what it is.
void read_map(const json::object& models, Account* account) {
  for (const auto& [name, value] : models) {
    const auto* object = value.if_object();
    if (object == nullptr || account->models.size() >= kMostEntries) {
      continue;
    }
    ModelQuota model;
    model.model.label = text_at(*object, "displayName");
    model.model.enum_name = text_at(*object, "model");
    model.id = slug(model.model.label);
    if (model.id.empty()) {
      model.id = std::string(name);
    }
    if (const auto* quota = object_at(*object, "quotaInfo")) {
      model.allowance = read_allowance(*quota);
    }
    account->models.push_back(std::move(model));
  }
}

Result<json::object> parse_object(std::string_view text, const char* what) {
  boost::system::error_code ec;
  json::value root = json::parse({text.data(), text.size()}, ec);
  if (ec || !root.is_object()) {
    return Error{Errc::bad_answer, what};
  }
  return std::move(root.get_object());
}

const json::array& items_of(const json::object& object, std::string_view key) {
  static const json::array kNone;
  const auto* items = array_at(object, key);
  return items == nullptr ? kNone : *items;
}

QuotaPool read_pool(const json::object& group) {
  QuotaPool pool;
  pool.name = text_at(group, "displayName");
  for (const json::value& each : items_of(group, "buckets")) {
    const auto* object = each.if_object();
    if (object == nullptr || pool.buckets.size() >= kMostEntries) {
      continue;
    }
    QuotaBucket bucket;
    bucket.id = text_at(*object, "bucketId");
    bucket.name = text_at(*object, "displayName");
    bucket.description = text_at(*object, "description");
    bucket.window = window_of(bucket.id);
    bucket.allowance = read_allowance(*object);
    pool.buckets.push_back(std::move(bucket));
  }
  return pool;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

std::optional<Fraction> Fraction::of(double value) {
  if (!(value >= 0 && value <= 1)) {  // written so that NaN is none either
    return std::nullopt;
  }
  return Fraction(value);
}

Result<Account> parse_account(std::string_view text) {
  auto parsed = parse_object(text, "quota");
  if (!parsed) {
    return parsed.error();
  }
  const json::object* data = &*parsed;
  Account account;
  if (const auto* status = object_at(*data, "userStatus")) {
    account.plan = read_plan(*status);
    data = object_at(*status, "cascadeModelConfigData");
  } else if (const auto* response = object_at(*data, "response")) {
    data = response;
  }
  if (data == nullptr) {
    return account;
  }
  if (const auto* configs = array_at(*data, "clientModelConfigs")) {
    read_configs(*configs, &account);
  } else if (const auto* models = object_at(*data, "models")) {
    read_map(*models, &account);
  }
  Placeholder placeholder;
  for (const auto& model : account.models) {
    placeholder.see(model.allowance);
  }
  if (placeholder.is_one()) {
    for (auto& model : account.models) {
      Placeholder::blank(&model.allowance);
    }
  }
  return account;
}

Result<std::vector<QuotaPool>> parse_quota_summary(std::string_view text) {
  auto parsed = parse_object(text, "quota summary");
  if (!parsed) {
    return parsed.error();
  }
  const auto* response = object_at(*parsed, "response");
  std::vector<QuotaPool> pools;
  for (const json::value& group : items_of(response == nullptr ? *parsed : *response, "groups")) {
    if (const auto* object = group.if_object(); object != nullptr && pools.size() < kMostEntries) {
      pools.push_back(read_pool(*object));
    }
  }
  Placeholder placeholder;
  for (const auto& pool : pools) {
    for (const auto& bucket : pool.buckets) {
      placeholder.see(bucket.allowance);
    }
  }
  for (auto& pool : pools) {
    for (auto& bucket : pool.buckets) {
      if (placeholder.is_one()) {
        Placeholder::blank(&bucket.allowance);
      }
    }
  }
  return pools;
}

std::string window_of(std::string_view bucket_id) {
  const auto dash = bucket_id.rfind('-');
  const auto last = dash == std::string_view::npos ? bucket_id : bucket_id.substr(dash + 1);
  if (last == "hourly" || last == "daily" || last == "weekly" || last == "monthly") {
    return std::string(last);
  }
  const bool is_span = last.size() >= 2 && (last.back() == 'h' || last.back() == 'd') &&
                       std::all_of(last.begin(), last.end() - 1, is_digit);
  return is_span ? std::string(last) : std::string();
}

}  // namespace agp::ls
