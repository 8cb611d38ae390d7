#pragma once

#include "daemon/api/http.h"
#include "daemon/api/openai/models_list.h"
#include "daemon/api/status.h"
#include "daemon/ls/quota.h"
#include "daemon/ls/session_list.h"
#include "daemon/quota/sample.h"
#include "daemon/usage/record.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>

/// What the language server and the IDEs of this machine know about logins. Values are whole: who
/// may see what of them is decided where they become a document.
namespace agp::api {

/// What is left of the quota of one login.
struct QuotaAnswer {
  std::shared_ptr<const ls::Account> account;  // never null
  std::optional<std::uint32_t> owner;          // uid; nobody else may see it
  usage::Micros read_at{};
  std::optional<Problem> problem;      // why it could not be read anew: it may be out of date
  std::vector<quota::Course> history;  // of that owner, as far back as a forecast asks for
};

struct ModelsAnswer {
  std::vector<openai::ModelEntry> models;
  openai::ModelSource source = openai::ModelSource::catalogue;
  std::optional<std::uint32_t> owner;  // as of QuotaAnswer; a catalogue has none
  usage::Micros known_since{};
  std::optional<Problem> problem;  // why it is not what the language server says now
};

/// Called and answered on the control worker.
class LoginPort {
 public:
  LoginPort() = default;
  LoginPort(const LoginPort&) = delete;
  LoginPort& operator=(const LoginPort&) = delete;
  LoginPort(LoginPort&&) = delete;
  LoginPort& operator=(LoginPort&&) = delete;
  virtual ~LoginPort() = default;

  /// @return the refusal while nothing is known; its hint says what to do about it.
  [[nodiscard]] virtual boost::asio::awaitable<std::variant<QuotaAnswer, ApiError>> quota() = 0;
  [[nodiscard]] virtual boost::asio::awaitable<ModelsAnswer> models() = 0;
  [[nodiscard]] virtual ls::SessionList sessions() = 0;
};

}  // namespace agp::api
