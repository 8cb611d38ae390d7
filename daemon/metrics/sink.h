#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Where metrics go, whatever the format: what is said of the service is said once.
namespace agp::metrics {

using Label = std::pair<const char*, std::string>;
using Labels = std::vector<Label>;

/// Returns a text with what is not UTF-8 replaced: readers of every format refuse anything else.
using CleanText = std::string (*)(std::string_view text);

/// Takes a gathering family by family.
class Sink {
 public:
  struct Bucket {
    const char* bound;  // as text: "0.01", "+Inf"
    std::uint64_t count = 0;
  };

  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  Sink(Sink&&) = delete;
  Sink& operator=(Sink&&) = delete;
  virtual ~Sink() = default;

  /// @param name  of the catalogue.
  virtual void family(std::string_view name) = 0;
  /// Of the family that was begun last; every label is one of the family's.
  virtual void sample(std::uint64_t value, const Labels& labels) = 0;
  /// @param value  a number as text.
  virtual void sample_text(std::string_view value, const Labels& labels) = 0;
  /// @param buckets  each by itself, not cumulative; the last one is "+Inf".
  virtual void histogram(std::span<const Bucket> buckets,
                         std::string_view sum,
                         const Labels& labels) = 0;

  /// A family that has one sample and no labels.
  void single(std::string_view name, std::uint64_t value) {
    family(name);
    sample(value, {});
  }
};

}  // namespace agp::metrics
