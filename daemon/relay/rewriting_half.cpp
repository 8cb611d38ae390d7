#include "daemon/relay/rewriting_half.h"

#include <chrono>
#include <utility>

namespace agp::relay {
namespace {

rewrite::Peer peer(Side side) {
  return side == Side::client ? rewrite::Peer::client : rewrite::Peer::upstream;
}

Report::Kind report_kind(rewrite::Event::Kind kind) {
  switch (kind) {
    case rewrite::Event::Kind::blocked:
      return Report::Kind::request_blocked;
    case rewrite::Event::Kind::refused:
      return Report::Kind::request_refused;
    case rewrite::Event::Kind::bad_reply:
      return Report::Kind::reply_refused;
    case rewrite::Event::Kind::rewritten:
      return Report::Kind::request_rewritten;
  }
  return Report::Kind::request_refused;
}

}  // namespace

bool RewritingHalf::start(Surroundings* surroundings,
                          rewrite::Protocol protocol,
                          rewrite::Options options) {
  parts_ = surroundings->rewriting(protocol, std::move(options));
  return is_on();
}

void RewritingHalf::on_bytes(Side from, Bytes plaintext, usage::Micros now) {
  parts_.relay->on_time(std::chrono::steady_clock::time_point(now.time_since_epoch()));
  parts_.relay->on_bytes(peer(from), plaintext);
}

void RewritingHalf::on_end(Side from, bool is_whole) {
  is_cut_off_ = from == Side::upstream && !is_whole && !parts_.relay->is_idle();
  parts_.relay->on_end(peer(from));
}

Buffer RewritingHalf::take_output(Side to, bool is_observed) {
  Buffer made = parts_.relay->take_output(peer(to));
  if (to == Side::upstream && is_observed) {
    append(sent_upstream_, made);
  }
  return made;
}

bool RewritingHalf::wants_close(Side side) const {
  return parts_.relay->wants_close(peer(side));
}

bool RewritingHalf::wants_read(Side from) const {
  return parts_.relay->wants_read(peer(from));
}

Buffer RewritingHalf::take_sent_upstream() {
  return std::exchange(sent_upstream_, {});
}

std::vector<Report> RewritingHalf::take_reports(const std::string& host) {
  std::vector<Report> reports;
  for (auto& event : parts_.relay->take_events()) {
    std::string detail = event.method;
    for (const auto* part : {&event.path, &event.reason}) {
      detail += detail.empty() || part->empty() ? "" : " ";
      detail += *part;
    }
    Report made{report_kind(event.kind), host, std::move(detail), Hello::Why::named};
    made.rule = std::move(event.where);
    reports.push_back(std::move(made));
  }
  return reports;
}

}  // namespace agp::relay
