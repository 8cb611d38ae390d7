#pragma once

#include "daemon/ledger/sqlite.h"
#include "daemon/usage/record.h"

#include <string>

/// The one place that knows how a record lies in its table.
namespace agp::ledger {

/// Idempotent by id; every other violation stays an error (INSERT OR IGNORE would hide those).
[[nodiscard]] const std::string& insert_sql();
/// The statement borrows the record's texts: step it before the record changes.
void bind_record(sqlite::Statement& statement, const usage::Record& record);
void bind_record(sqlite::Statement& statement, usage::Record&& temporary) = delete;

/// What a confirmation may change of a record that is kept.
[[nodiscard]] const std::string& confirm_sql();
void bind_confirmed(sqlite::Statement& statement, const usage::Record& record);
void bind_confirmed(sqlite::Statement& statement, usage::Record&& temporary) = delete;

/// The columns, `sequence` first, that `read_record` expects, in its order.
[[nodiscard]] const std::string& record_columns();
[[nodiscard]] usage::Record read_record(const sqlite::Statement& row);

}  // namespace agp::ledger
