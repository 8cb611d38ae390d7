#pragma once

#include "daemon/api/login_port.h"

#include <variant>

#include <boost/asio/awaitable.hpp>

namespace agp::api::test {

class FakeLogins final : public LoginPort {
 public:
  boost::asio::awaitable<std::variant<QuotaAnswer, ApiError>> quota() override {
    co_return quota_answer;
  }
  boost::asio::awaitable<ModelsAnswer> models() override { co_return models_answer; }
  ls::SessionList sessions() override { return sessions_answer; }
  std::variant<QuotaAnswer, ApiError> quota_answer = ApiError{
      503, "server_error", "not_signed_in", "nobody is signed in", "sign in in the IDE", ""};
  ModelsAnswer models_answer;
  ls::SessionList sessions_answer;
};

}  // namespace agp::api::test
