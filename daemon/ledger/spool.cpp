#include "daemon/ledger/spool.h"

#include "daemon/ledger/crc32c.h"
#include "daemon/ledger/fault_guard.h"
#include "daemon/ledger/ledger.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace agp::ledger {
namespace {

constexpr std::uint64_t kMagic = 0x4C4F4F5053504741;  // "AGPSPOOL"
constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kHeaderSize = 4096;
constexpr std::uint64_t kAlign = 16;
constexpr std::uint32_t kPad = 0xFFFFFFFF;  // the length of "go on at the start of the ring"

constexpr std::uint64_t aligned(std::uint64_t size) {
  return (size + kAlign - 1) / kAlign * kAlign;
}

// The order of these stores is the order in which a process that is killed has made them.
void publish(std::uint64_t& field, std::uint64_t value) {
  std::atomic_ref<std::uint64_t>(field).store(value, std::memory_order_release);
}

Error file_error(const std::string& context) {
  const int number = errno;
  const auto text = errno_error(number, context).text();
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return {Errc::full, text};
    case EROFS:
    case EACCES:
    case EPERM:
      return {Errc::read_only, text};
    default:
      return {Errc::unavailable, text};
  }
}

}  // namespace

struct Spool::Header {
  std::uint64_t magic;
  std::uint64_t version;
  std::uint64_t capacity;
  Marks marks;
};

struct Spool::EntryHead {
  std::uint32_t length;
  std::uint32_t checksum;  // of length, position and the octets
  std::uint64_t position;  // tells an entry from what an earlier lap left at the same place

  [[nodiscard]] static EntryHead of(std::uint32_t length, std::uint64_t position, Bytes octets) {
    EntryHead head{length, 0, position};
    head.checksum = head.checksum_with(octets);
    return head;
  }
  [[nodiscard]] static EntryHead pad(std::uint64_t position) { return of(kPad, position, {}); }
  [[nodiscard]] std::uint32_t checksum_with(Bytes octets) const {
    std::uint8_t own[12];
    std::memcpy(own, &length, 4);
    std::memcpy(own + 4, &position, 8);
    return crc32c(octets, crc32c(own));
  }
};

// What is written in one go: entries first, then the marks that make them count.
struct Spool::Change {
  std::uint8_t* pad_at = nullptr;
  EntryHead pad{};
  std::uint8_t* entry_at = nullptr;
  EntryHead entry{};
  Bytes octets;
  Header* header = nullptr;
  Marks marks;
};

// A copy of the file's octets behind the header, as an earlier process left them.
struct Spool::Ring {
  Bytes octets;
  Marks marks;
  std::vector<Left> left;
  bool is_damaged = false;

  [[nodiscard]] std::optional<EntryHead> whole_entry_at(std::uint64_t position) const;
  void read();
};

Spool::Spool(std::string file, UniqueFd fd, std::uint8_t* mapping, const Header& header)
    : file_(std::move(file)),
      fd_(std::move(fd)),
      mapping_(mapping),
      capacity_(header.capacity),
      marks_(header.marks) {}

Spool::~Spool() {
  (void)::munmap(mapping_, kHeaderSize + capacity_);
}

std::uint8_t* Spool::at(std::uint64_t position) const {
  return mapping_ + kHeaderSize + position % capacity_;
}

namespace {

// A new spool appears under its name only when it is complete and all its blocks are there, so a
// write to the mapping finds the disk full neither now nor later.
Result<> make_file(const std::string& file,
                   std::uint64_t capacity,
                   const void* header,
                   std::size_t header_size) {
  const std::string fresh = file + ".new";
  {
    const UniqueFd fd(
        ::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.is_open()) {
      return file_error("create " + fresh);
    }
    const int failed = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(kHeaderSize + capacity));
    if (failed != 0) {
      errno = failed;
      auto error = file_error("reserve " + std::to_string(capacity >> 20) + " MiB for " + file);
      (void)::unlink(fresh.c_str());  // nothing is in it
      return error;
    }
    if (::pwrite(fd.get(), header, header_size, 0) != static_cast<ssize_t>(header_size)) {
      auto error = file_error("write " + fresh);
      (void)::unlink(fresh.c_str());
      return error;
    }
  }
  if (::rename(fresh.c_str(), file.c_str()) != 0) {
    return file_error("rename " + fresh);
  }
  return {};
}

