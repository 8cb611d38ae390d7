#pragma once

#include "common/base/bytes.h"
#include "daemon/relay/surroundings.h"
#include "daemon/tls/engine.h"
#include "daemon/tls/scratch.h"

#include <cstddef>
#include <optional>
#include <string>

namespace agp::relay {

/// Our answer to a client's hello, computed while upstream is still busy with its own handshake and
/// kept here: not an octet of it leaves before upstream has been verified. It is made for the
/// protocol that upstream is likely to choose, and thrown away when it chooses another one.
class EarlyAnswer {
 public:
  /// @param hello  what the client has said so far; borrowed for the call.
  /// What fails here fails again, and is reported, when it is needed.
  void compute(Surroundings* surroundings,
               tls::SpareBuffers* spare,
               const std::string& host,
               const std::string& protocol,
               Bytes hello,
               usage::Micros now);

  /// The engine whose output is the answer; empty when there is none for that protocol.
  [[nodiscard]] std::optional<tls::Engine> take(const std::string& protocol);

  /// How much of what the client said that engine has read.
  [[nodiscard]] std::size_t read() const { return read_; }

 private:
  std::optional<tls::Engine> engine_;
  std::string protocol_;
  std::size_t read_ = 0;
};

}  // namespace agp::relay
