#pragma once

#include "common/base/result.h"
#include "daemon/api/api_keys.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/stat.h>

namespace agp::api {

/// The file of the API's keys, read anew when it has changed: a key that is taken out is no key any
/// more with the next request. Small, local and root's, so that reading it waits for nobody.
class KeyFile {
 public:
  /// @param path   empty: there are no keys.
  /// @param owner  who has to own the file; another one only in tests.
  explicit KeyFile(std::string path, std::uint32_t owner = 0);

  /// Whom a key stands for; nobody while the file is not there, may be written by others, or has a
  /// fault.
  [[nodiscard]] std::optional<std::uint32_t> uid_of(std::string_view key);

  /// What is wrong with the file now; a missing one is a fault too, since it was configured.
  [[nodiscard]] std::optional<Error> fault();

 private:
  void refresh();
  Result<ApiKeys> load(struct stat* seen) const;

  std::string path_;
  std::uint32_t owner_;
  struct stat seen_ {};
  bool is_read_ = false;
  ApiKeys keys_;
  std::optional<Error> fault_;
};

}  // namespace agp::api
