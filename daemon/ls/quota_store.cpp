#include "daemon/ls/quota_store.h"

#include "daemon/ls/errors.h"

#include <utility>

namespace agp::ls {

void QuotaStore::on_owner(std::optional<std::uint32_t> owner) {
  // Without an IDE there is no owner; what was read while there was one is still theirs.
  if (!owner || owner == owner_) {
    return;
  }
  owner_ = owner;
  account_.reset();
  problem_.reset();
  next_.reset();
}

bool QuotaStore::is_due(const std::string& instance, Steady now) const {
  return !next_ || instance != instance_ || now >= *next_;
}

void QuotaStore::on_answer(std::string instance, Account account, Steady now, Wall read_at) {
  account_ = std::make_shared<const Account>(std::move(account));
  read_at_ = read_at;
  problem_.reset();
  instance_ = std::move(instance);
  next_ = now + pace_.after_success;
}

void QuotaStore::on_failure(std::string instance, Error problem, Steady now) {
  problem_ = std::move(problem);
  instance_ = std::move(instance);
  next_ = now + pace_.after_failure;
}

void QuotaStore::on_unavailable(Error problem) {
  problem_ = std::move(problem);
  next_.reset();
}

Result<QuotaReading> QuotaStore::reading() const {
  if (!account_) {
    return problem_ ? *problem_ : Error{Errc::not_ready, "the language server was not asked yet"};
  }
  return QuotaReading{account_, owner_, read_at_, problem_};
}

}  // namespace agp::ls
