#include "daemon/io/proxy_handshake.h"
#include "tests/fuzz/fuzz.h"

#include <string>

/// Input: octet 0 chooses how we go through the proxy (bit 0: SOCKS5, else HTTP CONNECT; bit 1:
/// with credentials; bits 2 and 3: what is asked for); then what the proxy says.
namespace {

using namespace agp;

struct Outcome {
  bool is_open = false;
  int failure = 0;
  std::size_t taken = 0;
  std::string sent;

  bool operator==(const Outcome&) const = default;
};

Outcome run(const io::UpstreamProxy& proxy,
            const io::ProxyTarget& target,
            Bytes in,
            fuzz::Split split) {
  Outcome outcome;
  io::ProxyHandshake handshake(&proxy, target);
  outcome.sent = as_text(handshake.take_output());
  fuzz::feed_split(in, split, [&](Bytes piece) {
    if (handshake.is_open() || outcome.failure != 0) {
      return;
    }
    const auto taken = handshake.feed(piece);
    outcome.sent += as_text(handshake.take_output());
    if (!taken) {
      outcome.failure = taken.error().code.value();
      fuzz::require(taken.error().code.category() == io::proxy_category(),
                    "failures are the proxy's");
      fuzz::require(taken.error().text().find("hunter2") == std::string::npos,
                    "no failure tells the password");
      return;
    }
    fuzz::require(*taken <= piece.size(), "no more is taken than there is");
    fuzz::require(*taken == piece.size() || handshake.is_open(), "all is taken until it is open");
    outcome.taken += *taken;
  });
  outcome.is_open = handshake.is_open();
  fuzz::require(!outcome.is_open || outcome.failure == 0, "what failed is not open");
  if (outcome.failure != 0) {
    outcome.taken = 0;  // of the piece that failed nothing is said
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const bool is_socks = (data[0] & 1) != 0;
  io::UpstreamProxy proxy;
  proxy.url = *config::ProxyUrl::parse(is_socks ? "socks5://[::1]:1080" : "http://[::1]:3128");
  if ((data[0] & 2) != 0) {
    proxy.user = Secret<std::string>("user");
    proxy.password = Secret<std::string>("hunter2");
  }
  static const char* const kHosts[] = {"api.example.com", "192.0.2.7", "2001:db8::1", "a"};
  const io::ProxyTarget target{kHosts[data[0] >> 2 & 3], 443};
  const Bytes in(data + 1, size - 1);
  const Outcome whole = run(proxy, target, in, fuzz::Split::whole);
  for (const fuzz::Split split : fuzz::splits(in)) {
    fuzz::require(run(proxy, target, in, split) == whole, "any split is equivalent");
  }
  if (!whole.is_open) {
    fuzz::require(whole.failure != 0 || is_socks || in.size() < io::kProxyAnswerLimit,
                  "a head that never ends is refused");
    return 0;
  }
  const std::string_view said = as_text(in.first(whole.taken));
  fuzz::require(whole.taken <= io::kProxyAnswerLimit, "the answer is within its limit");
  if (is_socks) {
    fuzz::require(said[0] == 5 && (said[1] == 0 || said[1] == 2), "SOCKS5 agreed on a method");
  } else {
    fuzz::require(said.starts_with("HTTP/1.") && said.ends_with("\r\n\r\n"), "a head said yes");
  }
  // What comes from beyond the proxy decides nothing; less is never enough.
  fuzz::require(run(proxy, target, in.first(whole.taken), fuzz::Split::whole) == whole,
                "what follows the answer decides nothing");
  const Outcome less = run(proxy, target, in.first(whole.taken - 1), fuzz::Split::whole);
  fuzz::require(!less.is_open && less.failure == 0, "an answer ends with its last octet only");
  return 0;
}
