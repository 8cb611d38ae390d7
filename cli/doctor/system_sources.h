#pragma once

#include "cli/doctor/sources.h"

namespace agp::cli::doctor {

/// This machine.
class SystemSources final : public Sources {
 public:
  [[nodiscard]] bool is_root() override;
  [[nodiscard]] Machine machine() override;
  [[nodiscard]] Answer<SystemBus> system_bus() override;
  [[nodiscard]] Answer<std::vector<Unit>> units() override;
  [[nodiscard]] std::vector<Listener> listeners() override;
  [[nodiscard]] Configuration configuration() override;
  [[nodiscard]] bool is_service_hung() override;
  [[nodiscard]] std::vector<Endpoint> endpoints() override;
  [[nodiscard]] Answer<Helper> helper() override;
  [[nodiscard]] Trust trust() override;
  [[nodiscard]] Reaches upstream(const Configuration& configuration) override;
  [[nodiscard]] Reaches captured(const Configuration& configuration) override;
};

}  // namespace agp::cli::doctor
