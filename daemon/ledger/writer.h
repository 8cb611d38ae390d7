#pragma once

#include "daemon/ledger/codec.h"
#include "daemon/ledger/confirmations.h"
#include "daemon/ledger/retention.h"
#include "daemon/ledger/sqlite.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace agp::ledger {

/// The write side of the file; one thread's own. Whatever fails, the connection is thrown away and
/// opened anew at the next try: that is the one recovery that covers a moved file, a full disk and
/// a damaged one.
class Writer {
 public:
  struct Options {
    std::string file;
    Retention retention;
    std::optional<std::uint32_t> ls_uid = std::nullopt;  // for the migration of an older file
  };
  struct Outcome {
    std::vector<const usage::Record*> kept;  // new in the ledger, in the order of their sequence
    std::uint64_t refused = 0;               // records that no ledger could keep
    std::uint64_t evicted = 0;               // old records that made room for these
  };

  explicit Writer(Options options) : options_(std::move(options)) {}

  [[nodiscard]] Result<> ensure_open();

  /// All of the batch in one transaction, or nothing of it. Records that are new get their
  /// `sequence`; confirmed ones are changed before they are kept.
  [[nodiscard]] Result<Outcome> write(std::span<Entry> batch);

  /// A small part of what retention asks for.
  [[nodiscard]] Result<AgeingStep> age(usage::Micros now);

 private:
  [[nodiscard]] Result<Outcome> try_write(std::span<Entry> batch);
  [[nodiscard]] Result<Outcome> insert(std::span<Entry> batch);
  [[nodiscard]] Result<> confirm_kept(const Confirmation& confirmation);
  [[nodiscard]] Result<std::optional<usage::Record>> find(std::uint64_t sequence);
  [[nodiscard]] Result<> load_recent();
  [[nodiscard]] std::uint64_t make_room();
  void confirm_new(std::span<Entry> batch);
  void remember(std::span<const Entry> batch, const Outcome& outcome);
  void close();

  Options options_;
  std::optional<sqlite::Database> database_;
  std::optional<sqlite::Statement> insert_;  // statements are destroyed before their database
  std::optional<sqlite::Statement> update_;
  std::optional<sqlite::Statement> select_;
  std::optional<RecentResponses> recent_;  // from the first confirmation on
  EarlyConfirmations early_;
};

}  // namespace agp::ledger
