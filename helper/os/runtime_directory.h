#pragma once

#include "common/base/unique_fd.h"
#include "helper/core/captured_scopes.h"
#include "helper/core/ports.h"

#include <string>
#include <vector>

namespace agp::os {

/// The helper's own directory in /run: the trust bundle, the lock, the secrets of a start, and
/// which commands are captured.
class RuntimeDirectory final : public core::TrustStore,
                               public core::StartSecrets,
                               public core::ScopeRecords {
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
  Result<std::string> read_scopes() override;
  Result<> write_scopes(std::string_view text) override;

  /// Removes what the helper put there and the directory itself. Anything else in it stays, and is
  /// an error.
  [[nodiscard]] Result<> remove();

 private:
  /// Our own, root's (or the caller's, in tests) and nobody else's to write.
  [[nodiscard]] Result<UniqueFd> open(bool create);
  /// Nothing when it is not there. @param what how errors call it.
  [[nodiscard]] Result<std::optional<std::string>> read(const char* name, const std::string& what);
  [[nodiscard]] Result<> replace(const char* name, std::string_view content, mode_t mode);
  [[nodiscard]] Result<> remove_file(const char* name);

  std::string path_;
  std::vector<std::string> ca_files_;
};

}  // namespace agp::os