// Locked, and still the file of that name; an empty optional when there is none.
Result<std::optional<UniqueFd>> open_locked(const std::string& file) {
  UniqueFd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.is_open()) {
    if (errno == ENOENT) {
      return std::optional<UniqueFd>();
    }
    return file_error("open " + file);
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return Error{Errc::locked, "another process has " + file};
    }
    return file_error("lock " + file);
  }
  return std::optional<UniqueFd>(std::move(fd));
}

std::string unreadable_name(const std::string& file) {
  struct stat taken {};
  std::string name = file + ".unreadable";
  for (int number = 2; ::lstat(name.c_str(), &taken) == 0; ++number) {
    name = file + ".unreadable-" + std::to_string(number);
  }
  return name;
}

}  // namespace

// True: a spool of this version; false: something else.
Result<bool> Spool::is_readable(int fd, Header& header) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) {
    return file_error("look at the spool");
  }
  const auto n = ::pread(fd, &header, sizeof header, 0);
  if (n < 0) {
    return file_error("read the spool");
  }
  const Marks& marks = header.marks;
  return n == static_cast<ssize_t>(sizeof header) && header.magic == kMagic &&
         header.version == kVersion && header.capacity % kAlign == 0 && header.capacity > 0 &&
         static_cast<std::uint64_t>(st.st_size) == kHeaderSize + header.capacity &&
         marks.head <= marks.tail && marks.tail - marks.head <= header.capacity &&
         marks.head % kAlign == 0 && marks.tail % kAlign == 0;
}

Result<std::unique_ptr<Spool>> Spool::open(const Options& options) {
  install_fault_guard();
  // At most: put something else aside, make a new one, open it.
  for (int round = 0; round < 3; ++round) {
    auto fd = open_locked(options.file);
    if (!fd) {
      return fd.error();
    }
    if (!*fd) {
      const Header fresh{kMagic, kVersion, aligned(options.capacity), {}};
      auto made = make_file(options.file, fresh.capacity, &fresh, sizeof fresh);
      if (!made) {
        return made.error();
      }
      continue;
    }
    Header header{};
    auto is_ours = is_readable((*fd)->get(), header);
    if (!is_ours) {
      return is_ours.error();
    }
    if (!*is_ours) {
      const auto aside = unreadable_name(options.file);
      if (::rename(options.file.c_str(), aside.c_str()) != 0) {
        return file_error("rename " + options.file);
      }
      continue;
    }
    void* mapping = ::mmap(nullptr, kHeaderSize + header.capacity, PROT_READ | PROT_WRITE,
                           MAP_SHARED, (*fd)->get(), 0);
    if (mapping == MAP_FAILED) {
      return file_error("map " + options.file);
    }
    std::unique_ptr<Spool> spool(
        new Spool(options.file, std::move(**fd), static_cast<std::uint8_t*>(mapping), header));
    auto recovered = spool->recover();
    if (!recovered) {
      return recovered.error();
    }
    return spool;
  }
  return Error{Errc::unavailable, options.file + " is replaced again and again"};
}

std::optional<Spool::EntryHead> Spool::Ring::whole_entry_at(std::uint64_t position) const {
  const std::uint64_t offset = position % octets.size();
  const Bytes room =
      octets.subspan(offset, std::min(octets.size() - offset, marks.tail - position));
  EntryHead head{};
  std::memcpy(&head, room.data(), sizeof head);  // positions and the tail are multiples of its size
  if (head.position != position) {
    return std::nullopt;
  }
  const bool is_pad = head.length == kPad;
  if (!is_pad && head.length > room.size() - sizeof head) {
    return std::nullopt;
  }
  const Bytes content = is_pad ? Bytes() : room.subspan(sizeof head, head.length);
  return head.checksum == head.checksum_with(content) ? std::optional(head) : std::nullopt;
}

// Under SIGKILL every entry up to the tail is whole. After a crash of the machine some pages may be
// older than others.
void Spool::Ring::read() {
  for (auto position = marks.head; position < marks.tail;) {
    const auto head = whole_entry_at(position);
    if (!head) {
      is_damaged = true;
      position += kAlign;  // the next whole one, wherever it starts
    } else if (head->length == kPad) {
      position += octets.size() - position % octets.size();
    } else {
      const auto content = octets.subspan(position % octets.size() + sizeof *head, head->length);
      position += aligned(sizeof *head + head->length);
      left.push_back({Buffer(content.begin(), content.end()), position});
    }
  }
}

