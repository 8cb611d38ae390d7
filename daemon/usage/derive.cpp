#include "daemon/usage/derive.h"

#include "daemon/usage/flags.h"
#include "daemon/usage/text.h"

namespace agp::usage {

Usage derive(const Stated& stated, std::set<std::string>* flags) {
  Usage usage;
  usage.input_total = stated.input_total;
  usage.cached_input = stated.cached_input;
  usage.tool_use_prompt = stated.tool_use_prompt;
  usage.cache_write_by_ttl = stated.cache_write_by_ttl;
  std::uint64_t written = 0;
  if (stated.cache_write_by_ttl) {
    for (const auto& [ttl, tokens] : *stated.cache_write_by_ttl) {
      written += tokens;
    }
  }
  usage.cache_write = stated.cache_write.value_or(written);
  if (stated.cache_write_by_ttl && written != usage.cache_write) {
    flags->insert(flag::kPartitionMismatch);
  }
  const std::uint64_t parts = usage.cached_input + usage.cache_write;
  if (parts > usage.input_total) {
    flags->insert(flag::kPartitionMismatch);
  } else {
    usage.input_uncached = usage.input_total - parts;
  }
  usage.output_total = stated.output_total;
  usage.reasoning = stated.reasoning;
  if (usage.reasoning.value_or(0) > usage.output_total) {
    flags->insert(flag::kPartitionMismatch);
  }
  usage.total = usage.input_total + usage.output_total;
  usage.reported_total = stated.reported_total;
  if (usage.reported_total && *usage.reported_total != usage.total) {
    flags->insert(flag::kTotalMismatch);
  }
  return usage;
}

std::optional<std::map<std::string, std::uint64_t>> by_ttl(
    const Snapshot& seen, std::initializer_list<std::pair<const char*, std::size_t>> ttls) {
  std::optional<std::map<std::string, std::uint64_t>> split;
  for (const auto& [ttl, which] : ttls) {
    if (const Count tokens = seen.count(which)) {
      if (!split) {
        split.emplace();
      }
      if (*tokens > 0) {
        (*split)[ttl] = *tokens;
      }
    }
  }
  return split;
}

void add_modalities(const ModalityCounts* list, std::optional<ModalityCounts>* into) {
  if (list == nullptr) {
    return;
  }
  if (!*into) {
    into->emplace();
  }
  for (const auto& [modality, tokens] : *list) {
    (**into)[lower(modality)] += tokens;
  }
}

void add_modalities(const Snapshot& seen,
                    std::initializer_list<std::pair<const char*, std::size_t>> counts,
                    std::optional<ModalityCounts>* into) {
  for (const auto& [modality, which] : counts) {
    if (const std::uint64_t tokens = seen.count(which).value_or(0); tokens > 0) {
      if (!*into) {
        into->emplace();
      }
      (**into)[modality] += tokens;
    }
  }
}

}  // namespace agp::usage
