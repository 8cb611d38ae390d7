#include "daemon/ls/envelope.h"
#include "tests/fuzz/fuzz.h"

#include <optional>
#include <string>
#include <vector>

/// Input: the body of a stream's answer.

namespace {

using namespace agp;

constexpr std::size_t kLimit = 4096;

struct Outcome {
  std::vector<std::string> messages;
  boost::system::error_code fault;
  boost::system::error_code end;
  bool is_ended = false;

  bool operator==(const Outcome&) const = default;
};

Outcome read(Bytes in, fuzz::Split split) {
  Outcome out;
  ls::EnvelopeReader reader(kLimit);
  fuzz::feed_split(in, split, [&](Bytes piece) {
    const auto fed = reader.feed(piece);
    fuzz::require(!out.fault || (!fed && fed.error().code == out.fault), "a fault stays");
    if (!fed) {
      out.fault = fed.error().code;
    }
    while (auto message = reader.next_message()) {
      fuzz::require(message->size() <= kLimit, "no message is larger than the limit");
      out.messages.push_back(std::move(*message));
    }
  });
  out.is_ended = reader.is_ended();
  if (const auto outcome = reader.outcome(); !outcome) {
    out.end = outcome.error().code;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes in(data, size);
  const Outcome whole = read(in, fuzz::Split::whole);
  for (const fuzz::Split split : fuzz::splits(in)) {
    fuzz::require(read(in, split) == whole, "every split gives the same");
  }
  std::string again;
  for (const std::string& message : whole.messages) {
    again += ls::envelope(message);
  }
  fuzz::require(as_text(in).starts_with(again), "messages come out as they went in");
  fuzz::require(whole.is_ended || whole.end, "a stream without an end is cut");
  return 0;
}
