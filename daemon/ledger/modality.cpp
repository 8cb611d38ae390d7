#include "daemon/ledger/modality.h"

#include "daemon/ledger/rollup.h"

#include <algorithm>
#include <iterator>
#include <optional>

namespace agp::ledger {
namespace {

// Google's word for a modality that it does not tell, and the one of the GenAI conventions.
constexpr const char* kUntold[] = {"", "modality_unspecified", "unknown"};

bool is_told(const std::string& name) {
  return std::find(std::begin(kUntold), std::end(kUntold), name) == std::end(kUntold);
}

void add_split(const std::optional<usage::ModalityCounts>& split,
               std::uint64_t whole,
               std::uint64_t ModalityTokens::*which,
               ByModality& into) {
  if (!split) {
    return;
  }
  for (const auto& [name, tokens] : *split) {
    if (tokens > whole) {
      return;
    }
    whole -= tokens;
  }
  for (const auto& [name, tokens] : *split) {
    if (tokens > 0 && is_told(name)) {
      into[name].*which += tokens;
    }
  }
}

Result<> run(sqlite::Statement& statement) {
  auto done = statement.step();
  statement.reset();
  return done ? Result<>() : Result<>(done.error());
}

Result<std::vector<std::string>> read_names(sqlite::Database& database) {
  auto statement = database.prepare("SELECT name FROM modality ORDER BY id");
  if (!statement) {
    return statement.error();
  }
  std::vector<std::string> names;
  while (true) {
    auto row = statement->step();
    if (!row) {
      return row.error();
    }
    if (!*row) {
      return names;
    }
    names.push_back(statement->text(0));
  }
}

}  // namespace

void ModalityTokens::add(const ModalityTokens& other) {
  input += other.input;
  output += other.output;
  cached += other.cached;
}

ByModality by_modality_of(const usage::Record& record) {
  ByModality out;
  if (record.usage) {
    const auto sums = sums_of(record);
    add_split(record.usage->input_by_modality, sums.input_total, &ModalityTokens::input, out);
    add_split(record.usage->output_by_modality, sums.output_total, &ModalityTokens::output, out);
    add_split(record.usage->cached_by_modality, sums.cached_input, &ModalityTokens::cached, out);
  }
  return out;
}

std::size_t ModalityChanges::place_of(const std::string& name) {
  const auto found = std::find(names_.begin(), names_.end(), name);
  const auto place = static_cast<std::size_t>(found - names_.begin());
  if (found == names_.end()) {
    names_.push_back(name);
  }
  return place;
}

void ModalityChanges::add(std::int64_t key, const usage::Record& record, std::int64_t sign) {
  for (const auto& [name, tokens] : by_modality_of(record)) {
    auto& row = rows_[{place_of(name), key}];
    const auto add = [sign](std::int64_t& sum, std::uint64_t value) {
      sum = saturating_add(sum, sign * static_cast<std::int64_t>(value));
    };
    add(row.input, tokens.input);
    add(row.output, tokens.output);
    add(row.cached, tokens.cached);
  }
}

Result<> ModalityChanges::write() {
  std::erase_if(rows_, [](const auto& entry) { return entry.second == Row{}; });
  if (rows_.empty()) {
    return {};
  }
  auto name = database_.prepare("INSERT OR IGNORE INTO modality (name) VALUES (?)");
  if (!name) {
    return name.error();
  }
  const std::string largest = std::to_string(INT64_MAX);
  auto upsert = database_.prepare(
      "INSERT INTO modality_sum (key, modality, input, output, cached)"
      " VALUES (?1, (SELECT id FROM modality WHERE name = ?2), ?3, ?4, ?5)"
      " ON CONFLICT (key, modality) DO UPDATE SET"
      " input = min(input + excluded.input, " +
      largest + "), output = min(output + excluded.output, " + largest +
      "), cached = min(cached + excluded.cached, " + largest + ")");
  if (!upsert) {
    return upsert.error();
  }
  for (const auto& [place, row] : rows_) {
    const std::string_view modality = names_[place.first];
    name->bind(1, modality);
    auto named = run(*name);
    if (!named) {
      return named;
    }
    upsert->bind(1, place.second);
    upsert->bind(2, modality);
    upsert->bind(3, row.input);
    upsert->bind(4, row.output);
    upsert->bind(5, row.cached);
    auto added = run(*upsert);
    if (!added) {
      return added;
    }
  }
  return {};
}

Result<Modalities> read_modalities(sqlite::Database& database) {
  auto names = read_names(database);
  if (!names) {
    return names.error();
  }
  auto sums = database.prepare(
      "SELECT key, name, input, output, cached FROM modality_sum JOIN modality ON modality.id ="
      " modality_sum.modality");
  if (!sums) {
    return sums.error();
  }
  Modalities out{{}, std::move(*names)};
  while (true) {
    auto row = sums->step();
    if (!row) {
      return row.error();
    }
    if (!*row) {
      return out;
    }
    const auto tokens = [&](int column) {
      return static_cast<std::uint64_t>(sums->integer(column));
    };
    out.by_key[sums->integer(0)][sums->text(1)] = {tokens(2), tokens(3), tokens(4)};
  }
}

}  // namespace agp::ledger
