#pragma once

#include "daemon/metrics/catalogue.h"
#include "daemon/metrics/sink.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

/// The text formats that Prometheus reads.
namespace agp::metrics {

enum class Format {
  prometheus,   // text/plain; version=0.0.4
  openmetrics,  // application/openmetrics-text; version=1.0.0
};

/// What the caller's `Accept` fields ask for; Prometheus' own format unless OpenMetrics is
/// preferred.
[[nodiscard]] Format negotiate(std::span<const std::string_view> accept);
[[nodiscard]] const char* content_type(Format format);

/// A scrape's answer, family by family.
class Page final : public Sink {
 public:
  Page(Format format, CleanText clean) : format_(format), clean_(clean) {}

  void family(std::string_view name) override;
  void sample(std::uint64_t value, const Labels& labels = {}) override;
  void sample_text(std::string_view value, const Labels& labels = {}) override;
  void histogram(std::span<const Bucket> buckets,
                 std::string_view sum,
                 const Labels& labels) override;

  [[nodiscard]] std::string finish();

 private:
  void line(std::string_view suffix,
            std::string_view value,
            const Labels& labels,
            std::string_view bound = {});

  Format format_;
  CleanText clean_;
  const Family* family_ = nullptr;
  std::string text_;
};

/// Exact: `value` is in units of 10^-digits.
[[nodiscard]] std::string decimal(std::uint64_t value, std::size_t digits);
/// As many digits as say exactly this number.
[[nodiscard]] std::string shortest(double value);

}  // namespace agp::metrics
