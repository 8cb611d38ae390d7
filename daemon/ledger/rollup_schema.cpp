#include "daemon/ledger/rollup_schema.h"

namespace agp::ledger {
namespace {

// This step is history as soon as it has run anywhere: what changes later is a step of its own.
// Sums follow the definitions of rollup.cpp, which a test compares with this filling.
constexpr const char* kSumDeclarations = R"sql(
  calls INTEGER NOT NULL,
  ok INTEGER NOT NULL,
  partial INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  usage_unknown INTEGER NOT NULL,
  input_total INTEGER NOT NULL,
  input_uncached INTEGER NOT NULL,
  cached_input INTEGER NOT NULL,
  cache_write INTEGER NOT NULL,
  tool_use_prompt INTEGER NOT NULL,
  output_total INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  total INTEGER NOT NULL,
  reasoning_unknown INTEGER NOT NULL,
  unpriced INTEGER NOT NULL,
  cost_pico_usd INTEGER NOT NULL,
)sql";

// `quarter` and `day` count quarter-hours and days since the epoch, UTC. Cascade 0 is no cascade.
std::string tables_of(const std::string& period) {
  return "CREATE TABLE " + period + "_sum (" + period + " INTEGER NOT NULL, key INTEGER NOT NULL," +
         kSumDeclarations + "PRIMARY KEY (" + period + ", key)) STRICT, WITHOUT ROWID;\n" +  //
         "CREATE TABLE " + period + "_cascade_sum (" + period +
         " INTEGER NOT NULL, cascade INTEGER NOT NULL, key INTEGER NOT NULL," + kSumDeclarations +
         "PRIMARY KEY (" + period + ", cascade, key)) STRICT, WITHOUT ROWID;\n" +  //
         "CREATE INDEX " + period + "_cascade_sum_cascade ON " + period +
         "_cascade_sum (cascade);\n" +  //
         "CREATE TABLE " + period + "_flag (" + period +
         " INTEGER NOT NULL, cascade INTEGER NOT NULL, key INTEGER NOT NULL, flag TEXT NOT NULL,"
         " calls INTEGER NOT NULL, PRIMARY KEY (" +
         period + ", cascade, key, flag)) STRICT, WITHOUT ROWID;\n";
}

// raw_from: no record that started in that quarter-hour or later was deleted. quarters_from: the
// same for quarter-hours and days. NULL: nothing was ever deleted.
constexpr const char* kKeys = R"sql(
CREATE TABLE rollup_key (
  id INTEGER PRIMARY KEY,
  model TEXT,
  provider TEXT NOT NULL,
  host TEXT NOT NULL,
  request_kind TEXT NOT NULL,
  local_uid INTEGER
) STRICT;
CREATE INDEX rollup_key_parts ON rollup_key (model, provider, host, request_kind, local_uid);
CREATE TABLE rollup_cascade (
  id INTEGER PRIMARY KEY,
  cascade_id TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE rollup_state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  records INTEGER NOT NULL,
  last_started_at INTEGER,
  raw_from INTEGER,
  quarters_from INTEGER
) STRICT;
)sql";

constexpr const char* kFilling = R"sql(
INSERT INTO rollup_key (model, provider, host, request_kind, local_uid)
  SELECT DISTINCT model, provider, host, request_kind, local_uid FROM record;
INSERT INTO rollup_cascade (cascade_id)
  SELECT DISTINCT cascade_id FROM record WHERE cascade_id IS NOT NULL;
INSERT INTO quarter_cascade_sum
  SELECT started_at / 900000000 - (started_at % 900000000 < 0), ifnull(c.id, 0), k.id,
    count(*), sum(outcome = 'ok'), sum(outcome = 'partial'), sum(outcome = 'error'),
    sum(input_total IS NULL), sum(ifnull(input_total, 0)), sum(ifnull(input_uncached, 0)),
    sum(ifnull(cached_input, 0)), sum(ifnull(cache_write, 0)), sum(ifnull(tool_use_prompt, 0)),
    sum(ifnull(output_total, 0)), sum(ifnull(reasoning, 0)), sum(ifnull(total, 0)),
    sum(input_total IS NOT NULL AND reasoning IS NULL), sum(cost_pico_usd IS NULL),
    sum(ifnull(cost_pico_usd, 0))
  FROM record AS r
  JOIN rollup_key AS k ON k.model IS r.model AND k.provider = r.provider AND k.host = r.host
    AND k.request_kind = r.request_kind AND k.local_uid IS r.local_uid
  LEFT JOIN rollup_cascade AS c ON c.cascade_id = r.cascade_id
  GROUP BY 1, 2, 3;
INSERT INTO quarter_sum
  SELECT quarter, key, sum(calls), sum(ok), sum(partial), sum(errors), sum(usage_unknown),
    sum(input_total), sum(input_uncached), sum(cached_input), sum(cache_write),
    sum(tool_use_prompt), sum(output_total), sum(reasoning), sum(total), sum(reasoning_unknown),
    sum(unpriced), sum(cost_pico_usd)
  FROM quarter_cascade_sum GROUP BY 1, 2;
INSERT INTO quarter_flag
  SELECT started_at / 900000000 - (started_at % 900000000 < 0), ifnull(c.id, 0), k.id, f.value,
    count(*)
  FROM record AS r, json_each(r.flags) AS f
  JOIN rollup_key AS k ON k.model IS r.model AND k.provider = r.provider AND k.host = r.host
    AND k.request_kind = r.request_kind AND k.local_uid IS r.local_uid
  LEFT JOIN rollup_cascade AS c ON c.cascade_id = r.cascade_id
  WHERE r.flags IS NOT NULL
  GROUP BY 1, 2, 3, 4;
INSERT INTO rollup_state (one, records, last_started_at)
  SELECT 1, count(*), max(started_at) FROM record;
)sql";

}  // namespace

const std::string& rollup_schema_step() {
  static const std::string step = kKeys + tables_of("quarter") + tables_of("day") + kFilling;
  return step;
}

}  // namespace agp::ledger
