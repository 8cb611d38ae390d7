#include "daemon/relay/upstream_leg.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace agp::relay {

Result<> UpstreamLeg::open(const std::string& host,
                           const std::vector<std::string>& offers,
                           usage::Micros now) {
  auto begun = begin(host, offers, now);
  if (!begun) {
    drop_session();
  }
  return begun;
}

Result<> UpstreamLeg::begin(const std::string& host,
                            const std::vector<std::string>& offers,
                            usage::Micros now) {
  session_key_ = tls::SessionCache::key(host, offers);
  if (const auto* last = scratch_->choices.find(session_key_)) {
    likely_protocol_ = *last;
  } else if (!offers.empty()) {
    likely_protocol_ = offers.front();
  }
  std::optional<tls::UpstreamSession> session;
  if (auto* sessions = surroundings_->upstream_sessions()) {
    session = sessions->take(session_key_, now);
  }
  auto made = tls::Engine::client(surroundings_->upstream_context(), host, offers,
                                  session ? session->handle.get() : nullptr);
  if (!made) {
    return made.error();
  }
  engine_ = std::move(*made);
  engine_->use_spare_buffers(&scratch_->spare);
  if (session) {
    verified_until_ =
        std::chrono::time_point_cast<usage::Micros::duration>(session->verified_until);
  }
  return engine_->handshake();
}

Result<bool> UpstreamLeg::on_handshake(Bytes in, Buffer& early, usage::Micros now) {
  auto done = step(in, early, now);
  if (!done) {
    drop_session();
  }
  return done;
}

Result<bool> UpstreamLeg::step(Bytes in, Buffer& early, usage::Micros now) {
  if (auto fed = engine_->feed(in, early); !fed) {
    return fed.error();
  }
  if (!engine_->is_ready()) {
    return false;
  }
  if (auto* own = surroundings_->own_issuer(); own != nullptr && engine_->is_signed_by(own)) {
    return Error{make_error_code(tls::EngineErrc::certificate_refused),
                 "it was signed by this machine's own interception issuer: another interceptor, "
                 "or ourselves, stands where upstream should"};
  }
  // A resumption proves no more than the verification that its session stems from.
  if (!engine_->was_resumed()) {
    const auto kept = now + tls::SessionCache::kVerifiedFor;
    const auto chain = engine_->verified_until();
    verified_until_ =
        chain ? std::min(kept, std::chrono::time_point_cast<usage::Micros::duration>(*chain)) : now;
  }
  keep_session(now);
  scratch_->choices.put(session_key_, engine_->alpn());
  return true;
}

void UpstreamLeg::keep_session(usage::Micros now) {
  auto session = engine_->take_session();
  auto* sessions = surroundings_->upstream_sessions();
  if (session && sessions != nullptr) {
    sessions->put(session_key_, {std::move(session), verified_until_}, now);
  }
}

// The next connection starts with a full handshake.
void UpstreamLeg::drop_session() {
  if (auto* sessions = surroundings_->upstream_sessions()) {
    sessions->drop(session_key_);
  }
}

std::optional<std::uint8_t> UpstreamLeg::peer_alert() const {
  return engine_ ? engine_->peer_alert() : std::nullopt;
}

}  // namespace agp::relay
