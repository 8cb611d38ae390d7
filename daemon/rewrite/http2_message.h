#pragma once

#include "daemon/rewrite/fault.h"
#include "daemon/rewrite/fields.h"
#include "daemon/rewrite/relay.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace agp::rewrite {

// The enumerators of nghttp2, in the type that its functions take.
inline constexpr std::uint32_t kNoError = NGHTTP2_NO_ERROR;
inline constexpr std::uint32_t kInternalError = NGHTTP2_INTERNAL_ERROR;
inline constexpr std::uint32_t kProtocolError = NGHTTP2_PROTOCOL_ERROR;
inline constexpr std::uint32_t kRefused = NGHTTP2_REFUSED_STREAM;
inline constexpr std::uint32_t kCancel = NGHTTP2_CANCEL;
inline constexpr std::uint32_t kCalm = NGHTTP2_ENHANCE_YOUR_CALM;

/// The fields as nghttp2 takes them; borrowed.
[[nodiscard]] std::vector<nghttp2_nv> pairs(const Fields& fields);

/// The first value of that name; empty when there is none.
[[nodiscard]] std::string value_of(const Fields& fields, std::string_view name);

/// The content type of the answer to a gRPC request; empty for all others.
[[nodiscard]] std::string grpc_type(const Fields& fields);

[[nodiscard]] Answer bad_request(unsigned status, std::string_view code, std::string_view message);

/// What the request asks for, checked as HTTP/1 requests are. Rewrites authority and scheme.
[[nodiscard]] std::optional<Answer> check_request(const Options& options, Fields* fields);

}  // namespace agp::rewrite
