#pragma once

#include "common/base/bytes.h"
#include "daemon/rewrite/fault.h"
#include "daemon/rewrite/fields.h"

#include <cstdint>
#include <optional>
#include <string>

/// Strict HTTP/1.1 messages: what two parsers could read in two ways is a fault.
/// Source: RFC 9112; stricter where it lets a recipient repair.
namespace agp::rewrite {

struct Head {
  std::string method;  // request
  std::string target;  // request, as sent
  unsigned minor = 1;  // HTTP/1.minor
  unsigned status = 0;
  std::string reason;
  Fields fields;
};

/// Reads the lines of one head, or of one trailer section, up to and with the empty line.
class HeadReader {
 public:
  enum class Kind { request, response, trailer };
  explicit HeadReader(Kind kind) : kind_(kind), in_start_line_(kind != Kind::trailer) {}

  /// @return octets taken; fewer than given only at the end of the head or after a fault.
  [[nodiscard]] std::size_t feed(Bytes in);
  [[nodiscard]] bool is_done() const { return done_; }
  /// No octet has come yet.
  [[nodiscard]] bool is_untouched() const { return !touched_; }
  [[nodiscard]] const std::optional<Fault>& fault() const { return fault_; }
  [[nodiscard]] Head take() { return std::move(head_); }

 private:
  void line(std::string_view text);
  void start_line(std::string_view text);
  void status_line(std::string_view text);
  void field_line(std::string_view text);
  void check_size(std::size_t length);
  void fail(unsigned status, std::string_view code, std::string_view message);

  Kind kind_;
  bool in_start_line_;
  bool touched_ = false;
  bool done_ = false;
  std::string line_;  // without its end, which has not come yet
  std::size_t field_bytes_ = 0;
  Head head_;
  std::optional<Fault> fault_;
};

enum class Framing { none, length, chunked, until_close };

struct BodyShape {
  Framing framing = Framing::none;
  std::uint64_t length = 0;
  std::optional<Fault> fault;
};

[[nodiscard]] BodyShape request_body_shape(const Head& head);
/// @param answers_head  the request was HEAD.
[[nodiscard]] BodyShape response_body_shape(const Head& head, bool answers_head);

/// Takes a body apart.
class BodyReader {
 public:
  BodyReader() = default;
  /// @param fault_status  400 for a request, 502 for a response.
  BodyReader(const BodyShape& shape, unsigned fault_status);

  struct Step {
    std::size_t used = 0;
    Bytes data;  // part of what was given
  };
  /// One step; call again with the rest until it is used up, is_done or there is a fault.
  [[nodiscard]] Step next(Bytes in);
  [[nodiscard]] bool is_done() const { return state_ == State::done; }
  [[nodiscard]] bool ends_with_connection() const { return state_ == State::until_close; }
  [[nodiscard]] const std::optional<Fault>& fault() const { return fault_; }
  [[nodiscard]] const Fields& trailers() const { return trailers_; }

 private:
  // length ─────────────────────────────────────────────> done
  // chunk_size ─> chunk_data ─> chunk_cr ─> chunk_lf ─> chunk_size … ─> trailers ─> done
  // until_close (never done: the connection's end ends it)
  enum class State {
    length,
    chunk_size,
    chunk_data,
    chunk_cr,
    chunk_lf,
    trailers,
    until_close,
    done,
  };
  [[nodiscard]] std::size_t read_size_line(Bytes in);
  void size_line(std::string_view text);
  [[nodiscard]] std::size_t read_trailers(Bytes in);
  void fail(std::string_view code, std::string_view message);

  State state_ = State::done;
  unsigned fault_status_ = 400;
  std::uint64_t left_ = 0;
  std::string line_;
  HeadReader trailer_reader_{HeadReader::Kind::trailer};
  Fields trailers_;
  std::optional<Fault> fault_;
};

/// Puts a body together again in the framing that the head announced.
void append_body(Buffer& to, Framing framing, Bytes data);
void append_body_end(Buffer& to, Framing framing, const Fields& trailers);
void append_fields(Buffer& to, const Fields& fields);

}  // namespace agp::rewrite
