#pragma once

#include "daemon/metrics/sink.h"
#include "daemon/usage/record.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// Metrics as OTLP has them: what is gathered for /metrics, as one protobuf request.
namespace agp::otlp {

/// Who says it.
struct Source {
  std::string version;
  std::string instance;   // an id of this installation
  std::string host_name;  // empty: not told
};

/// When what is counted began, by how long it lasts.
struct Beginnings {
  usage::Micros process{};
  std::optional<usage::Micros> ledger;  // empty: not known, and then not told
};

/// Values are cumulative. What says who speaks (target_info, otel_scope_info) is the request's
/// resource and scopes, and no metric.
class Request final : public metrics::Sink {
 public:
  Request(const Source& source,
          const Beginnings& beginnings,
          usage::Micros now,
          metrics::CleanText clean);
  ~Request() override;

  void family(std::string_view name) override;
  void sample(std::uint64_t value, const metrics::Labels& labels) override;
  void sample_text(std::string_view value, const metrics::Labels& labels) override;
  void histogram(std::span<const Bucket> buckets,
                 std::string_view sum,
                 const metrics::Labels& labels) override;

  /// An ExportMetricsServiceRequest.
  [[nodiscard]] std::string finish();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Whether these octets are a request that has something to say: what lay on a disk may be
/// anything.
[[nodiscard]] bool is_request(std::string_view octets);

}  // namespace agp::otlp
