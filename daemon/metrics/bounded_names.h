#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace agp::metrics {

/// What stands for names beyond the bound.
inline constexpr const char* kOther = "other";

/// Names that come from the network become labels only as long as there are few: the first ones
/// keep theirs, all later ones share kOther.
class BoundedNames {
 public:
  explicit BoundedNames(std::size_t most) : most_(most) {}

  [[nodiscard]] std::string admit(std::string_view name) {
    if (names_.contains(name)) {
      return std::string(name);
    }
    if (names_.size() >= most_) {
      return kOther;
    }
    return *names_.emplace(name).first;
  }
  void clear() { names_.clear(); }

 private:
  std::size_t most_;
  std::set<std::string, std::less<>> names_;
};

}  // namespace agp::metrics
