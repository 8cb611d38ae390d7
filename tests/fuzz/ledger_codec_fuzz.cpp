// What the spool holds after a crash: any octets are one entry or none, and an entry that was read
// is written and read again as it is.

#include "daemon/ledger/codec.h"
#include "tests/fuzz/fuzz.h"

#include <optional>
#include <string>
#include <variant>

namespace {

using namespace agp;

std::string octets_of(const ledger::Entry& entry) {
  std::string out;
  std::visit([&](const auto& value) { ledger::encode(value, out); }, entry);
  return out;
}

bool is_same(const ledger::Entry& a, const ledger::Entry& b) {
  if (const auto* record = std::get_if<usage::Record>(&a)) {
    const auto* other = std::get_if<usage::Record>(&b);
    return other != nullptr && *record == *other;
  }
  if (const auto* sample = std::get_if<quota::Sample>(&a)) {
    const auto* other = std::get_if<quota::Sample>(&b);
    return other != nullptr && *sample == *other;
  }
  const auto& confirmation = std::get<ledger::Confirmation>(a);
  const auto* other = std::get_if<ledger::Confirmation>(&b);
  return other != nullptr && confirmation.response_id == other->response_id &&
         confirmation.cascade_id == other->cascade_id &&
         confirmation.trajectory_id == other->trajectory_id &&
         confirmation.step_index == other->step_index;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes in(data, size);
  const auto entry = ledger::decode(in);
  if (!entry) {
    return 0;
  }
  // There is more than one way to write a number or a set; the second time it is ours.
  const auto octets = octets_of(*entry);
  const auto again = ledger::decode(as_bytes(octets));
  fuzz::require(again && is_same(*entry, *again), "an entry reads back as it was");
  fuzz::require(octets_of(*again) == octets, "an entry has one way to be written");
  // Format 1 has no owner, up to six octets more, and neither has 3 a model that was asked for,
  // whose absence is one.
  const std::size_t added = in.front() == 1 ? 7 : in.front() == 3 ? 1 : 0;
  fuzz::require(octets.size() <= size + added, "no way to write it is shorter than ours");
  fuzz::require(!ledger::decode(in.first(size - 1)), "an entry that is cut short is none");
  return 0;
}
