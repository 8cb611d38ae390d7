#pragma once

#include <string>

namespace agp::ledger {

/// Schema step 3: the tables of roll-ups, filled from the records that are there.
[[nodiscard]] const std::string& rollup_schema_step();

}  // namespace agp::ledger
