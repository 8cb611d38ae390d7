#pragma once

/// The words of `Record::flags`. Meaning: wire-formats section 3.4.
namespace agp::usage::flag {

inline constexpr const char* kUsageMissing = "usage_missing";
inline constexpr const char* kTruncatedBody = "truncated_body";
inline constexpr const char* kUnterminatedEvent = "unterminated_event";
inline constexpr const char* kBadEvent = "bad_event";
inline constexpr const char* kBadJson = "bad_json";
inline constexpr const char* kBadNumber = "bad_number";
inline constexpr const char* kTotalMismatch = "total_mismatch";
inline constexpr const char* kPartitionMismatch = "partition_mismatch";
inline constexpr const char* kTrailingErrorJson = "trailing_error_json";
inline constexpr const char* kDecodeError = "decode_error";
inline constexpr const char* kEventTooLarge = "event_too_large";
inline constexpr const char* kModelMissing = "model_missing";
/// The language server named another cascade than the one the request named.
inline constexpr const char* kCascadeMismatch = "cascade_mismatch";

}  // namespace agp::usage::flag
