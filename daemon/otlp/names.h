#pragma once

#include <string_view>

/// What OpenTelemetry calls what Prometheus calls otherwise.
namespace agp::otlp {

/// Whose names these are; a scope of the request for each.
enum class Names { own, latest, v1_41 };

struct MetricName {
  std::string_view name;
  std::string_view unit;  // in the spelling of UCUM
  Names names = Names::own;
};

/// Metrics of the GenAI conventions get the names of the conventions; ours keep the one name that
/// they have in /metrics.
/// @param name, unit  as the catalogue has them.
[[nodiscard]] MetricName metric_name(std::string_view name, std::string_view unit);
/// The attribute for a label of the catalogue.
[[nodiscard]] std::string_view attribute_name(std::string_view label);

}  // namespace agp::otlp
