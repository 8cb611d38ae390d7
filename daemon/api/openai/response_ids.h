#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace agp::api::openai {

/// Ids of responses that name their conversation, so that `previous_response_id` works without any
/// memory of ours and after a restart:
///
///     resp_ULID_SEAL_CASCADE
///
/// The seal ties them to this installation and to the person who was answered: nobody goes on with
/// a conversation by making its id up, or with somebody else's.
class ResponseIds {
 public:
  /// A keyed digest of a text, in at least 32 lower-case hexadecimal digits.
  using Seal = std::function<std::string(std::string_view)>;

  /// @param seal  the same after a restart; null: no response can be continued.
  explicit ResponseIds(Seal seal) : seal_(std::move(seal)) {}

  /// @param unique  a ULID.
  [[nodiscard]] std::string make(std::string_view unique,
                                 std::string_view cascade_id,
                                 std::optional<std::uint32_t> uid) const;

  /// The conversation of a response that was made for `uid`; empty: it is unknown or foreign.
  [[nodiscard]] std::optional<std::string> cascade_of(std::string_view id,
                                                      std::optional<std::uint32_t> uid) const;

 private:
  [[nodiscard]] std::string seal(std::string_view unique,
                                 std::string_view cascade_id,
                                 std::optional<std::uint32_t> uid) const;

  Seal seal_;
};

}  // namespace agp::api::openai
