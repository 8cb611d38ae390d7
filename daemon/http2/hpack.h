#pragma once

#include "common/base/bytes.h"

#include <cstddef>
#include <memory>
#include <optional>

struct nghttp2_hd_inflater;

namespace agp::http2 {

class FieldList;

/// HPACK decoding of one direction, RFC 7541. nghttp2's inflater holds at most one name and one
/// value (64 KiB each) and the dynamic table.
class Inflater {
 public:
  Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater();

  /// The next octets of a field block; any split is equivalent.
  /// @param is_last  the block ends with them.
  /// @param into     null: the fields only go through the table.
  /// @return false when the block is no HPACK, or uses a larger table than allowed. The inflater
  ///         is dead afterwards.
  [[nodiscard]] bool feed(Bytes fragment, bool is_last, FieldList* into);

  /// SETTINGS_HEADER_TABLE_SIZE of the receiver, in force for the blocks after the current one.
  /// @return false when there is no memory for it.
  [[nodiscard]] bool set_max_table_size(std::size_t bytes);

  /// The same for a value that is not acknowledged yet: counts only if it is larger.
  [[nodiscard]] bool raise_max_table_size(std::size_t bytes);

  /// Gives all memory back; nothing can be decoded any more.
  void close() { inflater_.reset(); }

  /// Octets in the dynamic table, as RFC 7541 counts them.
  [[nodiscard]] std::size_t table_bytes() const;

 private:
  struct Delete {
    void operator()(nghttp2_hd_inflater* inflater) const;
  };

  std::unique_ptr<nghttp2_hd_inflater, Delete> inflater_;  // null: no memory
  std::size_t max_table_ = 4096;                           // RFC 9113 section 6.5.2
  bool in_block_ = false;
  std::optional<std::size_t> pending_max_;  // said in the middle of a block
};

}  // namespace agp::http2
