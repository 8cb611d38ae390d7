#pragma once

#include "common/base/bytes.h"
#include "daemon/usage/endpoint.h"
#include "daemon/usage/record.h"
#include "daemon/usage/response_reader.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace agp::usage {

/// What is known of a call before its first response octet.
struct CallFacts {
  std::string host;
  std::string path;  // without the query
  std::string protocol;
  std::optional<std::uint32_t> local_uid;
  std::optional<std::uint32_t> owner_uid;
  std::string instance;
  Micros started_at{};
  std::string request_encoding;  // content-encoding of the request
  std::string request_model;     // of a request that is no body of its own (WebSocket)
};

/// One model call, from the bodies of one exchange to its record; the framing below it may be
/// HTTP/1.1 or HTTP/2. Buffers appear with the first body octet that needs them.
class Call {
 public:
  Call(Endpoint endpoint, CallFacts facts);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call();

  void on_request_body(Bytes body);
  void on_request_end();
  /// The first octet of the response head; of the final one, when interim ones came before.
  void on_response_begin(Micros now);
  void on_response_head(ResponseFacts facts);
  void on_response_body(Bytes body, Micros now);

  /// The terminal marker and usage have been seen: nothing that can still come is needed.
  [[nodiscard]] bool has_final_usage() const;

  /// The terminal marker has been seen, with or without usage.
  [[nodiscard]] bool has_ended() const;

  struct End {
    Micros at{};
    bool body_complete = false;  // the framing said so
    /// Who ended it when it is not complete; empty: neither of them.
    std::optional<Closer> closed_by;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
  };
  /// The record. The call is spent afterwards.
  [[nodiscard]] Record finish(const End& end);
  /// The record of what is known without the bodies: for when reading them went wrong.
  [[nodiscard]] Record abandon(const End& end);

 private:
  struct Request;
  struct Response;

  void take_request(Record* record) const;
  void note_chunks(std::uint64_t count, Micros now);

  Endpoint endpoint_;
  Record record_;
  std::string request_encoding_;
  std::unique_ptr<Request> request_;
  std::optional<ResponseFacts> response_facts_;
  std::unique_ptr<Response> response_;
};

}  // namespace agp::usage
