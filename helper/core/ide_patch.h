#pragma once

#include "common/base/result.h"
#include "helper/core/extension_patch.h"
#include "helper/core/ports.h"
#include "helper/core/settings.h"

#include <functional>
#include <string>

/// Patching the extension of the IDE, and taking that back: the operations of the interface.
namespace agp::core {

/// The file itself and its backup beside it. helper/os implements this; tests have a fake.
class ExtensionFiles {
 public:
  virtual ~ExtensionFiles() = default;

  struct Change {
    bool changed = false;
    ExtensionReport report;  // what is there now
  };
  /// What to do about a file that is not what we wrote any more.
  enum class WhenUndone { refuse, forget };

  [[nodiscard]] virtual ExtensionReport look(const std::string& path) = 0;
  /// Atomic: readers see the file as shipped or patched, whatever happens to this process.
  [[nodiscard]] virtual Change apply(const std::string& path) = 0;
  /// Puts the very file back that was there before. With `forget`, removes the backup of a file
  /// that an update has replaced, which is left as it is.
  [[nodiscard]] virtual Change revert(const std::string& path, WhenUndone when_undone) = 0;
};

/// What the bus adaptor drives; a fake in its tests.
class IdePatchOperations {
 public:
  virtual ~IdePatchOperations() = default;
  [[nodiscard]] virtual Result<ExtensionOutcome> look() = 0;
  [[nodiscard]] virtual Result<ExtensionOutcome> apply() = 0;
  [[nodiscard]] virtual Result<ExtensionOutcome> revert(ExtensionFiles::WhenUndone when_undone) = 0;
};

/// Each operation goes through all files of helper.yaml: ide.extensions, and goes on after one that
/// it has to refuse; the report of that file says why.
class IdePatch final : public IdePatchOperations {
 public:
  /// @param files, trust  outlive this object; trust gives the lock between helper processes.
  /// @param settings      read again for every operation.
  IdePatch(ExtensionFiles* files, TrustStore* trust, std::function<Result<Settings>()> settings)
      : files_(files), trust_(trust), settings_(std::move(settings)) {}

  Result<ExtensionOutcome> look() override;
  Result<ExtensionOutcome> apply() override;
  Result<ExtensionOutcome> revert(ExtensionFiles::WhenUndone when_undone) override;

 private:
  [[nodiscard]] Result<ExtensionOutcome> change(
      const std::function<ExtensionFiles::Change(const std::string&)>& each);

  ExtensionFiles* files_;
  TrustStore* trust_;
  std::function<Result<Settings>()> settings_;
};

}  // namespace agp::core
