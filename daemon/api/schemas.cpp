#include "daemon/api/schemas.h"

namespace agp::api {

std::optional<std::string> find_schema(std::string_view name) {
  constexpr std::string_view kPrefix = "antigravity-proxy.";
  constexpr std::string_view kSuffix = ".json";
  if (name.starts_with(kPrefix)) {
    name.remove_prefix(kPrefix.size());
  }
  if (name.ends_with(kSuffix)) {
    name.remove_suffix(kSuffix.size());
  }
  for (const auto& schema : schemas()) {
    if (schema.name == name) {
      return schema.text;
    }
  }
  return std::nullopt;
}

std::string schema_names() {
  std::string out;
  for (const auto& schema : schemas()) {
    out += (out.empty() ? "" : ", ") + schema.name;
  }
  return out;
}

}  // namespace agp::api
