#include "daemon/ls/live_reader.h"
#include "daemon/ls/turn_follower.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <variant>

/// Input: one octet, of which the lowest two bits name the way and the next two the baseline, then
/// what a language server says, a line for each message.

namespace {

using namespace agp;

/// What a client puts together from the events.
struct Client {
  std::string text;
  bool is_over = false;

  void take(const ls::TurnEvent& event) {
    fuzz::require(!is_over, "the last event is the last");
    if (const auto* grown = std::get_if<ls::TextGrown>(&event)) {
      fuzz::require(!grown->delta.empty(), "a text that grows has more");
      text += grown->delta;
    } else if (const auto* rewritten = std::get_if<ls::TextRewritten>(&event)) {
      text = rewritten->text;
    }
    is_over = std::holds_alternative<ls::TurnDone>(event) ||
              std::holds_alternative<ls::TurnFailed>(event) ||
              std::holds_alternative<ls::UserNeeded>(event);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const auto source = static_cast<ls::LiveSource>((data[0] & 3U) % 3U);
  const std::size_t baseline = data[0] >> 2U & 3U;
  std::string_view in = as_text(Bytes(data + 1, size - 1));
  const auto reader = ls::make_live_reader(source, baseline);
  ls::TurnFollower::TimePoint now{std::chrono::seconds(100)};
  ls::TurnFollower follower(baseline, {}, now);
  Client client;
  const auto drain = [&] {
    while (const auto event = follower.next_event()) {
      client.take(*event);
    }
    fuzz::require(client.is_over == follower.is_over(), "the end is told");
    fuzz::require(!follower.is_done() || client.text == follower.result().text,
                  "the events make up the answer");
  };
  while (!in.empty()) {
    const std::string_view line = in.substr(0, in.find('\n'));
    in.remove_prefix(std::min(in.size(), line.size() + 1));
    now += std::chrono::milliseconds(700);
    if (const auto fed = reader->feed(line); !fed) {
      follower.fail(fed.error());
    } else {
      fuzz::require(reader->state().steps.size() <= ls::kMaxSteps, "steps have a limit");
      follower.observe(reader->state(), true, now);
    }
    drain();
  }
  while (const auto deadline = follower.deadline()) {
    follower.on_time(*deadline);
    drain();
  }
  return 0;
}
