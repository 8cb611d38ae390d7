#include "daemon/quota/sample.h"

namespace agp::quota {

const char* name(Kind kind) {
  switch (kind) {
    case Kind::model:
      return "model";
    case Kind::pool:
      return "pool";
  }
  return "";
}

std::optional<Kind> kind_from(std::string_view text) {
  for (const auto kind : {Kind::model, Kind::pool}) {
    if (text == name(kind)) {
      return kind;
    }
  }
  return std::nullopt;
}

}  // namespace agp::quota
