#include "daemon/usage/request_reader.h"
#include "tests/fuzz/fuzz.h"

#include <tuple>

namespace {

using namespace agp;

auto read(Bytes in, fuzz::Split split) {
  usage::RequestReader reader;
  fuzz::feed_split(in, split, [&](Bytes piece) { reader.feed(piece); });
  return std::make_tuple(reader.model(), reader.request_id(), reader.keys());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes in(data, size);
  const auto whole = read(in, fuzz::Split::whole);
  for (const fuzz::Split split : fuzz::splits(in)) {
    fuzz::require(read(in, split) == whole, "any split is equivalent");
  }
  const auto& [model, id, keys] = whole;
  fuzz::require(!model || model->size() <= usage::kMaxModelBytes, "a model is short");
  fuzz::require(!id || id->size() <= usage::kMaxIdBytes, "an id is short");
  const usage::CallKeys of_raw = usage::parse_request_id(as_text(in));
  fuzz::require(!of_raw.cascade_id || as_text(in).find(*of_raw.cascade_id) != std::string::npos,
                "a cascade is part of its request id");
  return 0;
}
