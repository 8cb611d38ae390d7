#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

/// What `top` shows, as lines of text: nothing here knows a terminal.
namespace agp::cli::top {

/// What the service said at one moment. An empty object is a part that it did not tell.
struct Snapshot {
  double at = 0;               // seconds of a clock that never goes back
  std::string clock;           // time of day, for people
  boost::json::object status;  // antigravity-proxy.status.v1
  boost::json::object usage;   // antigravity-proxy.usage.v1 of today by model
  boost::json::object quota;   // antigravity-proxy.quota.v1
  std::string quota_problem;   // why there is none
  boost::json::object recent;  // antigravity-proxy.records.v1, newest first
  std::string problem;         // why nothing was told, and what to do; empty when the rest counts
};

/// Tokens a second, by model and in all, between two snapshots.
struct Rates {
  std::optional<double> all;  // not known before the second snapshot, and after a new day began
  std::map<std::string, double> by_model;
};
[[nodiscard]] Rates rates_between(const Snapshot& before, const Snapshot& now);

enum class Tone { plain, title, dim, good, warning, bad };

struct Span {
  std::string text;
  Tone tone = Tone::plain;
};
using ScreenLine = std::vector<Span>;

struct Size {
  std::size_t rows = 24;
  std::size_t columns = 80;
};

/// As many lines as the screen has, none wider than it. Tones only repeat what the words say.
/// @param skip  models that were scrolled past.
[[nodiscard]] std::vector<ScreenLine> draw(
    const Snapshot& now, const Rates& rates, Size size, std::size_t skip, bool is_paused);

}  // namespace agp::cli::top
