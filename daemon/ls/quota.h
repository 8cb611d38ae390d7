#pragma once

#include "common/base/result.h"
#include "daemon/ls/models.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What the language server says about the login's quota. A core: JSON in, values out.
namespace agp::ls {

/// A share of a quota that is left: 0 to 1. There is no value for "not known".
class Fraction {
 public:
  /// @return nothing for what is no share: negative, above 1, not a number.
  [[nodiscard]] static std::optional<Fraction> of(double value);
  [[nodiscard]] static Fraction none() { return Fraction(0); }
  [[nodiscard]] double value() const { return value_; }
  bool operator==(const Fraction&) const = default;

 private:
  explicit Fraction(double value) : value_(value) {}
  double value_;
};

/// Why a remaining share is not known.
enum class Unknown {
  not_given,    // the answer says nothing about it
  placeholder,  // everything is full and nothing says until when: the answer of a login without
                // data
  bad_value,    // what it says is no share
};

/// What is left of one quota.
struct Allowance {
  std::optional<Fraction> remaining;
  Unknown unknown = Unknown::not_given;  // why, while there is no `remaining`
  std::string resets_at;                 // RFC 3339 as given, empty when not
  bool operator==(const Allowance&) const = default;
};

struct ModelQuota {
  Model model;
  std::string id;  // what a request names: the slug of the label, else the name of the enum
  Allowance allowance;
};

/// One window of a pool: "gemini-5h".
struct QuotaBucket {
  std::string id;
  std::string name;         // "Five Hour Limit"
  std::string description;  // may be empty
  std::string window;       // "5h", "weekly"; empty when the id names none
  Allowance allowance;
};

/// Models that share their quota. Only the hub and agy name them.
struct QuotaPool {
  std::string name;  // "Gemini Models"
  std::vector<QuotaBucket> buckets;
};

/// No name, no address: those are nobody's business here.
struct Plan {
  std::string name;       // "Pro"; empty when not given
  std::string tier_id;    // "free-tier"
  std::string tier_name;  // "Antigravity"
  std::optional<std::uint64_t> available_prompt_credits;
};

struct Account {
  std::vector<ModelQuota> models;
  std::vector<QuotaPool> pools;
  Plan plan;
};

/// Answers of GetUserStatus, GetCascadeModelConfigData, GetCommandModelConfigs or
/// GetAvailableModels. A login that has not arrived yet has no models, which is no error.
[[nodiscard]] Result<Account> parse_account(std::string_view json);

/// Answers of RetrieveUserQuotaSummary.
[[nodiscard]] Result<std::vector<QuotaPool>> parse_quota_summary(std::string_view json);

/// The window that a bucket's id ends in: "gemini-5h" is "5h", "3p-weekly" is "weekly"; empty when
/// it names none.
[[nodiscard]] std::string window_of(std::string_view bucket_id);

}  // namespace agp::ls
