#pragma once

#include "daemon/usage/record.h"

#include <optional>
#include <string>
#include <string_view>

/// The one place that knows which revision of OpenTelemetry's GenAI conventions is followed.
namespace agp::metrics {

/// Which names are served.
enum class Semconv {
  latest,  // kLatest
  v1_41,   // the last ones of the general conventions
  both,
};

inline constexpr const char* kScope = "antigravity-proxy";
/// open-telemetry/semantic-conventions-genai at 06ec68e722c4, 2026-10-07: after #374 (counters of
/// tokens), #440 (cache_write) and #521 (inference.duration). It has no release yet.
inline constexpr const char* kLatest = "1.42.0-dev";
inline constexpr const char* kLatestSchemaUrl =
    "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev";
/// open-telemetry/semantic-conventions, where they were before.
inline constexpr const char* kV1_41 = "1.41.0";
inline constexpr const char* kV1_41SchemaUrl = "https://opentelemetry.io/schemas/1.41.0";

/// gen_ai.operation.name, by the provider's word in the ledger.
[[nodiscard]] const char* operation_name(std::string_view provider);
/// gen_ai.provider.name: the flavour of the endpoint, whatever model answers there.
[[nodiscard]] const char* provider_name(std::string_view provider, std::string_view host);
/// error.type: the HTTP status where it is a usual one, else one of a few words; empty when the
/// call went well.
[[nodiscard]] std::string error_type(const usage::Record& record);

}  // namespace agp::metrics
