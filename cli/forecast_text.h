#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

namespace agp::cli {

/// How long a quota lasts at the present rate, of an allowance in the document of GET /v1/quota:
/// "empty 16:40", "empty Tue 16:40", "lasts until reset"; nothing where no forecast is made. Times
/// are local.
/// @param now  `generated_at` of the document: tells what is today.
[[nodiscard]] std::string forecast_text(const boost::json::object& allowance, std::string_view now);

}  // namespace agp::cli
