#pragma once

#include "daemon/ledger/sqlite.h"
#include "daemon/ledger/sqlite_ledger.h"
#include "tests/daemon/ledger/support.h"

#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <thread>

namespace agp::ledger::test {

// Far beyond what a loaded machine needs; reached only when a test fails.
inline constexpr auto kPatience = std::chrono::seconds(60);

inline SqliteLedger::Options options_for(const std::string& file) {
  SqliteLedger::Options options;
  options.file = file;
  options.retry = std::chrono::milliseconds(1);
  options.start_patience = kPatience;
  options.question_patience = kPatience;
  options.spool_bytes = 1024 * 1024;
  options.spool_retry = std::chrono::milliseconds(0);
  return options;
}

inline std::string id_of(int number) {
  char text[32];
  (void)std::snprintf(text, sizeof text, "%08d", number);
  return text;
}

template <class Condition>
[[nodiscard]] bool comes_true(Condition condition) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) {
      return false;
    }
    std::this_thread::yield();
  }
  return true;
}

/// How often each id is in the ledger's file.
inline std::map<std::string, int> ids_in(const std::string& file) {
  std::map<std::string, int> out;
  auto database = sqlite::Database::open(file, SQLITE_OPEN_READONLY);
  if (!database) {
    return out;
  }
  auto statement = database->prepare("SELECT id FROM record");
  if (!statement) {
    return out;
  }
  while (true) {
    const auto row = statement->step();
    if (!row || !*row) {
      return out;
    }
    ++out[statement->text(0)];
  }
}

}  // namespace agp::ledger::test
