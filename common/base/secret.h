#pragma once

#include <string>
#include <utility>

#include <string.h>

namespace agp {

/// A value that must not leak: no copy, no stream operator, wiped on destruction.
/// T is a contiguous container of trivially destructible elements (std::string, Buffer).
template <class T>
class Secret {
 public:
  Secret() = default;
  explicit Secret(T value) : value_(std::move(value)) {}
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      value_ = std::move(other.value_);
      other.wipe();
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(); }

  /// Borrowed; the name makes each use easy to find in review.
  [[nodiscard]] const T& expose() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }

 private:
  void wipe() {
    if (!value_.empty()) {
      ::explicit_bzero(value_.data(), value_.size() * sizeof(*value_.data()));
    }
    value_.clear();
  }

  T value_;
};

}  // namespace agp
