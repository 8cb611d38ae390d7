#pragma once

#include "daemon/ls/helper_port.h"
#include "tests/daemon/ls/child.h"

#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

namespace agp::ls {

/// Starts the language server as the root helper would, less the account and the sandbox.
class DirectHelper final : public HelperPort {
 public:
  std::string binary;
  Environment environment;

  boost::asio::awaitable<Result<>> ensure_redirect() override;
  boost::asio::awaitable<Result<>> remove_redirect() override;
  boost::asio::awaitable<Result<>> ensure_trust_bundle(std::string pem) override;
  boost::asio::awaitable<Result<control::StartedLs>> start_language_server(
      control::StartSpec spec) override;
  boost::asio::awaitable<Result<>> stop_language_server(std::string id) override;
  boost::asio::awaitable<Result<control::HelperStatus>> status() override;

 private:
  std::unique_ptr<Child> child_;
};

}  // namespace agp::ls
