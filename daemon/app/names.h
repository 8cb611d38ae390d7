#pragma once

/// Names that package and helper give, and that nobody can configure.
namespace agp::app {

inline constexpr const char* kLsAccount = "antigravity-ls";
inline constexpr const char* kGroup = "antigravity-proxy";
inline constexpr const char* kTrustBundle = "/run/antigravity-proxy-helper/ca-bundle.pem";

}  // namespace agp::app
