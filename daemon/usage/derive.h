#pragma once

#include "daemon/usage/record.h"
#include "daemon/usage/snapshot.h"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace agp::usage {

/// What a provider stated, in our terms; the rest of a Usage follows from it.
struct Stated {
  std::uint64_t input_total = 0;  // with what was cached, written to a cache and used by tools
  std::uint64_t cached_input = 0;
  Count cache_write;
  std::optional<std::map<std::string, std::uint64_t>> cache_write_by_ttl;
  std::uint64_t tool_use_prompt = 0;
  std::uint64_t output_total = 0;
  Count reasoning;
  Count reported_total;
};

/// Fills in what follows. Numbers that contradict each other are kept and flagged.
/// Source: wire-formats section 3.2.
[[nodiscard]] Usage derive(const Stated& stated, std::set<std::string>* flags);

/// Cache writes by time to live, from counts of `seen`; empty when none of them was stated.
[[nodiscard]] std::optional<std::map<std::string, std::uint64_t>> by_ttl(
    const Snapshot& seen, std::initializer_list<std::pair<const char*, std::size_t>> ttls);

/// Adds what `list` says under the names of the record: a modality in lower case.
void add_modalities(const ModalityCounts* list, std::optional<ModalityCounts>* into);

/// The same from plain counts of `seen`.
void add_modalities(const Snapshot& seen,
                    std::initializer_list<std::pair<const char*, std::size_t>> counts,
                    std::optional<ModalityCounts>* into);

}  // namespace agp::usage
