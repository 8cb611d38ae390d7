#include "daemon/ls/process_memory.h"

namespace agp::ls {

void ProcessMemory::begin_look() {
  ++look_;
}

bool ProcessMemory::needs_look(pid_t pid, std::uint64_t inode) {
  Known& known = known_[pid];
  known.met_in = look_;
  if (known.inode != inode) {
    known.inode = inode;
    known.looks_unrelated = 0;
  }
  // The pid spreads the second looks over the time.
  return known.looks_unrelated < kLooksToSettle ||
         (look_ + static_cast<std::uint64_t>(pid)) % kLooksBetween == 0;
}

void ProcessMemory::judged(pid_t pid, Verdict verdict) {
  const auto known = known_.find(pid);
  if (known == known_.end()) {
    return;
  }
  switch (verdict) {
    case Verdict::unrelated:
      if (known->second.looks_unrelated < kLooksToSettle) {
        ++known->second.looks_unrelated;
      }
      return;
    case Verdict::unsettled:
      return;
    case Verdict::related:
      known->second.looks_unrelated = 0;
      return;
  }
}

void ProcessMemory::end_look() {
  std::erase_if(known_, [this](const auto& entry) { return entry.second.met_in != look_; });
}

}  // namespace agp::ls