Result<> Spool::recover() {
  lost_before_ = marks_.unprotected;
  if (marks_.head != marks_.tail) {
    Buffer octets(capacity_);
    for (std::size_t read = 0; read < octets.size();) {
      const auto n = ::pread(fd_.get(), octets.data() + read, octets.size() - read,
                             static_cast<off_t>(kHeaderSize + read));
      if (n <= 0) {
        return file_error("read " + file_);
      }
      read += static_cast<std::size_t>(n);
    }
    Ring ring{octets, marks_, {}, false};
    ring.read();
    left_ = std::move(ring.left);
    if (ring.is_damaged) {
      const auto expected = marks_.tail_number - marks_.head_number;
      const bool is_plausible =
          expected > left_.size() && expected <= capacity_ / sizeof(EntryHead);
      lost_before_ += is_plausible ? expected - left_.size() : 1;
    }
  }
  count_lost(lost_before_);
  set_unprotected(0);
  if (left_.empty()) {
    release(marks_.tail, 0);
  }
  return {};
}

bool Spool::apply(Change& change) {
  change.header = reinterpret_cast<Header*>(mapping_);
  const auto write = [](void* argument) {
    const Change& made = *static_cast<Change*>(argument);
    if (made.pad_at != nullptr) {
      std::memcpy(made.pad_at, &made.pad, sizeof made.pad);
    }
    if (made.entry_at != nullptr) {
      std::memcpy(made.entry_at, &made.entry, sizeof made.entry);
      std::memcpy(made.entry_at + sizeof made.entry, made.octets.data(), made.octets.size());
    }
    Marks& marks = made.header->marks;
    publish(marks.lost, made.marks.lost);
    publish(marks.unprotected, made.marks.unprotected);
    publish(marks.tail_number, made.marks.tail_number);
    publish(marks.head_number, made.marks.head_number);
    publish(marks.tail, made.marks.tail);
    publish(marks.head, made.marks.head);  // never ahead of the tail
  };
  if (is_broken_ || !run_guarded(mapping_, kHeaderSize + capacity_, write, &change)) {
    is_broken_ = true;
    return false;
  }
  marks_ = change.marks;
  return true;
}

std::optional<Spool::Place> Spool::put(Bytes entry) {
  const std::uint64_t size = aligned(sizeof(EntryHead) + entry.size());
  if (size > capacity_) {
    return std::nullopt;
  }
  Change change;
  change.marks = marks_;
  auto& tail = change.marks.tail;
  const std::uint64_t rest = capacity_ - tail % capacity_;
  if (size > rest) {
    change.pad_at = at(tail);
    change.pad = EntryHead::pad(tail);
    tail += rest;
  }
  if (tail + size - marks_.head > capacity_) {
    return std::nullopt;
  }
  change.entry_at = at(tail);
  change.entry = EntryHead::of(static_cast<std::uint32_t>(entry.size()), tail, entry);
  change.octets = entry;
  tail += size;
  ++change.marks.tail_number;
  if (!apply(change)) {
    return std::nullopt;
  }
  return marks_.tail;
}

void Spool::release(Place end, std::uint64_t count) {
  Change change;
  change.marks = marks_;
  auto& [head, tail, head_number, tail_number, lost, unprotected] = change.marks;
  head = std::clamp(end, head, tail);
  head_number += count;
  if (head == tail) {
    head_number = tail_number;
    if (const auto offset = tail % capacity_; offset != 0) {
      // Empty: go on at the front, so that few pages are ever touched and written to disk.
      change.pad_at = at(tail);
      change.pad = EntryHead::pad(tail);
      tail += capacity_ - offset;
      head = tail;
    }
  }
  (void)apply(change);  // an entry that could not be released is replayed, which changes nothing
}

void Spool::count_lost(std::uint64_t count) {
  Change change;
  change.marks = marks_;
  change.marks.lost += count;
  (void)apply(change);  // the process's own count stays right
}

void Spool::set_unprotected(std::uint64_t count) {
  if (count == marks_.unprotected) {
    return;
  }
  Change change;
  change.marks = marks_;
  change.marks.unprotected = count;
  (void)apply(change);
}

bool Spool::has_moved() const {
  struct stat named {};
  struct stat held {};
  return ::lstat(file_.c_str(), &named) != 0 || ::fstat(fd_.get(), &held) != 0 ||
         named.st_ino != held.st_ino || named.st_dev != held.st_dev;
}

}  // namespace agp::ledger
