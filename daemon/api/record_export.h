#pragma once

#include "common/base/result.h"
#include "daemon/api/usage_question.h"
#include "daemon/ledger/ledger.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace agp::api {

/// All records of a question in pieces of one page each, in order of commits: memory does not grow
/// with the ledger, and the next page is read when the piece before has been taken.
class RecordExport {
 public:
  /// Records in one piece: some hundred kilobytes at most.
  static constexpr std::size_t kPage = 200;

  RecordExport(ExportQuestion question, usage::Micros now, std::size_t page = kPage);

  /// The next piece, or empty once all were given. Reads the disk. After an error the export is
  /// not whole, and whoever passes it on has to make that visible.
  [[nodiscard]] Result<std::optional<std::string>> next(ledger::Ledger& ledger);

  [[nodiscard]] std::uint64_t records() const { return records_; }

 private:
  [[nodiscard]] std::string head() const;
  [[nodiscard]] std::string tail() const;
  void append(const usage::Record& record, std::string& out);

  ExportQuestion question_;
  usage::Micros now_;
  ledger::PageQuery query_;
  std::uint64_t records_ = 0;
  bool has_begun_ = false;
  bool has_ended_ = false;
};

}  // namespace agp::api
