#pragma once

#include "common/base/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agp::api {

/// Keys for callers whom the kernel cannot name: each stands for a user. Only their SHA-256 is
/// kept, which is enough for keys that are random: there is nothing to guess.
class ApiKeys {
 public:
  static constexpr std::size_t kShortest = 32;  // characters of a key
  static constexpr std::size_t kLongest = 512;
  static constexpr std::size_t kMostKeys = 1000;

  ApiKeys() = default;

  /// One key a line: `sha256:HEX USER`, a user's name or number, then anything. Empty lines and
  /// those that begin with # are left out.
  /// @param uid_of  the uid of a user's name.
  /// @return std::errc::invalid_argument for the first faulty line, whose number is the context:
  ///         half a file is no file.
  [[nodiscard]] static Result<ApiKeys> parse(
      std::string_view text,
      const std::function<std::optional<std::uint32_t>(const std::string&)>& uid_of);

  /// Whom a key stands for. Takes as long for a wrong key as for a right one.
  [[nodiscard]] std::optional<std::uint32_t> uid_of(std::string_view key) const;

  [[nodiscard]] std::size_t size() const { return keys_.size(); }

 private:
  using Digest = std::array<unsigned char, 32>;
  struct Key {
    Digest digest{};
    std::uint32_t uid = 0;
  };
  static std::optional<Digest> read_digest(std::string_view word);
  static std::optional<Digest> digest_of(std::string_view key);

  std::vector<Key> keys_;
};

}  // namespace agp::api
