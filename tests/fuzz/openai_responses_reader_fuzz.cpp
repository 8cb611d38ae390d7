#include "tests/fuzz/response_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return agp::fuzz::fuzz_response(agp::usage::Wire::openai_responses, data, size);
}
