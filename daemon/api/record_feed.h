#pragma once

#include "common/base/result.h"
#include "daemon/ledger/ledger.h"

#include <cstddef>
#include <cstdint>
#include <string>

/// Server-sent events of `/v1/usage/stream`.
namespace agp::api {

/// What one reader gets: every record after a place in the order of commits, once, however far
/// behind it is. The ledger is the queue, so a slow reader costs no memory.
class RecordFeed {
 public:
  static constexpr std::size_t kPage = 100;

  /// @param after  the sequence of the last record that the reader has.
  RecordFeed(ledger::Filter filter, std::uint64_t after, std::size_t page = kPage);

  /// The next events, at most a page of them; empty when there are none. Reads the disk.
  /// @param head  a sequence that was known to be committed before this call.
  [[nodiscard]] Result<std::string> next(ledger::Ledger& ledger, std::uint64_t head);

  /// There may be something to read, when `head` is committed.
  [[nodiscard]] bool wants_more(std::uint64_t head) const;

  /// Begins again with the first record: the ledger is another one.
  void restart();

  /// The place reached: everything up to here was given or does not match.
  [[nodiscard]] std::uint64_t after() const { return after_; }

 private:
  ledger::PageQuery query_;
  std::uint64_t after_;
  bool is_behind_ = true;  // nobody has looked yet, or the last page was not the last one
};

/// The newest place in the order of commits; 0 for a new ledger. Reads the disk.
[[nodiscard]] Result<std::uint64_t> newest_sequence(ledger::Ledger& ledger);

/// Tells a reader that its place is beyond the newest one, so that it was given by another ledger,
/// and that everything in this one follows. Also sets the id with which it comes back.
[[nodiscard]] std::string reset_event(std::uint64_t after, std::uint64_t newest);

/// The first words of a stream: how long to wait before connecting again.
[[nodiscard]] std::string stream_opening();
/// A comment that shows that the stream is alive.
[[nodiscard]] std::string keep_alive_comment();

enum class EndReason {
  slow_reader,  // it took too long to take what it was sent
  stopping,     // the service stops
  ledger,       // the ledger cannot be read
};
/// The last event of a stream that the server ends; it names where to go on.
[[nodiscard]] std::string end_event(EndReason reason, std::uint64_t after);

}  // namespace agp::api
