#pragma once

#include "common/base/result.h"
#include "daemon/ledger/ledger.h"
#include "daemon/ledger/sqlite.h"
#include "daemon/usage/record.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

/// Tokens by modality, kept along with the sums: one row per key of the roll-ups and modality, of
/// all time. docs/adr/0031-modality.md.
namespace agp::ledger {

/// What a batch changes, summed up before it is written.
class ModalityChanges {
 public:
  explicit ModalityChanges(sqlite::Database& database) : database_(database) {}

  /// @param key  of the roll-ups, the record's own.
  /// @param sign  1, or -1 to take it out.
  void add(std::int64_t key, const usage::Record& record, std::int64_t sign);
  /// Runs inside the transaction that writes the other sums.
  [[nodiscard]] Result<> write();

 private:
  struct Row {
    std::int64_t input = 0;
    std::int64_t output = 0;
    std::int64_t cached = 0;
    friend bool operator==(const Row&, const Row&) = default;
  };

  [[nodiscard]] std::size_t place_of(const std::string& name);

  sqlite::Database& database_;
  std::vector<std::string> names_;                            // in the order of the records
  std::map<std::pair<std::size_t, std::int64_t>, Row> rows_;  // by place in names_, and key
};

struct Modalities {
  std::map<std::int64_t, ByModality> by_key;  // of the roll-ups
  std::vector<std::string> names;             // in the order in which the ledger first saw them
};
[[nodiscard]] Result<Modalities> read_modalities(sqlite::Database& database);

}  // namespace agp::ledger
