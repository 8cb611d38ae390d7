#include "daemon/relay/connect_head.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agp;
  const std::string_view text = as_text({data, size});
  const auto whole = relay::parse_connect_head(text);
  if (whole && !*whole) {
    fuzz::require(size < relay::kConnectHeadLimit, "a head that never ends is refused");
  }
  if (!whole || !*whole) {
    return 0;
  }
  const relay::ConnectTarget& target = **whole;
  fuzz::require(target.head_size <= size && target.head_size <= relay::kConnectHeadLimit,
                "the head lies in the input");
  fuzz::require(target.port != 0 && !target.host.empty() && target.host.size() <= 253,
                "a target can be dialled");
  // What follows the head belongs to the tunnel and decides nothing; less is never enough.
  const auto again = relay::parse_connect_head(text.substr(0, target.head_size));
  fuzz::require(again && *again && (*again)->host == target.host && (*again)->port == target.port,
                "what follows the head decides nothing");
  const auto less = relay::parse_connect_head(text.substr(0, target.head_size - 1));
  fuzz::require(less && !*less, "a head is complete with its last octet only");
  return 0;
}
