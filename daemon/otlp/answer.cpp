#include "daemon/otlp/answer.h"

#include "otlp_metrics.pb.h"

#include <algorithm>
#include <charconv>

#include <time.h>

namespace agp::otlp {
namespace {

constexpr std::size_t kMessage = 200;
constexpr std::chrono::seconds kLongestWait = std::chrono::hours(1);

std::optional<std::chrono::seconds> seconds_of(const std::string& text) {
  std::int64_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end) {
    return std::nullopt;
  }
  return std::chrono::seconds(value);
}

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<std::chrono::seconds> until_date(const std::string& text, usage::Micros now) {
  tm parts{};
  const char* const end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') {
    return std::nullopt;
  }
  return std::chrono::seconds(::timegm(&parts)) -
         std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
}

std::optional<std::chrono::seconds> retry_after(const std::string& text, usage::Micros now) {
  auto wait = seconds_of(text);
  if (!wait) {
    wait = until_date(text, now);
  }
  if (!wait || wait->count() < 0) {
    return std::nullopt;
  }
  return std::min(*wait, kLongestWait);
}

// It goes to the journal: no line of it can be another line.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, kMessage));
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
  return out;
}

}  // namespace

Verdict judge(const Answer& answer, usage::Micros now) {
  Verdict verdict;
  switch (answer.status) {
    case 429:
    case 502:
    case 503:
    case 504:
      verdict.kind = Verdict::Kind::later;
      verdict.retry_after = retry_after(answer.retry_after, now);
      return verdict;
    default:
      break;
  }
  if (answer.status / 100 != 2) {
    return verdict;
  }
  verdict.kind = Verdict::Kind::accepted;
  wire::ExportMetricsServiceResponse response;
  // The status is the answer; a body that is none takes nothing back.
  if (response.ParseFromString(answer.body)) {
    const auto& partial = response.partial_success();
    verdict.rejected_points =
        static_cast<std::uint64_t>(std::max<std::int64_t>(partial.rejected_data_points(), 0));
    verdict.message = printable(partial.error_message());
  }
  return verdict;
}

}  // namespace agp::otlp
