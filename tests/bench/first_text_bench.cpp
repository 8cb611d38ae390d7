// How long the first text of an answer takes from the language server's double to a TurnSink, for
// each way to watch a turn: first-text-bench [TURNS]. AGP_DOUBLES names the folder with the
// doubles. The double notes in its log when a step gets its first text; both clocks are this
// machine's.

#include "daemon/ls/ls_driver.h"
#include "tests/daemon/ls/doubles.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace agp::ls {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::system_clock;
using Micros = std::chrono::microseconds;

constexpr Micros kHour = std::chrono::hours(1);

/// Within its hour, whatever the zone.
Micros since_hour(Clock::time_point time) {
  return std::chrono::duration_cast<Micros>(time.time_since_epoch()) % kHour;
}
/// Of "ls: I1122 18:19:18.730847 …".
Micros since_hour(const std::string& line) {
  const auto at = line.find(':', line.find(": ") + 1);
  return std::chrono::minutes(std::atoi(line.c_str() + at + 1)) +
         Micros(static_cast<long>(std::atof(line.c_str() + at + 4) * 1e6));
}

class FirstText final : public TurnSink {
 public:
  void on_started(const std::string&, const std::string&) override {}
  void on_event(const TurnEvent& event) override {
    if (!at && std::holds_alternative<TextGrown>(event)) {
      at = Clock::now();
    }
  }
  std::optional<Clock::time_point> at;
};

class Only final : public EndpointSource {
 public:
  explicit Only(std::shared_ptr<const Endpoint> which) : which_(std::move(which)) {}
  std::shared_ptr<const Endpoint> endpoint() const override { return which_; }
  std::string unavailable_reason() const override { return "none"; }

 private:
  std::shared_ptr<const Endpoint> which_;
};

template <class T>
Result<T> run(asio::io_context* io, asio::awaitable<Result<T>> task) {
  std::optional<Result<T>> out;
  asio::co_spawn(*io, std::move(task),
                 [&](std::exception_ptr, Result<T> value) { out.emplace(std::move(value)); });
  io->restart();
  while (!out) {
    io->run_one();
  }
  return std::move(*out);
}

void measure(const FakeUpstream& upstream,
             const char* name,
             const char* era,
             FakeIde::Knobs knobs,
             int turns) {
  knobs.emplace_back("log_text", "on");
  FakeIde ide(&upstream, era, knobs);
  const Only source(ide.endpoint());
  LsDriver driver(&source);
  asio::io_context io;
  for (bool is_signed_in = false; !is_signed_in;) {
    const auto models = run(&io, driver.models());
    is_signed_in = models && !models->empty();
  }
  std::vector<double> delays;
  for (int i = 0; i < turns + 1; ++i) {
    FirstText sink;
    const std::string text = "bird " + std::to_string(i) + " [[fake:slow;pace=40ms]]";
    const auto result = run(&io, driver.run_turn({"", text, "", ""}, &sink));
    const std::string line = ide.child().line_with("First text of step");
    if (!result || !sink.at || line.empty()) {
      std::printf("%-28s failed: %s\n", name, result ? "" : result.error().text().c_str());
      return;
    }
    if (i > 0) {  // the first one finds out which way works
      const auto delay = (since_hour(*sink.at) - since_hour(line) + kHour) % kHour;
      delays.push_back(static_cast<double>(delay.count()) / 1000);
    }
  }
  std::sort(delays.begin(), delays.end());
  const auto at = [&](std::size_t percent) {
    return delays[(delays.size() - 1) * percent / 100];
  };
  std::printf("%-28s %8.2f %8.2f %8.2f %8.2f\n", name, at(0), at(50), at(95), at(100));
}

}  // namespace
}  // namespace agp::ls

int main(int argc, char** argv) {
  using namespace agp::ls;
  const int turns = argc > 1 ? std::max(1, std::atoi(argv[1])) : 30;
  if (!built_doubles()) {
    std::fprintf(stderr, "build the doubles (tests/fakes/build DIR) and set AGP_DOUBLES=DIR\n");
    return 69;
  }
  const FakeUpstream upstream;
  std::printf("first text of %d turns, ms          least   median      95%%     most\n", turns);
  measure(upstream, "reactive updates (E1)", "e1", {}, turns);
  measure(upstream, "agent state updates (E2)", "e2", {}, turns);
  measure(upstream, "agent state updates (E3)", "e3", {}, turns);
  measure(upstream, "polls every 300 ms (E2)", "e2", {{"agent_stream", "off"}}, turns);
  return 0;
}
