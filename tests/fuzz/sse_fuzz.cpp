#include "daemon/sse/parser.h"
#include "tests/fuzz/fuzz.h"

#include <string>

namespace {

using namespace agp;

constexpr std::size_t kLimit = 200;

class Log final : public sse::Sink {
 public:
  void on_event(const sse::Event& event) override {
    fuzz::require(event.data.size() <= kLimit, "an event passes the limit");
    fuzz::require(!event.too_large || event.data.empty(), "what is too large is dropped");
    text.append("e").append(event.type).append("=").append(as_text(event.data));
    text.append(event.unterminated ? "u" : "").append(event.too_large ? "t" : "").append("\n");
  }
  void on_orphans(Bytes lines) override {
    fuzz::require(lines.size() <= sse::kMaxOrphanBytes, "orphans pass their limit");
    text.append("o").append(as_text(lines)).append("\n");
  }
  std::string text;
};

std::string read(Bytes in, fuzz::Split split) {
  Log log;
  sse::Parser parser(&log, kLimit);
  fuzz::feed_split(in, split, [&](Bytes piece) { parser.feed(piece); });
  parser.finish();
  return log.text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes in(data, size);
  const std::string whole = read(in, fuzz::Split::whole);
  for (const fuzz::Split split : fuzz::splits(in)) {
    fuzz::require(read(in, split) == whole, "any split is equivalent");
  }
  return 0;
}
