#pragma once

#include "daemon/cost/price_table.h"

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace agp::cost {

/// What a table found for a name, kept: going through a provider's list, regular expressions
/// included, takes ten times as long as all the rest of pricing a call. Safe from any thread.
class KnownModels {
 public:
  /// Names come from the network: past this many, all are forgotten and found anew.
  static constexpr std::size_t kLimit = 256;

  /// `table.find(provider, model)`; always the same table.
  [[nodiscard]] const Model* find(const PriceTable& table,
                                  std::string_view provider,
                                  std::string_view model);

 private:
  struct Less {
    using is_transparent = void;
    template <class Left, class Right>
    bool operator()(const Left& left, const Right& right) const {
      const int providers = std::string_view(left.first).compare(right.first);
      return providers != 0 ? providers < 0
                            : std::string_view(left.second) < std::string_view(right.second);
    }
  };

  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, const Model*, Less> found_;
};

}  // namespace agp::cost
