#include "daemon/ledger/schema.h"

namespace agp::ledger {
namespace {

// Times are microseconds since the epoch, UTC. NULL is "not known" everywhere. `input_total` to
// `total` are NULL together when the usage of a call is unknown. The ULID sorts by time, so the
// table without rowid is kept in about the order of arrival.
constexpr const char* kStep1 = R"sql(
CREATE TABLE record (
  id TEXT NOT NULL PRIMARY KEY,
  started_at INTEGER NOT NULL,
  first_byte_at INTEGER,
  ended_at INTEGER NOT NULL,
  host TEXT NOT NULL,
  path TEXT NOT NULL,
  protocol TEXT NOT NULL,
  local_uid INTEGER,
  instance TEXT NOT NULL,
  request_kind TEXT NOT NULL,
  cascade_id TEXT,
  cascade_source TEXT NOT NULL,
  trajectory_id TEXT,
  step_index INTEGER,
  bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  provider TEXT NOT NULL,
  api TEXT NOT NULL,
  http_status INTEGER,
  stream INTEGER NOT NULL,
  model TEXT,
  model_source TEXT,
  response_id TEXT,
  request_id TEXT,
  trace_id TEXT,
  outcome TEXT NOT NULL,
  finish TEXT,
  finish_raw TEXT,
  usage_state TEXT NOT NULL,
  input_total INTEGER,
  input_uncached INTEGER,
  cached_input INTEGER,
  cache_write INTEGER,
  tool_use_prompt INTEGER,
  output_total INTEGER,
  reasoning INTEGER,
  total INTEGER,
  reported_total INTEGER,
  cache_write_by_ttl TEXT,
  input_by_modality TEXT,
  output_by_modality TEXT,
  cached_by_modality TEXT,
  service_tier TEXT,
  tool_calls TEXT,
  credits_consumed INTEGER,
  error_type TEXT,
  error_code TEXT,
  flags TEXT,
  cost_usd REAL,
  price_version TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX record_started_at ON record (started_at);
CREATE INDEX record_cascade_id ON record (cascade_id) WHERE cascade_id IS NOT NULL;
)sql";

constexpr const char* kSteps[] = {kStep1};

}  // namespace

std::span<const char* const> schema_steps() {
  return kSteps;
}

}  // namespace agp::ledger
