#pragma once

#include "cli/doctor.h"

#include <span>

/// One table for each layer; doctor_checks() puts them one after the other.
namespace agp::cli::doctor {

[[nodiscard]] std::span<const Check> machine_checks();
[[nodiscard]] std::span<const Check> configuration_checks();
[[nodiscard]] std::span<const Check> units_checks();
[[nodiscard]] std::span<const Check> service_checks();
[[nodiscard]] std::span<const Check> sockets_checks();
[[nodiscard]] std::span<const Check> network_checks();
[[nodiscard]] std::span<const Check> capture_checks();
[[nodiscard]] std::span<const Check> trust_checks();
[[nodiscard]] std::span<const Check> ledger_checks();
[[nodiscard]] std::span<const Check> exporters_checks();
[[nodiscard]] std::span<const Check> policy_checks();
[[nodiscard]] std::span<const Check> language_server_checks();
[[nodiscard]] std::span<const Check> calls_checks();
[[nodiscard]] std::span<const Check> ide_checks();

}  // namespace agp::cli::doctor
