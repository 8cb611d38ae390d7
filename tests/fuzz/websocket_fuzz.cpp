#include "daemon/websocket/reader.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

// Input: octet 0 holds what was agreed (bits 0 to 2); then pieces, each headed by an octet whose
// lowest bit is the direction and whose rest is its size.
namespace {

using agp::Bytes;
using namespace agp::websocket;

class Balanced final : public Sink {
 public:
  void on_message_begin(Direction direction, bool) override { set(direction, true); }
  void on_message_data(Direction direction, Bytes) override {
    if (!open_[index(direction)]) {
      std::abort();
    }
  }
  void on_message_end(Direction direction, MessageEnd) override { set(direction, false); }

 private:
  static std::size_t index(Direction direction) { return direction == Direction::client ? 0 : 1; }
  void set(Direction direction, bool open) {
    if (open_[index(direction)] == open) {
      std::abort();
    }
    open_[index(direction)] = open;
  }
  bool open_[2] = {false, false};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  (void)parse_extensions(agp::as_text(Bytes(data, size)));
  Balanced sink;
  ConnectionReader reader(&sink, {(data[0] & 1) != 0, (data[0] & 2) != 0, (data[0] & 4) != 0});
  Bytes in(data + 1, size - 1);
  while (!in.empty()) {
    const Direction direction = in[0] % 2 == 0 ? Direction::client : Direction::server;
    const std::size_t n = std::min<std::size_t>(in[0] / 2 + 1u, in.size() - 1);
    const Bytes piece = in.subspan(1, n);
    const std::vector<std::uint8_t> owned(piece.begin(), piece.end());
    reader.feed(direction, owned);
    in = in.subspan(1 + n);
  }
  return 0;
}
