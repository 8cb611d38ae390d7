#include "daemon/api/record_export.h"

#include "daemon/api/record_csv.h"
#include "daemon/api/record_json.h"
#include "daemon/api/rfc3339.h"
#include "daemon/api/usage_api.h"

#include <utility>

namespace agp::api {

RecordExport::RecordExport(ExportQuestion question, usage::Micros now, std::size_t page)
    : question_(std::move(question)), now_(now) {
  query_.filter = question_.filter;
  query_.order = ledger::Order::by_commit;
  query_.limit = page;
}

Result<std::optional<std::string>> RecordExport::next(ledger::Ledger& ledger) {
  if (has_ended_) {
    return std::optional<std::string>();
  }
  auto page = ledger.records(query_);
  if (!page) {
    has_ended_ = true;
    return page.error();
  }
  std::string out = has_begun_ ? std::string() : head();
  has_begun_ = true;
  for (const auto& record : page->records) {
    append(record, out);
  }
  query_.cursor = page->next;
  if (!page->next) {
    has_ended_ = true;
    out += tail();
  }
  return std::optional(std::move(out));
}

std::string RecordExport::head() const {
  switch (question_.format) {
    case ExportFormat::csv:
      return csv_header();
    case ExportFormat::json:
      return std::string("{\"schema\":\"") + kRecordsSchema + "\",\"generated_at\":\"" +
             to_rfc3339(now_) + "\",\"records\":[";
    case ExportFormat::ndjson:
      return {};
  }
  return {};
}

std::string RecordExport::tail() const {
  return question_.format == ExportFormat::json ? "\n],\"next_cursor\":null}\n" : "";
}

void RecordExport::append(const usage::Record& record, std::string& out) {
  switch (question_.format) {
    case ExportFormat::csv:
      out += csv_line(record);
      break;
    case ExportFormat::json:
      out += records_ == 0 ? "\n" : ",\n";
      out += record_line(record);
      break;
    case ExportFormat::ndjson:
      out += record_line(record) + "\n";
      break;
  }
  ++records_;
}

}  // namespace agp::api
