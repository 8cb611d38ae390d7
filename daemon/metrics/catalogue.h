#pragma once

#include <span>
#include <string_view>

/// Every metric there is; docs/metrics.md lists the same ones.
namespace agp::metrics {

enum class Type { counter, gauge, histogram, info };

/// Who sees a family.
enum class Audience {
  everybody,  // whoever may use the API
  totals,     // who may see the usage of all
};

struct Family {
  const char* name;  // as Prometheus knows it
  Type type;
  const char* unit;    // base unit, as the name says it; empty: a number of things
  const char* labels;  // with blanks between
  Audience audience;
  const char* source;  // where the numbers come from, and how long they last
  const char* help;
};

[[nodiscard]] std::span<const Family> catalogue();
/// Null when there is none of that name.
[[nodiscard]] const Family* find_family(std::string_view name);

}  // namespace agp::metrics
