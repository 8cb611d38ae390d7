#pragma once

#include "daemon/relay/connection.h"
#include "tests/support/certificates.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace agp::relay {

inline constexpr const char* kHost = "daily-cloudcode-pa.googleapis.com";
inline constexpr usage::Micros kNow{std::chrono::microseconds(1'000'000)};

// Made once per name: keys are what makes these tests slow.
inline const testing::TestKeyPair& authority(const std::string& name) {
  static std::map<std::string, testing::TestKeyPair> made;
  auto& pair = made[name];
  if (!pair.key) {
    pair = testing::make_certificate({.name = name, .is_authority = true});
  }
  return pair;
}

// Forbids /blocked and marks what passes.
class FakeRules final : public rewrite::Rules {
 public:
  rewrite::Verdict check(std::string_view, std::string_view target) const override {
    return {target != "/blocked", "not here", "policy.yaml:7"};
  }
  std::span<const rewrite::FieldEdit> request_edits() const override { return edits_; }

 private:
  std::vector<rewrite::FieldEdit> edits_ = {
      {rewrite::FieldEdit::Action::set, "X-Rewritten", "yes"}};
};

class FakeSurroundings final : public Surroundings {
 public:
  Decision decide(const Hello& hello, std::string_view where, usage::Micros) override {
    asked = hello.host;
    why = hello.why;
    destination = where;
    return {.disposition = disposition, .rewrite = rewrite};
  }
  SSL_CTX* upstream_context() override { return upstream.get(); }
  Result<tls::Identity> identity(const std::string& host, usage::Micros) override {
    minted = host;
    if (leaf_fails) {
      return Error{make_error_code(boost::system::errc::io_error), "test"};
    }
    auto made = testing::server_context(testing::make_certificate({.name = host}, &our_authority));
    SSL_CTX_set1_groups_list(made.get(), leaf_groups.c_str());
    return tls::Identity{std::move(made)};
  }

  void on_client_refused(const std::string& host, usage::Micros) override {
    refused_by_client.push_back(host);
  }
  tls::SessionCache* upstream_sessions() override { return resumes ? &sessions : nullptr; }
  X509* own_issuer() override { return own; }
  MakeReader reader_maker() override { return reader; }
  Rewriting rewriting(rewrite::Protocol protocol, rewrite::Options options) override {
    Rewriting made;
    if (!rewriting_fails) {
      made.rules = std::make_unique<FakeRules>();
      made.relay = rewrite::Relay::make(protocol, std::move(options), made.rules.get());
    }
    return made;
  }

  MakeReader reader = &make_protocol_reader;
  Disposition disposition = Disposition::inspect;
  bool rewrite = false;
  bool rewriting_fails = false;
  std::optional<std::string> asked;
  std::optional<Hello::Why> why;
  std::string destination;
  std::vector<std::string> refused_by_client;
  tls::SessionCache sessions;
  bool resumes = false;
  X509* own = nullptr;
  std::string minted;
  bool leaf_fails = false;
  std::string leaf_groups = "X25519:P-256:P-384";
  testing::TestKeyPair our_authority = authority("ours");
  testing::TestKeyPair their_authority = authority("theirs");
  std::shared_ptr<SSL_CTX> upstream = testing::client_context(their_authority);
};

// A client and a server around one connection, all without sockets.
struct Bench {
  FakeSurroundings surroundings;
  tls::Scratch scratch;
  Connection connection;
  std::shared_ptr<SSL_CTX> client_side = testing::client_context(surroundings.our_authority);
  std::shared_ptr<SSL_CTX> server_side;
  std::optional<tls::Engine> client;
  std::optional<tls::Engine> server;
  Buffer client_got;
  Buffer server_got;
  Buffer to_client_raw;  // what the connection sent to the client before any engine looked at it
  std::vector<Command> commands;
  std::vector<usage::Record> records;
  Result<> client_result;
  std::size_t step = 1 << 20;
  bool answers_open = true;
  bool prepares = false;  // the answer to the client, as the driver does
  usage::Micros now = kNow;

  // Upstream chooses "http/1.1" unless told otherwise; "" answers without ALPN.
  explicit Bench(std::vector<std::string> offers = {"h2", "http/1.1"},
                 const testing::CertificateSpec& leaf = {.name = kHost},
                 const std::string& choice = "http/1.1",
                 Entry entry = {})
      : connection(ConnectionFacts{}, &surroundings, &scratch, std::move(entry)) {
    server_side =
        testing::server_context(testing::make_certificate(leaf, &surroundings.their_authority));
    client = std::move(*tls::Engine::client(client_side.get(), kHost, offers));
    server =
        std::move(*tls::Engine::server(server_side.get(), offers.empty() ? std::string() : choice));
  }

  void give(Side from, Bytes wire) {
    for (std::size_t at = 0; at < wire.size(); at += step) {
      connection.on_bytes(from, wire.subspan(at, std::min(step, wire.size() - at)), now);
      collect();
      connection.observe(now);
      collect();
    }
  }

  void collect() {
    while (auto command = connection.next_command()) {
      if (std::holds_alternative<OpenUpstream>(*command) && answers_open) {
        commands.push_back(*command);
        connection.on_upstream_open({}, now);
        if (prepares) {
          connection.prepare_answer(now);
        }
        continue;
      }
      commands.push_back(*command);
    }
    while (auto record = connection.next_record()) {
      records.push_back(*record);
    }
  }

  // Carries octets until nobody has any left.
  void run() {
    if (!client->is_ready() && client_result) {
      client_result = client->handshake();
    }
    for (bool moved = true; moved;) {
      moved = false;
      if (Buffer up = client->take_output(); !up.empty()) {
        moved = true;
        give(Side::client, up);
      }
      if (Buffer up = connection.take_output(Side::upstream); !up.empty()) {
        moved = true;
        (void)server->feed(up, server_got);
      }
      if (Buffer down = server->take_output(); !down.empty()) {
        moved = true;
        give(Side::upstream, down);
      }
      if (Buffer down = connection.take_output(Side::client); !down.empty() && client_result) {
        moved = true;
        append(to_client_raw, down);
        client_result = client->feed(down, client_got);
      }
    }
    collect();
  }

  bool has(Report::Kind kind) const {
    for (const auto& command : commands) {
      if (const auto* report = std::get_if<Report>(&command); report && report->kind == kind) {
        return true;
      }
    }
    return false;
  }
  template <class T>
  bool has() const {
    for (const auto& command : commands) {
      if (std::holds_alternative<T>(command)) {
        return true;
      }
    }
    return false;
  }
};

inline constexpr const char* kRequest =
    "POST /v1internal:streamGenerateContent?alt=sse HTTP/1.1\r\nHost: "
    "daily-cloudcode-pa.googleapis.com\r\nContent-Length: 2\r\n\r\n{}";
inline const std::string kBody =
    "data: {\"response\":{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]},"
    "\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":7,"
    "\"candidatesTokenCount\":3,\"totalTokenCount\":10},\"modelVersion\":\"gemini-3-flash\"}}\n\n";
inline const std::string kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: " +
    std::to_string(kBody.size()) + "\r\n\r\n" + kBody;

}  // namespace agp::relay
