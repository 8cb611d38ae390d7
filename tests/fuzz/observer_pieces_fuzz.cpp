#include "daemon/relay/observer.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

// Input: octet 0 chooses host and protocol and how it ends; then pieces, each headed by an octet
// whose lowest bit is the side and whose rest, times eight, is its size.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agp::relay;
  using agp::Bytes;
  if (size == 0) {
    return 0;
  }
  static constexpr const char* kHosts[] = {"api.openai.com", "cloudcode-pa.googleapis.com"};
  static constexpr const char* kProtocols[] = {"", "h2", "http/1.1", ""};
  Observer observer({kHosts[data[0] & 1], kProtocols[(data[0] >> 1) & 3], 1, 1, "i"});
  const agp::usage::Micros now{std::chrono::microseconds(7)};
  Bytes in(data + 1, size - 1);
  while (!in.empty()) {
    const Side side = in[0] % 2 == 0 ? Side::client : Side::upstream;
    const std::size_t n = std::min<std::size_t>((in[0] / 2 + 1u) * 8, in.size() - 1);
    const Bytes piece = in.subspan(1, n);
    const std::vector<std::uint8_t> owned(piece.begin(), piece.end());
    observer.on_bytes(side, owned, now);
    in = in.subspan(1 + n);
  }
  if (observer.is_unparsed() && observer.is_idle()) {
    std::abort();
  }
  const End how = (data[0] & 8) != 0 ? End::clean : End::abrupt;
  observer.on_end(Side::client, how, now);
  observer.on_end(Side::upstream, how, now);
  while (const auto record = observer.next_record()) {
    if (record->usage &&
        record->usage->total != record->usage->input_total + record->usage->output_total) {
      std::abort();
    }
  }
  return 0;
}
