#pragma once

#include "common/base/bytes.h"
#include "daemon/usage/record.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace agp::relay {

enum class Side { client, upstream };

/// How one direction of the plaintext ended.
enum class End {
  clean,   // close_notify and then end of stream
  abrupt,  // reset, or end of stream without close_notify
  ours,    // that side had not ended: a timeout, a failure or a shutdown of ours did it
};

/// What is known of a connection when its TLS is up. Values only, copied once.
struct ConnectionFacts {
  std::string host;      // SNI, lower case
  std::string protocol;  // ALPN in use: "h2", "http/1.1", another; "" when none was negotiated
  std::optional<std::uint32_t> local_uid;
  std::optional<std::uint32_t> owner_uid;  // on whose behalf; empty: not known
  std::string instance;
};

class Books;
class ProtocolReader;

/// Makes the reader of an ALPN protocol; null when there is none.
using MakeReader = std::unique_ptr<ProtocolReader> (*)(std::string_view protocol, Books* books);
[[nodiscard]] std::unique_ptr<ProtocolReader> make_protocol_reader(std::string_view protocol,
                                                                   Books* books);

/// Reads a copy of one connection's plaintext and yields usage records. Passive: it cannot delay,
/// change or end the stream, and never throws. Whatever goes wrong inside costs the record its
/// detail, no more.
/// Several exchanges (keep-alive, pipelined, HTTP/2 streams) may pass through one observer.
///
/// The protocol is the one of ConnectionFacts. When none was negotiated, the client's first octets
/// decide: the HTTP/2 preface, an HTTP/1 request, or anything else, which is left unparsed.
class Observer {
 public:
  explicit Observer(ConnectionFacts facts);
  /// With other readers than ours.
  Observer(ConnectionFacts facts, MakeReader make_reader);
  Observer(Observer&&) noexcept;
  Observer& operator=(Observer&&) noexcept;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  ~Observer();

  /// Octets that `from` sent, after TLS, in order; any split is equivalent. Borrowed for the call.
  void on_bytes(Side from, Bytes plaintext, usage::Micros now);

  /// `from` will send no more. A record still open is finished with what was seen.
  void on_end(Side from, End how, usage::Micros now);

  /// Records that became final, oldest first. A call is counted as soon as its usage is final
  /// (terminal marker and end of body, or the end of the connection), and never twice.
  [[nodiscard]] std::optional<usage::Record> next_record();

  /// Model calls that have begun and are no record yet.
  [[nodiscard]] std::size_t open_calls() const;

  /// Bytes went by that no reader understands (not HTTP, or past a limit), or a reader broke down.
  [[nodiscard]] bool is_unparsed() const;

  /// No exchange is open: closing the connection now loses nothing. Never true when unparsed.
  [[nodiscard]] bool is_idle() const;

  /// There was a request, or the beginning of one.
  [[nodiscard]] bool has_begun() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agp::relay
