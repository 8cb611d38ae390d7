#pragma once

#include "common/base/result.h"
#include "daemon/ls/quota.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace agp::ls {

/// What may be shown about the quota of one login.
struct QuotaReading {
  std::shared_ptr<const Account> account;  // never null
  std::optional<std::uint32_t> owner;      // whose login it is: show it to nobody else
  std::chrono::system_clock::time_point read_at;
  std::optional<Error> problem;  // why it could not be read anew; then it may be out of date
};

/// Keeps the last good answer, and says when to ask again. A core: time comes in.
class QuotaStore {
 public:
  using Steady = std::chrono::steady_clock::time_point;
  using Wall = std::chrono::system_clock::time_point;

  struct Pace {
    std::chrono::steady_clock::duration after_success = std::chrono::seconds(30);
    /// Shorter: somebody is about to sign in.
    std::chrono::steady_clock::duration after_failure = std::chrono::seconds(5);
  };

  explicit QuotaStore(Pace pace) : pace_(pace) {}

  /// Before anything else of a question: what belongs to another login is forgotten.
  void on_owner(std::optional<std::uint32_t> owner);

  /// @param instance  the language server that would be asked.
  [[nodiscard]] bool is_due(const std::string& instance, Steady now) const;

  void on_answer(std::string instance, Account account, Steady now, Wall read_at);
  void on_failure(std::string instance, Error problem, Steady now);
  /// There is no language server to ask; that may change at any moment.
  void on_unavailable(Error problem);

  /// @return the problem while there is nothing to show.
  [[nodiscard]] Result<QuotaReading> reading() const;

 private:
  Pace pace_;
  std::optional<std::uint32_t> owner_;
  std::shared_ptr<const Account> account_;
  Wall read_at_{};
  std::optional<Error> problem_;
  std::string instance_;        // that was asked last
  std::optional<Steady> next_;  // nothing: at once
};

}  // namespace agp::ls
