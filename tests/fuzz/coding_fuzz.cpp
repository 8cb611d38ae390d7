#include "daemon/coding/decoder.h"
#include "tests/fuzz/fuzz.h"

#include <string>

/// Input: the value of Content-Encoding, a line feed, the body.

namespace {

using namespace agp;

constexpr std::uint64_t kLimit = 256 * 1024;

class Text final : public coding::Sink {
 public:
  void on_decoded(Bytes bytes) override { text += as_text(bytes); }
  std::string text;
};

struct Outcome {
  std::string text;
  coding::Status status;
};

Outcome read(std::string_view encoding, Bytes body, fuzz::Split split) {
  coding::Budget budget;
  budget.max_decoded = kLimit;
  budget.ratio_grace = kLimit;  // the ratio depends on how much of the body is there already
  budget.max_memory = 2 * 1024 * 1024;
  coding::Decoder decoder(encoding, budget);
  Text out;
  fuzz::feed_split(body, split, [&](Bytes piece) { decoder.feed(piece, &out); });
  const coding::Status status = decoder.finish();
  return {out.text, status};
}

bool is_decoded(coding::Status status) {
  return status == coding::Status::good || status == coding::Status::truncated;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto [header, body] = fuzz::part({data, size}, "\n");
  const std::string_view encoding = as_text(header);
  const Outcome whole = read(encoding, body, fuzz::Split::whole);
  fuzz::require(whole.text.size() <= kLimit || whole.text.size() <= body.size(),
                "no more comes out than the budget allows");
  fuzz::require(whole.status != coding::Status::unknown || whole.text.empty(),
                "nothing comes out of an unknown coding");
  for (const fuzz::Split split : fuzz::splits(body)) {
    const Outcome other = read(encoding, body, split);
    fuzz::require(is_decoded(other.status) == is_decoded(whole.status),
                  "what is decodable depends on no split");
    if (is_decoded(whole.status)) {
      fuzz::require(other.status == whole.status && other.text == whole.text,
                    "any split is equivalent");
    } else {
      fuzz::require(other.text.starts_with(whole.text) || whole.text.starts_with(other.text),
                    "what came out before a fault is right");
    }
  }
  return 0;
}
