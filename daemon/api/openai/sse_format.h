#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

/// Events of a stream as octets. JSON has no line ends of its own, so one data line is enough.
/// Source: WHATWG HTML, "Server-sent events".
namespace agp::api::openai {

inline constexpr std::string_view kEventStreamType = "text/event-stream";
/// Chat Completions end with it, the Responses API does not.
inline constexpr std::string_view kDone = "data: [DONE]\n\n";
/// Longer deltas are sent in pieces of this size: some readers limit their lines.
inline constexpr std::size_t kMaxDeltaBytes = 64U * 1024U;

/// With its `event:` line; the name is also the `type` of the data.
[[nodiscard]] std::string named_event(std::string_view name, const boost::json::object& data);
[[nodiscard]] std::string data_event(const boost::json::object& data);

}  // namespace agp::api::openai
