#pragma once

#include "daemon/ledger/schema.h"
#include "daemon/ledger/sqlite.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

/// A ledger as version 3 of the schema left it on disk, before records had owners.
namespace agp::ledger::test {

struct Version3Row {
  std::optional<std::int64_t> local_uid;
  std::string instance;
  std::int64_t total = 0;
};

/// Records with ids from 1 on, one each second from 1795320000, with their sums. Those of the last
/// step are filled in from the records, which is the same as adding them one by one.
inline void make_version_3(const std::string& file, const std::vector<Version3Row>& rows) {
  auto database = sqlite::Database::open(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  ASSERT_TRUE(database);
  ASSERT_TRUE(database->exec("PRAGMA journal_mode = WAL"));
  const auto steps = schema_steps();  // never edited, so the first three are those of version 3
  ASSERT_TRUE(database->exec(steps[0]));
  ASSERT_TRUE(database->exec(steps[1]));
  auto insert = database->prepare(
      "INSERT INTO record (id, started_at, ended_at, host, path, protocol, local_uid, instance,"
      " request_kind, cascade_source, cascade_evidence, cascade_confirmed, bytes_in, bytes_out,"
      " provider, api, stream, model, response_id, outcome, usage_state, input_total,"
      " input_uncached, cached_input, cache_write, tool_use_prompt, output_total, total,"
      " price_aliased, flags)"
      " VALUES (?1, 1795320000000000 + ?1 * 1000000, 1795320000000000 + ?1 * 1000000, 'host',"
      " '/path', 'h2', ?2, ?3, 'agent', 'none', '', 0, 1, 2, 'google', 'code_assist', 1, 'flash',"
      " 'r-' || ?1, 'ok', 'final', ?4, ?4, 0, 0, 0, 0, ?4, 0, '[\"bad_json\"]')");
  ASSERT_TRUE(insert) << insert.error().text();
  std::int64_t number = 0;
  for (const auto& row : rows) {
    const auto id = std::to_string(++number);
    insert->bind(1, std::string_view(id));
    row.local_uid ? insert->bind(2, *row.local_uid) : insert->bind_null(2);
    insert->bind(3, std::string_view(row.instance));
    insert->bind(4, row.total);
    ASSERT_TRUE(insert->step());
    insert->reset();
  }
  ASSERT_TRUE(database->exec(steps[2]));
  ASSERT_TRUE(database->exec("PRAGMA application_id = 1095192652; PRAGMA user_version = 3"));
}

}  // namespace agp::ledger::test
