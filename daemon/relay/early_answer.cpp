#include "daemon/relay/early_answer.h"

#include <utility>

namespace agp::relay {

void EarlyAnswer::compute(Surroundings* surroundings,
                          tls::SpareBuffers* spare,
                          const std::string& host,
                          const std::string& protocol,
                          Bytes hello,
                          usage::Micros now) {
  const auto identity = surroundings->identity(host, now);
  if (!identity) {
    return;
  }
  auto made = tls::Engine::server(*identity, protocol);
  if (!made) {
    return;
  }
  made->use_spare_buffers(spare);
  Buffer nothing;
  const auto fed = made->feed(hello, nothing);
  // A handshake needs the client's answer to ours: more than its hello cannot have been read.
  if (!fed || made->is_ready() || !nothing.empty()) {
    return;
  }
  engine_ = std::move(*made);
  protocol_ = protocol;
  read_ = hello.size();
}

std::optional<tls::Engine> EarlyAnswer::take(const std::string& protocol) {
  auto taken = std::exchange(engine_, std::nullopt);
  if (!taken || protocol_ != protocol) {
    read_ = 0;
    return std::nullopt;
  }
  return taken;
}

}  // namespace agp::relay
