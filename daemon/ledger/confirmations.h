#pragma once

#include "daemon/ledger/ledger.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

/// What confirmations do to records, and which records they can mean.
namespace agp::ledger {

inline constexpr std::size_t kRecentResponses = 8192;
inline constexpr std::size_t kEarlyConfirmations = 1024;

/// Ties `record` to the cascade. A tie to another cascade that was exact already stays and is
/// flagged: one of the two is wrong, and nobody here knows which.
/// @return whether the record changed.
bool apply(const Confirmation& confirmation, usage::Record& record);

/// The records committed last, by the response id. Records without one are not in it.
class RecentResponses {
 public:
  explicit RecentResponses(std::size_t limit = kRecentResponses) : limit_(limit) {}
  void add(const std::string& response_id, std::uint64_t sequence);
  [[nodiscard]] std::vector<std::uint64_t> find(const std::string& response_id) const;
  [[nodiscard]] std::size_t size() const { return order_.size(); }

 private:
  std::size_t limit_;
  std::unordered_multimap<std::string, std::uint64_t> sequences_;
  std::deque<std::pair<std::string, std::uint64_t>> order_;  // oldest first
};

/// Confirmations whose record has not been seen. The oldest goes when there are too many.
class EarlyConfirmations {
 public:
  explicit EarlyConfirmations(std::size_t limit = kEarlyConfirmations) : limit_(limit) {}
  void keep(Confirmation confirmation);
  /// Null when there is none; valid until the next keep().
  [[nodiscard]] const Confirmation* find(const std::string& response_id) const;
  void forget(const std::string& response_id);
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }

 private:
  struct Waiting {
    Confirmation confirmation;
    std::uint64_t number = 0;
  };
  std::size_t limit_;
  std::uint64_t last_number_ = 0;
  std::unordered_map<std::string, Waiting> waiting_;
  std::map<std::uint64_t, std::string> by_age_;  // number to response id
};

}  // namespace agp::ledger
