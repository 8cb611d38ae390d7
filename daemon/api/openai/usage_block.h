#pragma once

#include "daemon/ledger/ledger.h"

#include <optional>
#include <string_view>

#include <boost/json/object.hpp>

/// What was measured, in OpenAI's words. A number that is not known is null or absent, never 0.
namespace agp::api::openai {

/// `usage` of a response; empty when no call of the turn said what it used.
[[nodiscard]] std::optional<boost::json::object> responses_usage(
    const std::optional<ledger::Sums>& sums);

/// `usage` of a chat completion and of the last chunk of a stream.
[[nodiscard]] std::optional<boost::json::object> chat_usage(
    const std::optional<ledger::Sums>& sums);

/// How far those numbers can be trusted, for those who want to know.
[[nodiscard]] boost::json::object measured_block(std::string_view cascade_id,
                                                 const std::optional<ledger::Sums>& sums);

}  // namespace agp::api::openai
