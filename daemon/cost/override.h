#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

/// What a user says about prices. Plain values: the configuration includes this too.
namespace agp::cost {

/// A price of one's own; it takes the place of the list price. Micro-USD per million tokens.
struct PriceOverride {
  std::string model;     // lower case; a star at the end stands for anything
  std::string provider;  // as in records; empty: any
  std::optional<std::chrono::sys_days> since;
  std::uint64_t above = 0;  // holds for calls whose whole input is larger
  std::uint64_t input = 0;
  std::uint64_t output = 0;
  std::optional<std::uint64_t> cached;
  std::optional<std::uint64_t> cache_write;
  std::optional<std::uint64_t> cache_write_1h;
};

/// A model that has the price of another one.
struct ModelAlias {
  std::string model;     // lower case, no pattern
  std::string as;        // lower case
  std::string provider;  // whose list `as` stands in; empty: that of the call
};

}  // namespace agp::cost
