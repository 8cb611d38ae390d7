#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"

#include <string>
#include <string_view>

namespace agp::ls {

/// What the language server is told about the IDE on its standard input. No credential: the login
/// stays with the IDE's extension server.
struct Metadata {
  std::string ide_version;
  std::string extension_path;
};

/// Used when the install does not say: a release of the era this client was written for. A wrong
/// version starts fine, but the service may answer that the client is too old.
inline constexpr std::string_view kDefaultIdeVersion = "1.18.4";

/// The metadata that fits the install a binary belongs to. Reads its product.json, blocking; what
/// cannot be read falls back to the default.
[[nodiscard]] Metadata metadata_for(const std::string& binary_path);

/// Where the install of a binary describes itself, empty when it is laid out in another way.
[[nodiscard]] std::string product_path(const std::string& binary_path);

/// `ideVersion`, else `version` of a product.json; empty when there is none.
[[nodiscard]] std::string ide_version_of(std::string_view product_json);

/// The serialized message. Never empty: the language server refuses an empty input.
[[nodiscard]] std::string serialize(const Metadata& metadata);

/// A read-only, fully sealed memfd holding `content`, offset 0. Sealed, because the helper hands
/// it to another account and nobody may change it afterwards.
[[nodiscard]] Result<UniqueFd> sealed_memfd(std::string_view content);

/// The certificate this install's language server presents (PEM), empty when it cannot be read.
[[nodiscard]] std::string bundled_certificate(const std::string& binary_path);

}  // namespace agp::ls
