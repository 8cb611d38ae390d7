#pragma once

#include "common/base/result.h"
#include "daemon/config/config.h"
#include "daemon/ls/ls_driver.h"

#include <memory>
#include <string>

namespace agp::app {

/// A language server that somebody else started and that `language_server.attach_*` names: what a
/// daemon in the foreground drives, which has no helper to start one.
class AttachedLs final : public ls::EndpointSource {
 public:
  static constexpr const char* kInstance = "attached";

  /// Reads the files once.
  /// @return an error that names the file that cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<AttachedLs>> open(
      const daemon_config::AttachedLs& where);

  explicit AttachedLs(std::shared_ptr<const ls::Endpoint> endpoint)
      : endpoint_(std::move(endpoint)) {}

  [[nodiscard]] std::shared_ptr<const ls::Endpoint> endpoint() const override { return endpoint_; }
  /// There always is one; whether it answers is seen when it is asked.
  [[nodiscard]] std::string unavailable_reason() const override { return {}; }

 private:
  std::shared_ptr<const ls::Endpoint> endpoint_;
};

}  // namespace agp::app
