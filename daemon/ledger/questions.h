#pragma once

#include "daemon/ledger/ledger.h"
#include "daemon/ledger/sqlite.h"

/// The questions as SQL. Each runs in one read transaction: one consistent picture.
namespace agp::ledger {

[[nodiscard]] Result<Report> ask_usage(sqlite::Database& database, const Query& query);
[[nodiscard]] Result<Page> ask_records(sqlite::Database& database, const PageQuery& query);
[[nodiscard]] Result<Summary> ask_summary(sqlite::Database& database);
[[nodiscard]] Result<Totals> ask_totals(sqlite::Database& database);

}  // namespace agp::ledger
