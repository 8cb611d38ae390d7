#pragma once

#include "common/base/bytes.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace agp::tls {

/// Octets that grow without being zeroed first and keep their room when cleared.
class Plaintext {
 public:
  [[nodiscard]] Bytes bytes() const { return {data_.get(), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  /// Room for `size` more octets; valid until the next call. Their content is unspecified.
  [[nodiscard]] std::uint8_t* room(std::size_t size) {
    if (capacity_ - size_ < size) {
      grow(size_ + size);
    }
    return data_.get() + size_;
  }
  /// `size` octets of the room have been filled.
  void added(std::size_t size) { size_ += size; }
  void append(Bytes bytes) {
    if (!bytes.empty()) {
      std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
      added(bytes.size());
    }
  }
  void clear() { size_ = 0; }

 private:
  void grow(std::size_t least) {
    const auto capacity = std::max(least, capacity_ * 2);
    // Not make_unique: that would zero it.
    std::unique_ptr<std::uint8_t[]> grown(new std::uint8_t[capacity]);
    if (size_ != 0) {
      std::memcpy(grown.get(), data_.get(), size_);
    }
    data_ = std::move(grown);
    capacity_ = capacity;
  }

  std::unique_ptr<std::uint8_t[]> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// Buffers that were sent and wait for their next use. The same few stay in the cache, where malloc
/// would map and unmap pages for every read of a fast stream.
class SpareBuffers {
 public:
  /// Empty, with whatever room it had.
  [[nodiscard]] Buffer take() {
    if (spare_.empty()) {
      return {};
    }
    Buffer last = std::move(spare_.back());
    spare_.pop_back();
    return last;
  }
  /// Keeps the room of `used` unless there is enough of it already.
  void give(Buffer used) {
    if (used.capacity() >= kSmallest && used.capacity() <= kLargest && spare_.size() < kMost) {
      used.clear();
      spare_.push_back(std::move(used));
    }
  }
  [[nodiscard]] std::size_t size() const { return spare_.size(); }

  static constexpr std::size_t kSmallest = 1U << 10U;
  static constexpr std::size_t kLargest = 256U << 10U;
  static constexpr std::size_t kMost = 8;

 private:
  std::vector<Buffer> spare_;
};

/// The protocol that each upstream chose last, by what was offered to it (SessionCache::key): a
/// guess at what it will choose next.
class Choices {
 public:
  [[nodiscard]] const std::string* find(const std::string& key) const {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : &found->second;
  }
  /// Above the limit all are forgotten: a wrong guess costs a little time, no more.
  void put(const std::string& key, std::string protocol) {
    if (by_key_.size() >= kMost && by_key_.count(key) == 0) {
      by_key_.clear();
    }
    by_key_[key] = std::move(protocol);
  }
  [[nodiscard]] std::size_t size() const { return by_key_.size(); }

  static constexpr std::size_t kMost = 256;

 private:
  std::unordered_map<std::string, std::string> by_key_;
};

/// What the connections of one worker share. Not thread-safe.
struct Scratch {
  Plaintext plaintext;  // of the read in progress
  SpareBuffers spare;
  Choices choices;
};

}  // namespace agp::tls
