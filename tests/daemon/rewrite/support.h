#pragma once

#include "common/base/bytes.h"
#include "daemon/rewrite/http1_message.h"
#include "daemon/rewrite/relay.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <memory>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

namespace agp::rewrite {

// For the texts of failures.
inline void PrintTo(const Field& field, std::ostream* out) {
  *out << field.name << ": " << field.value;
}
inline void PrintTo(const Event& event, std::ostream* out) {
  *out << static_cast<int>(event.kind) << ' ' << event.method << ' ' << event.path << ' '
       << event.reason << ' ' << event.where;
}

/// Rules as data.
class FakeRules final : public Rules {
 public:
  Verdict check(std::string_view method, std::string_view target) const override {
    checked.push_back(std::string(method) + ' ' + std::string(target));
    if (std::find(blocked_methods.begin(), blocked_methods.end(), method) !=
        blocked_methods.end()) {
      return {false, "Not so.", "policy.yaml:8"};
    }
    for (const std::string& each : blocked) {
      if (target.starts_with(each)) {
        return {false, "Not here.", "policy.yaml:7"};
      }
    }
    return {};
  }
  std::span<const FieldEdit> request_edits() const override { return request; }
  std::span<const FieldEdit> response_edits() const override { return response; }
  std::span<const std::string> accept_encodings() const override { return codings; }
  const BodyEdits* body_edits() const override { return body.empty() ? nullptr : &body; }

  std::vector<std::string> blocked;
  std::vector<std::string> blocked_methods;
  std::vector<FieldEdit> request;
  std::vector<FieldEdit> response;
  std::vector<std::string> codings;
  BodyEdits body;
  mutable std::vector<std::string> checked;
};

/// A relay and all that came out of it.
class Wire {
 public:
  explicit Wire(const Rules* rules,
                Options options = {"api.example.com"},
                Protocol protocol = Protocol::http1)
      : relay(Relay::make(protocol, std::move(options), rules)) {}

  void client(std::string_view text) { send(Peer::client, text); }
  void upstream(std::string_view text) { send(Peer::upstream, text); }
  void send(Peer from, std::string_view text) {
    relay->on_bytes(from, as_bytes(text));
    collect();
  }
  void end(Peer from) {
    relay->on_end(from);
    collect();
  }
  void collect() {
    for (bool more = true; more;) {
      more = false;
      for (const Peer to : {Peer::client, Peer::upstream}) {
        const Buffer out = relay->take_output(to);
        (to == Peer::client ? to_client : to_upstream) += as_text(out);
        more = more || !out.empty();
      }
    }
    for (Event& event : relay->take_events()) {
      events.push_back(std::move(event));
    }
  }
  [[nodiscard]] bool is_closed() const {
    return relay->wants_close(Peer::client) && relay->wants_close(Peer::upstream);
  }

  std::unique_ptr<Relay> relay;
  std::string to_client;
  std::string to_upstream;
  std::vector<Event> events;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The messages in `octets`, each body in one piece, so that the places of chunk ends do not count.
/// "!" and the code of a fault where it cannot be read; "~" before an unfinished message.
inline std::string in_one_piece(std::string_view octets, HeadReader::Kind kind) {
  std::string result;
  Bytes left = as_bytes(octets);
  while (!left.empty()) {
    HeadReader reader(kind);
    left = left.subspan(reader.feed(left));
    if (reader.fault()) {
      return result + "!" + std::string(reader.fault()->code);
    }
    if (!reader.is_done()) {
      return result + "~head";
    }
    const Head head = reader.take();
    const bool is_request = kind == HeadReader::Kind::request;
    const BodyShape shape =
        is_request ? request_body_shape(head) : response_body_shape(head, false);
    if (shape.fault) {
      return result + "!" + std::string(shape.fault->code);
    }
    result += is_request ? head.method + ' ' + head.target + ' ' + std::to_string(head.minor)
                         : std::to_string(head.status) + ' ' + head.reason;
    result += '\n';
    for (const Field& field : head.fields) {
      result += field.name + '=' + field.value + '\n';
    }
    BodyReader body(shape, 400);
    std::string content;
    while (!body.is_done() && !left.empty()) {
      const BodyReader::Step step = body.next(left);
      content += as_text(step.data);
      left = left.subspan(step.used);
      if (body.fault()) {
        return result + "!" + std::string(body.fault()->code);
      }
    }
    result += (body.is_done() ? "<" : "~<") + content + ">\n";
    for (const Field& field : body.trailers()) {
      result += "trailer " + field.name + '=' + field.value + '\n';
    }
  }
  return result;
}

}  // namespace agp::rewrite
