#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

struct Family;

using Label = std::pair<const char*, std::string>;
using Labels = std::vector<Label>;

/// A scrape's answer, family by family.
class Page {
 public:
  /// Returns a text with what is not UTF-8 replaced: scrapers refuse a page with anything else.
  using CleanText = std::string (*)(std::string_view text);

  Page(Format format, CleanText clean) : format_(format), clean_(clean) {}

  /// @param name  of the catalogue.
  void family(std::string_view name);
  /// Of the family that was begun last; every label is one of the family's.
  void sample(std::uint64_t value, const Labels& labels = {});
  /// @param value  a number as text.
  void sample_text(std::string_view value, const Labels& labels = {});
  void single(std::string_view name, std::uint64_t value);

  struct Bucket {
    const char* bound;  // as text: "0.01", "+Inf"
    std::uint64_t count = 0;
  };
  /// @param buckets  each by itself, not cumulative; the last one is "+Inf".
  void histogram(std::span<const Bucket> buckets, std::string_view sum, const Labels& labels);

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
