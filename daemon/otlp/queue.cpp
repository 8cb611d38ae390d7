#include "daemon/otlp/queue.h"

#include "common/base/unique_fd.h"
#include "daemon/otlp/request.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::otlp {
namespace {

constexpr std::string_view kSuffix = ".otlp";
constexpr std::size_t kDigits = 20;

// Of a file of ours; whatever else lies there is left alone.
std::optional<std::uint64_t> place_of(const std::string& name) {
  if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) {
    return std::nullopt;
  }
  std::uint64_t place = 0;
  const auto* const end = name.data() + kDigits;
  const auto read = std::from_chars(name.data(), end, place);
  return read.ec == std::errc() && read.ptr == end ? std::optional(place) : std::nullopt;
}

// As it was written: the order of places says more than times do, which a clock may set back.
usage::Micros changed_at(const struct stat& status) {
  return usage::Micros(std::chrono::seconds(status.st_mtim.tv_sec));
}

Result<> write_all(int fd, std::string_view octets, const std::string& file) {
  while (!octets.empty()) {
    const auto written = ::write(fd, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return errno_error("write " + file);
    }
    octets.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

std::optional<std::string> read_all(const std::string& file, std::uint64_t size) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.is_open()) {
    return std::nullopt;
  }
  std::string octets(size, '\0');
  std::size_t have = 0;
  while (have < octets.size()) {
    const auto got = ::read(fd.get(), octets.data() + have, octets.size() - have);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return std::nullopt;
    }
    have += static_cast<std::size_t>(got);
  }
  return octets;
}

}  // namespace

Queue::Queue(std::string directory, std::uint64_t limit)
    : directory_(std::move(directory)), limit_(limit) {}

std::string Queue::file_of(std::uint64_t place) const {
  auto digits = std::to_string(place);
  digits.insert(0, kDigits - digits.size(), '0');
  return directory_ + '/' + digits.append(kSuffix);
}

Result<> Queue::open() {
  const std::lock_guard lock(mutex_);
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) {
    return errno_error("create " + directory_);
  }
  (void)::unlink(unfinished().c_str());  // usually there is none
  std::error_code problem;
  std::filesystem::directory_iterator entry(directory_, problem);
  for (; !problem && entry != std::filesystem::directory_iterator(); entry.increment(problem)) {
    const auto place = place_of(entry->path().filename().string());
    struct stat status {};
    if (place && ::lstat(entry->path().c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      last_place_ = std::max<std::uint64_t>(last_place_, *place);
      add(*place, {static_cast<std::uint64_t>(status.st_size), changed_at(status)});
    }
  }
  if (problem) {
    return Error{problem, "read " + directory_};
  }
  make_room(0);
  return {};
}

Result<> Queue::push(std::string_view octets, std::uint64_t place) {
  const std::lock_guard lock(mutex_);
  if (octets.size() > limit_) {
    ++no_room_;
    return Error{make_error_code(boost::system::errc::file_too_large),
                 "keep metrics within telemetry.otlp.queue_bytes"};
  }
  make_room(octets.size());
  if (auto written = write(octets, place); !written) {
    ++unwritable_;
    return written;
  }
  add(place, {octets.size(), std::chrono::time_point_cast<std::chrono::microseconds>(
                                 std::chrono::system_clock::now())});
  return {};
}

// Never half of one under its own name. Not synced: what a power failure takes is no request
// afterwards, and is noticed as such.
Result<> Queue::write(std::string_view octets, std::uint64_t place) const {
  const auto file = unfinished();
  const UniqueFd fd(
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.is_open()) {
    return errno_error("create " + file);
  }
  auto written = write_all(fd.get(), octets, file);
  if (written && ::rename(file.c_str(), file_of(place).c_str()) != 0) {
    written = errno_error("rename " + file);
  }
  if (!written) {
    (void)::unlink(file.c_str());  // it takes room on a disk that has none
  }
  return written;
}

std::optional<Queue::Item> Queue::front() {
  const std::lock_guard lock(mutex_);
  while (!entries_.empty()) {
    const auto oldest = entries_.begin();
    auto octets = read_all(file_of(oldest->first), oldest->second.size);
    if (octets && is_request(*octets)) {
      return Item{oldest->first, std::move(*octets)};
    }
    ++unreadable_;
    remove(oldest);
  }
  return std::nullopt;
}

void Queue::pop(std::uint64_t place) {
  const std::lock_guard lock(mutex_);
  if (const auto entry = entries_.find(place); entry != entries_.end()) {
    remove(entry);
  }
}

void Queue::add(std::uint64_t place, Waiting entry) {
  entries_[place] = entry;
  waiting_bytes_ += entry.size;
  count();
}

void Queue::remove(Entries::iterator entry) {
  (void)::unlink(file_of(entry->first).c_str());  // else it is sent twice, which changes nothing
  waiting_bytes_ -= entry->second.size;
  entries_.erase(entry);
  count();
}

void Queue::count() {
  waiting_ = entries_.size();
  oldest_since_ = entries_.empty() ? 0 : entries_.begin()->second.since.time_since_epoch().count();
}

void Queue::make_room(std::uint64_t for_bytes) {
  while (!entries_.empty() && waiting_bytes_ + for_bytes > limit_) {
    ++no_room_;
    remove(entries_.begin());
  }
}

Queue::Counts Queue::counts() const {
  Counts counts{waiting_, waiting_bytes_, std::nullopt, no_room_, unwritable_, unreadable_};
  if (const std::int64_t since = oldest_since_; since != 0) {
    counts.oldest_since = usage::Micros(std::chrono::microseconds(since));
  }
  return counts;
}

}  // namespace agp::otlp
