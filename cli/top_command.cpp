#include "cli/top_command.h"

#include "cli/document.h"
#include "cli/local_zone.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <utility>
#include <variant>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

constexpr int kDefaultInterval = 2;  // seconds
constexpr int kLongestInterval = 60;
constexpr const char* kNewest = "20";  // more than a screen has room for beside the rest

Answer<json::object> today(Daemon& daemon) {
  return parsed(
      daemon.usage({{"group_by", "model"}, {"since", "today"}, {"timezone", local_zone()}}));
}

std::string words_of(const Failure& failure) {
  return failure.message + (failure.hint.empty() ? "" : "; " + failure.hint);
}

// What the service says now.
top::Snapshot look(Daemon& daemon, const TopHost& host) {
  top::Snapshot out;
  out.at = host.seconds();
  out.clock = host.clock();
  auto status = parsed(daemon.status());
  if (const auto* failure = std::get_if<Failure>(&status)) {
    out.problem = words_of(*failure);
    return out;
  }
  out.status = std::move(std::get<json::object>(status));
  auto usage = today(daemon);
  if (const auto* failure = std::get_if<Failure>(&usage)) {
    out.problem = words_of(*failure);
    return out;
  }
  out.usage = std::move(std::get<json::object>(usage));
  auto quota = parsed(daemon.quota());
  if (const auto* failure = std::get_if<Failure>(&quota)) {
    out.quota_problem = words_of(*failure);
  } else {
    out.quota = std::move(std::get<json::object>(quota));
  }
  auto recent = parsed(daemon.records({{"limit", kNewest}}));
  if (auto* records = std::get_if<json::object>(&recent)) {
    out.recent = std::move(*records);
  }
  return out;
}

Output as_document(Daemon& daemon) {
  json::object out{{"schema", "antigravity-proxy.top.v1"}};
  auto status = parsed(daemon.status());
  if (const auto* failure = std::get_if<Failure>(&status)) {
    return failed(*failure, true);
  }
  auto usage = today(daemon);
  if (const auto* failure = std::get_if<Failure>(&usage)) {
    return failed(*failure, true);
  }
  auto quota = parsed(daemon.quota());
  out["status"] = std::move(std::get<json::object>(status));
  out["usage"] = std::move(std::get<json::object>(usage));
  // Nobody may be signed in, or it is the login of another user: the rest is true all the same.
  out["quota"] = std::holds_alternative<Failure>(quota)
                     ? json::value(nullptr)
                     : json::value(std::move(std::get<json::object>(quota)));
  Output output;
  output.out = json::serialize(out) + "\n";
  return output;
}

std::optional<int> interval_of(const Line& line) {
  const auto given = line.value("--interval");
  if (!given) {
    return kDefaultInterval;
  }
  int seconds = 0;
  const auto* end = given->data() + given->size();
  const auto read = std::from_chars(given->data(), end, seconds);
  const bool is_whole = read.ec == std::errc() && read.ptr == end;
  return is_whole && seconds >= 1 && seconds <= kLongestInterval ? std::optional(seconds)
                                                                 : std::nullopt;
}

void go_on(Daemon& daemon,
           const TopHost& host,
           top::Screen& screen,
           std::chrono::seconds interval) {
  auto before = look(daemon, host);
  auto now = before;
  top::Rates rates;
  std::size_t skip = 0;
  bool is_paused = false;
  double next = now.at + static_cast<double>(interval.count());
  for (;;) {
    screen.show(top::draw(now, rates, screen.size(), skip, is_paused));
    const double left = next - host.seconds();
    const auto key = screen.wait(
        std::chrono::milliseconds(is_paused ? std::chrono::milliseconds(interval).count()
                                            : static_cast<long long>(left > 0 ? left * 1000 : 0)));
    switch (key) {
      case top::Key::quit:
        return;
      case top::Key::pause:
        is_paused = !is_paused;
        break;
      case top::Key::up:
        skip -= skip > 0 ? 1 : 0;
        break;
      case top::Key::down:
        ++skip;
        break;
      case top::Key::resized:
      case top::Key::none:
        break;
    }
    if (!is_paused && host.seconds() >= next) {
      before = std::move(now);
      now = look(daemon, host);
      rates = top::rates_between(before, now);
      next = host.seconds() + static_cast<double>(interval.count());
    }
  }
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string local_clock() {
  const auto now = std::time(nullptr);
  std::tm fields{};
  std::array<char, 16> text{};
  if (::localtime_r(&now, &fields) == nullptr ||
      std::strftime(text.data(), text.size(), "%H:%M:%S", &fields) == 0) {
    return "";
  }
  return text.data();
}

}  // namespace

Output run_top(const Line& line, Daemon& daemon, const TopHost& host) {
  const auto interval = interval_of(line);
  if (!interval) {
    return wrong_line("--interval is a number of seconds from 1 to 60", "top", line.json);
  }
  if (line.json) {
    return as_document(daemon);
  }
  // Said where it stays to be read, and not on a screen that is gone with the command.
  if (const auto status = daemon.status(); std::holds_alternative<Failure>(status)) {
    return failed(std::get<Failure>(status), false);
  }
  const auto screen = host.open_screen();
  if (!screen) {
    return failed({Exit::usage, "no_terminal", "top needs a terminal, and one that TERM names",
                   "for programs: antigravity-proxy top --json, or monitor"},
                  false);
  }
  go_on(daemon, host, *screen, std::chrono::seconds(*interval));
  return {};
}

Output run_top(const Line& line, Daemon& daemon, const Style& style) {
  return run_top(line, daemon,
                 TopHost{[color = style.color] { return top::open_screen(color); }, steady_seconds,
                         local_clock});
}

}  // namespace agp::cli
