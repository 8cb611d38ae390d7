#pragma once

#include "common/base/result.h"
#include "common/base/secret.h"

#include <string>
#include <string_view>

namespace agp::tls {

/// Digests that only this installation can make: HMAC-SHA256 under a key that is kept in a file.
class KeyedDigest {
 public:
  /// Reads the key, or makes one and stores it, readable by its owner alone.
  /// @return an error when the file is not a key of ours, or others could read it.
  [[nodiscard]] static Result<KeyedDigest> open_or_create(const std::string& path);

  /// 64 lower-case hexadecimal digits.
  [[nodiscard]] std::string of(std::string_view text) const;

 private:
  explicit KeyedDigest(Secret<std::string> key) : key_(std::move(key)) {}

  Secret<std::string> key_;
};

}  // namespace agp::tls
