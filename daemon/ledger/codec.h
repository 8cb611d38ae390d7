#pragma once

#include "common/base/bytes.h"
#include "daemon/ledger/ledger.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

/// What the ledger is handed, as octets for the spool.
namespace agp::ledger {

using Entry = std::variant<usage::Record, Confirmation, quota::Sample>;

/// Every field but `sequence`. The first octet names the format: a change of what follows is a
/// new number, and decode() goes on reading the older ones.
void encode(const usage::Record& record, std::string& out);
void encode(const Confirmation& confirmation, std::string& out);
void encode(const quota::Sample& sample, std::string& out);

/// Nothing when the octets are not exactly one whole entry of a known format.
/// @param ls_uid  account of our language servers. Formats from before there were owners do not say
/// on whose behalf it made its calls; everybody else made their own.
[[nodiscard]] std::optional<Entry> decode(Bytes octets,
                                          std::optional<std::uint32_t> ls_uid = std::nullopt);

}  // namespace agp::ledger
