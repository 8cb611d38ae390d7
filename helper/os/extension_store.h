#pragma once

#include "helper/core/ide_patch.h"

#include <functional>
#include <string>

#include <sys/types.h>

namespace agp::os {

/// The backup's name is the file's with this behind it.
constexpr const char* kBackupSuffix = ".antigravity-proxy-original";

/// extension.js where the IDE's package put it.
///
/// The backup is a hard link to the very file that was there, and the patched one takes its place
/// by rename(2). So there is a whole file under the name at any moment, and reverting gives back
/// the same inode: octets, owner, mode, times and extended attributes.
class ExtensionStore final : public core::ExtensionFiles {
 public:
  /// For tests, which are not root and have no directory of root's to write in.
  struct Conditions {
    uid_t owner = 0;            // of the file and of every directory
    std::string trusted_below;  // directories down to this one are not judged; empty: all are
    /// Called after each step that changes something.
    std::function<void(const char* step)> after_step;
  };

  ExtensionStore() = default;
  explicit ExtensionStore(Conditions conditions) : conditions_(std::move(conditions)) {}

  core::ExtensionReport look(const std::string& path) override;
  Change apply(const std::string& path) override;
  Change revert(const std::string& path, WhenUndone when_undone) override;

 private:
  struct Seen;
  [[nodiscard]] Result<> judge_path(const std::string& path) const;
  [[nodiscard]] Result<Seen> see(const std::string& path) const;
  /// The backup of a file that is gone.
  [[nodiscard]] Change forget_orphan(const std::string& path) const;
  [[nodiscard]] Result<> put_patched(const Seen& seen) const;
  [[nodiscard]] Result<> put_backup(const Seen& seen) const;
  [[nodiscard]] Result<> replace(const Seen& seen, const std::string& from) const;
  static void release(Seen seen);
  void done(const char* step) const;

  Conditions conditions_;
};

}  // namespace agp::os
