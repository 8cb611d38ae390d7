#pragma once

#include "common/base/bytes.h"
#include "daemon/relay/observer.h"
#include "daemon/usage/call.h"
#include "daemon/usage/endpoint.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

/// What the readers of an observer share.
namespace agp::relay {

[[nodiscard]] inline usage::Closer closer(Side side) {
  return side == Side::client ? usage::Closer::client : usage::Closer::upstream;
}

/// The calls and records of one connection. Calls live here and not in the readers, so that a
/// reader that breaks down costs none of them.
class Books {
 public:
  explicit Books(ConnectionFacts connection) : facts(std::move(connection)) {}

  /// A call that begins with a request. @param started_at  its first octet.
  [[nodiscard]] usage::Call* open(usage::Endpoint endpoint, usage::CallFacts call);

  /// Facts of a call on this connection: host, path, protocol, who.
  [[nodiscard]] usage::CallFacts call_facts(std::string_view host_field,
                                            std::string_view target) const;
  /// SNI, or what the request named when the client sent none.
  [[nodiscard]] std::string host_of(std::string_view host_field) const;

  /// Makes the record of a call; the call is gone afterwards. When it is not complete and `end`
  /// does not say who ended it, the side did that ended the connection.
  void close(usage::Call* call, const usage::Call::End& end);
  /// The same without a record.
  void discard(usage::Call* call);
  /// Every open call becomes a record of what is known without asking its reader.
  void abandon_all();

  [[nodiscard]] std::optional<usage::Record> next_record();
  [[nodiscard]] std::size_t open_calls() const { return open_.size(); }

  ConnectionFacts facts;
  usage::Micros now{};
  Side speaking = Side::client;     // whose octets are being read
  std::optional<Side> ended_first;  // of the connection; neither when we ended it

 private:
  std::unordered_map<usage::Call*, std::unique_ptr<usage::Call>> open_;
  std::vector<usage::Record> records_;  // oldest first
  std::size_t taken_ = 0;               // records at the front that have been handed out
};

/// Finds a response field by its lower-case name; empty when absent.
using FieldOf = std::function<std::string_view(std::string_view)>;
[[nodiscard]] usage::ResponseFacts response_facts(std::uint16_t status, const FieldOf& field);

/// Reads one application protocol of a connection. Same contract as Observer, without the guard:
/// it may throw, and is then thrown away.
class ProtocolReader {
 public:
  virtual ~ProtocolReader() = default;
  virtual void on_bytes(Side from, Bytes plaintext) = 0;
  virtual void on_end(Side from, End how) = 0;
  [[nodiscard]] virtual bool is_unparsed() const = 0;
  [[nodiscard]] virtual bool is_idle() const = 0;
  [[nodiscard]] virtual bool has_begun() const = 0;
};

[[nodiscard]] std::unique_ptr<ProtocolReader> make_http1_reader(Books* books);
[[nodiscard]] std::unique_ptr<ProtocolReader> make_http2_reader(Books* books);

}  // namespace agp::relay
