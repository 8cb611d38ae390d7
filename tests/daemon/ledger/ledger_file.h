#pragma once

#include "daemon/ledger/file.h"
#include "daemon/ledger/rollup.h"
#include "daemon/ledger/row.h"
#include "tests/daemon/ledger/support.h"

#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace agp::ledger::test {

/// A ledger's file without its writer: records go in as the writer puts them in.
class LedgerFile {
 public:
  LedgerFile() {
    auto opened = open_for_writing(dir_.file(), std::nullopt);
    EXPECT_TRUE(opened) << opened.error().text();
    if (opened) {
      database = std::move(*opened);
    }
  }

  void keep(std::span<const usage::Record> records) {
    run("BEGIN");
    std::vector<const usage::Record*> kept;
    auto insert = database.prepare(insert_sql());
    ASSERT_TRUE(insert);
    for (const auto& record : records) {
      bind_record(*insert, record);
      auto done = insert->step();
      EXPECT_TRUE(done) << done.error().text();
      insert->reset();
      if (database.changes() > 0) {
        kept.push_back(&record);
      }
    }
    auto added = add_to_rollups(database, kept);
    EXPECT_TRUE(added) << added.error().text();
    run("COMMIT");
  }
  void keep(const usage::Record& record) { keep(std::span(&record, 1)); }

  void run(const char* sql) {
    auto done = database.exec(sql);
    EXPECT_TRUE(done) << done.error().text() << " in " << sql;
  }
  [[nodiscard]] std::int64_t count(const char* table) {
    auto number = database.integer(std::string("SELECT count(*) FROM ") + table);
    EXPECT_TRUE(number) << number.error().text();
    return number ? *number : -1;
  }

 private:
  TempDir dir_;

 public:
  sqlite::Database database;  // destroyed before its directory
};

}  // namespace agp::ledger::test
