#include "daemon/rewrite/relay.h"

#include "daemon/rewrite/http1_relay.h"

namespace agp::rewrite {

std::unique_ptr<Relay> Relay::make(Protocol protocol, Options options, const Rules* rules) {
  switch (protocol) {
    case Protocol::http1:
    case Protocol::http2:
      return std::make_unique<Http1Relay>(std::move(options), rules);
  }
  return nullptr;
}

}  // namespace agp::rewrite
