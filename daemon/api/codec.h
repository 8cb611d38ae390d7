#pragma once

#include "common/base/bytes.h"
#include "daemon/api/http.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// HTTP/1.1 as bytes in and messages out, without sockets.
namespace agp::api {

/// Reads the requests of one connection, one after another.
class RequestReader {
 public:
  enum class Progress {
    needs_more,  // feed further octets
    head,        // head() is there, and a body follows: continue with read_body() or give up
    complete,    // the whole request is there
    failed,      // failure() says how; the connection is at its end
  };

  RequestReader(std::size_t head_limit, std::size_t body_limit);
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;
  RequestReader(RequestReader&&) = delete;
  RequestReader& operator=(RequestReader&&) = delete;
  ~RequestReader();

  /// Octets as they came, any split is equivalent; what belongs to a later request is kept.
  void feed(Bytes octets);

  /// As far as what was fed allows. Stops at `head` until read_body() is called.
  [[nodiscard]] Progress advance();
  void read_body();

  /// Octets are waiting that no request has used yet.
  [[nodiscard]] bool has_leftover() const;

  [[nodiscard]] const Request& head() const;
  [[nodiscard]] const std::string& target() const;
  [[nodiscard]] bool wants_keep_alive() const;
  /// The client knows chunks: HTTP/1.1, not 1.0.
  [[nodiscard]] bool knows_chunks() const;
  [[nodiscard]] bool expects_continue() const;
  [[nodiscard]] std::string take_body();
  [[nodiscard]] const ApiError& failure() const;

  /// Ready for the next request on the same connection.
  void next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A response as octets, with the headers that every answer carries.
/// @param head_only  the answer to HEAD: the same without its body.
[[nodiscard]] std::string to_octets(const Response& response,
                                    bool keep_alive,
                                    bool head_only = false);

/// The head of a response whose body comes later, in chunks or until the connection closes.
[[nodiscard]] std::string to_open_head(const Response& response, bool keep_alive, bool chunked);
/// A part of a body; nothing for an empty one, since an empty chunk would end the body.
[[nodiscard]] std::string to_chunk(std::string_view part);
inline constexpr const char* kLastChunk = "0\r\n\r\n";

}  // namespace agp::api
