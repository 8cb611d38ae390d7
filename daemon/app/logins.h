#pragma once

#include "daemon/api/login_port.h"
#include "daemon/ledger/ledger.h"
#include "daemon/ls/quota_reader.h"

#include <cstdint>
#include <functional>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/thread_pool.hpp>

namespace agp::app {

/// What the API tells of logins: quota and models from the language server, sessions from the look
/// at the machine.
class Logins final : public api::LoginPort {
 public:
  struct Sources {
    ls::QuotaReader* reader = nullptr;  // null: there is no language server and will be none
    std::function<ls::SessionList()> sessions;  // empty: nobody looks for any
    std::function<usage::Micros()> now;
    ledger::Ledger* ledger = nullptr;          // how the quota went; null: no forecast
    boost::asio::thread_pool* pool = nullptr;  // where the ledger is asked
  };

  explicit Logins(Sources from) : from_(std::move(from)) {}

  /// From now on these are asked; they outlive this object.
  void ask(ls::QuotaReader* reader, std::function<ls::SessionList()> sessions) {
    from_.reader = reader;
    from_.sessions = std::move(sessions);
  }

  [[nodiscard]] boost::asio::awaitable<std::variant<api::QuotaAnswer, api::ApiError>> quota()
      override;
  [[nodiscard]] boost::asio::awaitable<api::ModelsAnswer> models() override;
  [[nodiscard]] ls::SessionList sessions() override;

 private:
  boost::asio::awaitable<std::vector<quota::Course>> history(std::uint32_t owner);

  Sources from_;
};

/// A failure to ask the language server, in the words of the API.
[[nodiscard]] api::ApiError explain(const Error& error);

}  // namespace agp::app
