#include "daemon/cost/known_models.h"

namespace agp::cost {

const Model* KnownModels::find(const PriceTable& table,
                               std::string_view provider,
                               std::string_view model) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = found_.find(std::pair(provider, model));
    if (known != found_.end()) {
      return known->second;
    }
  }
  const Model* const found = table.find(provider, model);
  const std::lock_guard lock(mutex_);
  if (found_.size() >= kLimit) {
    found_.clear();
  }
  found_.emplace(std::pair(provider, model), found);
  return found;
}

}  // namespace agp::cost
