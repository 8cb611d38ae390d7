#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "daemon/relay/surroundings.h"
#include "daemon/tls/engine.h"
#include "daemon/tls/scratch.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace agp::relay {

/// TLS to upstream: dialled with the client's own offers, resumed where that is allowed, and
/// verified before anything else happens.
class UpstreamLeg {
 public:
  /// @param surroundings, scratch  outlive the leg.
  UpstreamLeg(Surroundings* surroundings, tls::Scratch* scratch)
      : surroundings_(surroundings), scratch_(scratch) {}

  /// Begins the handshake; what is to be sent is in the engine's output.
  [[nodiscard]] Result<> open(const std::string& host,
                              const std::vector<std::string>& offers,
                              usage::Micros now);

  /// @param early  decrypted octets that upstream sends right after its handshake are appended.
  /// @return whether upstream is verified. After an error there is nothing more to be done with it.
  [[nodiscard]] Result<bool> on_handshake(Bytes in, Buffer& early, usage::Micros now);

  /// TLS 1.3 offers sessions at any time: to be called whenever something has been read.
  void keep_session(usage::Micros now);

  /// Before it is verified: what upstream will choose of the offers if it does what it did last.
  [[nodiscard]] const std::string& likely_protocol() const { return likely_protocol_; }

  /// The alert that upstream sent, if it did.
  [[nodiscard]] std::optional<std::uint8_t> peer_alert() const;

  [[nodiscard]] std::optional<tls::Engine>& engine() { return engine_; }
  [[nodiscard]] const std::optional<tls::Engine>& engine() const { return engine_; }

 private:
  [[nodiscard]] Result<> begin(const std::string& host,
                               const std::vector<std::string>& offers,
                               usage::Micros now);
  [[nodiscard]] Result<bool> step(Bytes in, Buffer& early, usage::Micros now);
  void drop_session();

  Surroundings* surroundings_;
  tls::Scratch* scratch_;
  std::optional<tls::Engine> engine_;
  std::string session_key_;
  std::string likely_protocol_;
  usage::Micros verified_until_{};  // what the verification of our sessions is worth
};

}  // namespace agp::relay
