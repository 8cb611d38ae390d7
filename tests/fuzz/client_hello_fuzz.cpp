#include "daemon/tls/client_hello.h"
#include "tests/fuzz/fuzz.h"

namespace {

struct Outcome {
  std::string error;
  bool is_done = false;
  agp::tls::ClientHello hello;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read(agp::Bytes in, agp::fuzz::Split split) {
  agp::tls::ClientHelloReader reader(8 * 1024);
  Outcome out;
  agp::fuzz::feed_split(in, split, [&](agp::Bytes piece) {
    if (out.is_done) {
      return;  // the relay stops there
    }
    const auto progress = reader.feed(piece);
    if (!progress) {
      out.error = progress.error().code.message();
    } else {
      agp::fuzz::require(out.error.empty(), "an error stays");
      out.is_done = *progress == agp::tls::ClientHelloReader::Progress::done;
    }
  });
  if (out.is_done) {
    out.hello = reader.hello();
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const agp::Bytes in(data, size);
  const Outcome whole = read(in, agp::fuzz::Split::whole);
  for (const agp::fuzz::Split split : agp::fuzz::splits(in)) {
    agp::fuzz::require(read(in, split) == whole, "any split is equivalent");
  }
  if (whole.hello.server_name) {
    for (const char c : *whole.hello.server_name) {
      agp::fuzz::require(c < 'A' || c > 'Z', "the name is lower case");
    }
  }
  return 0;
}
