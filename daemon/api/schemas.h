#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The JSON Schemas of daemon/api/schemas, which are part of the program.
namespace agp::api {

struct Schema {
  std::string name;  // "usage.v1"
  std::string text;
};
[[nodiscard]] const std::vector<Schema>& schemas();

/// By "usage.v1", "usage.v1.json" or "antigravity-proxy.usage.v1".
[[nodiscard]] std::optional<std::string> find_schema(std::string_view name);

/// "record.v1, records.v1, usage.v1".
[[nodiscard]] std::string schema_names();

}  // namespace agp::api
