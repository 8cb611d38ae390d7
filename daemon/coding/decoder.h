#pragma once

#include "common/base/bytes.h"
#include "daemon/coding/limits.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

/// Content codings of HTTP bodies, decoded piece by piece.
namespace agp::coding {

/// Takes decoded octets, borrowed for the call.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void on_decoded(Bytes bytes) = 0;
};

enum class Status {
  good,       // all of it decoded so far
  truncated,  // only from finish(): the coded stream ended early; what came out is right
  unknown,    // a coding that is not built in: nothing comes out
  broken,     // not what the header said, or corrupt: what came out before is right
  too_large,  // the ratio, total or memory budget was passed: what came out before is right
};

struct Budget {
  std::uint64_t max_decoded = kMaxDecodedBytes;
  std::uint64_t max_ratio = kMaxRatio;
  std::uint64_t ratio_grace = kRatioGrace;
  std::size_t max_memory = kMaxMemoryBytes;
};

/// Decodes one body: identity, gzip (also of several members), deflate (with and without the zlib
/// wrapper), br, zstd (also of several frames), or a chain of them. Whatever is decodable after a
/// feed has been handed on. Each coding of a chain has the budget for its own output; the memory is
/// for all of them. What follows a complete coded stream is ignored.
class Decoder {
 public:
  /// @param content_encoding  the header's value, in the order of coding: `gzip, br` is undone from
  ///                          the right. Empty or identity only: nothing to undo, unless the body
  ///                          starts with the magic number of gzip or zstd.
  explicit Decoder(std::string_view content_encoding, Budget budget = {});
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder();

  /// The next coded octets, in order; any split is equivalent. Once the status is not `good`,
  /// nothing more comes out.
  void feed(Bytes in, Sink* out);

  /// The body ended. @return the final status.
  [[nodiscard]] Status finish();

  [[nodiscard]] Status status() const { return status_; }

 private:
  struct Chain;
  class Tap;

  [[nodiscard]] bool add_stage(std::string_view coding);
  void sniff(Bytes* in, Sink* out);
  void run(Bytes in, Sink* out);

  std::unique_ptr<Chain> chain_;  // null: nothing to undo
  Budget budget_;
  std::uint64_t coded_ = 0;
  Buffer held_;  // first octets, until the magic number is known
  bool sniffing_ = false;
  Status status_ = Status::good;
};

}  // namespace agp::coding
