#pragma once

#include "common/base/bytes.h"
#include "daemon/coding/limits.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

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
  too_large,  // the ratio or the total budget was passed: what came out before is right
};

struct Budget {
  std::uint64_t max_decoded = kMaxDecodedBytes;
  std::uint64_t max_ratio = kMaxRatio;
  std::uint64_t ratio_grace = kRatioGrace;
};

/// One coding of the chain. A new coding is a new subclass and a line in `make_stage`.
class Stage;

/// Decodes one body: identity, gzip (also of several members), deflate (with and without the zlib
/// wrapper), or a chain of them. Whatever is decodable after a feed has been handed on.
class Decoder {
 public:
  /// @param content_encoding  the header's value; empty: identity, unless the body starts with the
  ///                          magic number of gzip or zstd.
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
  [[nodiscard]] Status finish(Sink* out);

  [[nodiscard]] Status status() const { return status_; }

 private:
  [[nodiscard]] bool add_stage(std::string_view coding);
  void sniff(Bytes* in, Sink* out);
  void run(Bytes in, Sink* out);

  std::vector<std::unique_ptr<Stage>> stages_;  // in the order of decoding
  Budget budget_;
  std::uint64_t coded_ = 0;
  std::uint64_t decoded_ = 0;
  Buffer held_;  // first octets, until the magic number is known
  bool sniffing_ = false;
  Status status_ = Status::good;
};

}  // namespace agp::coding
