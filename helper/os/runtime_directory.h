#pragma once

#include "common/base/unique_fd.h"
#include "helper/core/ports.h"

#include <string>
#include <vector>

namespace agp::os {

/// The helper's own directory in /run: the trust bundle, the lock, and the secrets of a start.
class RuntimeDirectory final : public core::TrustStore, public core::StartSecrets {
 public:
  /// @param path       made when missing; its parent must exist.
  /// @param ca_files   where distributions keep the system's CA certificates; the first that
  /// exists.
  explicit RuntimeDirectory(std::string path = "/run/antigravity-proxy-helper",
                            std::vector<std::string> ca_files = default_ca_files());

  [[nodiscard]] static std::vector<std::string> default_ca_files();

  std::string bundle_path() const override;
  Result<std::string> system_certificates() override;
  Result<std::optional<std::string>> read_bundle() override;
  Result<> write_bundle(std::string_view content) override;
  Result<bool> remove_bundle() override;
  Result<std::shared_ptr<void>> lock() override;
  Result<std::string> put(std::string_view content) override;
  Result<> remove_secrets() override;

  /// Removes what the helper put there and the directory itself. Anything else in it stays, and is
  /// an error.
  [[nodiscard]] Result<> remove();

 private:
  /// Our own, root's (or the caller's, in tests) and nobody else's to write.
  [[nodiscard]] Result<UniqueFd> open(bool create);

  std::string path_;
  std::vector<std::string> ca_files_;
};

}  // namespace agp::os
