#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// Where entries wait for their commit so that they outlive this process: a ring in a mapped file.
namespace agp::ledger {

/// An entry is copied into the mapping before put() returns, without a system call. The pages
/// belong to the kernel from then on: SIGKILL at any moment loses nothing that was put. A crash of
/// the machine loses what the kernel had not written to disk yet, some tens of seconds at most;
/// checksums tell what is whole. Not thread-safe. docs/adr/0016-spool-and-group-commit.md.
class Spool {
 public:
  struct Options {
    std::string file;
    std::uint64_t capacity = 16 * 1024 * 1024;  // of a new file; an old one keeps its own
  };

  /// Where an entry ends; rises with every put. 0 is never one.
  using Place = std::uint64_t;

  struct Left {
    Buffer octets;
    Place end = 0;
  };

  /// Makes the file (0600, its whole size on disk) or takes over what an earlier process left. A
  /// file that is no spool of this version is renamed to FILE.unreadable, not overwritten.
  /// @return Errc::locked when another process has it.
  [[nodiscard]] static Result<std::unique_ptr<Spool>> open(const Options& options);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  Spool(Spool&&) = delete;
  Spool& operator=(Spool&&) = delete;

  /// What an earlier process put and never released, oldest first; handed out once. It stays in
  /// the file until it is released.
  [[nodiscard]] std::vector<Left> take_left() { return std::exchange(left_, {}); }

  /// @return where the entry ends; nothing when there is no room or the file cannot be written.
  [[nodiscard]] std::optional<Place> put(Bytes entry);

  /// The `count` oldest entries, up to `end`, are safe elsewhere.
  void release(Place end, std::uint64_t count);

  /// How many entries were given up. Kept in the file, over all processes.
  void count_lost(std::uint64_t count);
  [[nodiscard]] std::uint64_t lost() const { return marks_.lost; }

  /// How many entries this process holds without protection now: should it die, the next one
  /// counts them as lost.
  void set_unprotected(std::uint64_t count);

  /// Entries that open() had to count as lost: damaged ones and unprotected ones.
  [[nodiscard]] std::uint64_t lost_before() const { return lost_before_; }

  /// False after a write to the file failed; it takes nothing any more.
  [[nodiscard]] bool is_working() const { return !is_broken_; }
  /// The file at that path is another one, or none.
  [[nodiscard]] bool has_moved() const;

 private:
  // Positions only ever rise; an entry lies at its position modulo the capacity and never wraps.
  struct Marks {
    std::uint64_t head = 0;         // position of the oldest entry that was not released
    std::uint64_t tail = 0;         // position behind the newest
    std::uint64_t head_number = 0;  // entries released so far
    std::uint64_t tail_number = 0;  // entries put so far
    std::uint64_t lost = 0;
    std::uint64_t unprotected = 0;
  };
  struct Header;
  struct EntryHead;
  struct Change;
  struct Ring;

  Spool(std::string file, UniqueFd fd, std::uint8_t* mapping, const Header& header);
  [[nodiscard]] static Result<bool> is_readable(int fd, Header& header);
  [[nodiscard]] Result<> recover();
  [[nodiscard]] bool apply(Change& change);
  [[nodiscard]] std::uint8_t* at(std::uint64_t position) const;

  std::string file_;
  UniqueFd fd_;
  std::uint8_t* mapping_;  // only ever written: a page that cannot be read again would be a fault
  std::uint64_t capacity_;
  Marks marks_;
  std::vector<Left> left_;
  std::uint64_t lost_before_ = 0;
  bool is_broken_ = false;
};

}  // namespace agp::ledger
