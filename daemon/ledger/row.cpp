#include "daemon/ledger/row.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace agp::ledger {
namespace {

namespace json = boost::json;

constexpr const char* kColumns[] = {
    "id",
    "started_at",
    "first_byte_at",
    "ended_at",
    "host",
    "path",
    "protocol",
    "local_uid",
    "owner_uid",
    "instance",
    "request_kind",
    "cascade_id",
    "cascade_source",
    "cascade_evidence",
    "cascade_confirmed",
    "trajectory_id",
    "step_index",
    "bytes_in",
    "bytes_out",
    "provider",
    "api",
    "http_status",
    "stream",
    "model",
    "model_source",
    "request_model",
    "response_id",
    "request_id",
    "trace_id",
    "outcome",
    "finish",
    "finish_raw",
    "usage_state",
    "input_total",
    "input_uncached",
    "cached_input",
    "cache_write",
    "tool_use_prompt",
    "output_total",
    "reasoning",
    "total",
    "reported_total",
    "cache_write_by_ttl",
    "input_by_modality",
    "output_by_modality",
    "cached_by_modality",
    "service_tier",
    "tool_calls",
    "server_tools",
    "speed",
    "inference_geo",
    "credits_consumed",
    "additional_usage",
    "reported",
    "cost_pico_usd",
    "price_version",
    "price_aliased",
    "error_type",
    "error_code",
    "closed_by",
    "flags",
};

constexpr std::uint64_t kLargest =
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

void append_json(std::string& out, std::string_view text) {
  constexpr const char* kHex = "0123456789abcdef";
  out += '"';
  for (const char character : text) {
    const auto octet = static_cast<unsigned char>(character);
    if (octet == '"' || octet == '\\') {
      out += '\\';
      out += character;
    } else if (octet < 0x20) {
      out += "\\u00";
      out += kHex[octet >> 4];
      out += kHex[octet & 15];
    } else {
      out += character;
    }
  }
  out += '"';
}

void append_json(std::string& out, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), number).ptr;
  out.append(digits, static_cast<std::size_t>(end - digits));
}

void append_json(std::string& out, const std::map<std::string, std::uint64_t>& counts) {
  out += '{';
  for (const auto& [key, number] : counts) {
    if (out.back() != '{') {
      out += ',';
    }
    append_json(out, std::string_view(key));
    out += ':';
    append_json(out, number);
  }
  out += '}';
}

// `"name":` before a member of an object that has just been opened or has members already.
void append_name(std::string& out, std::string_view name) {
  if (out.back() != '{') {
    out += ',';
  }
  append_json(out, name);
  out += ':';
}

constexpr struct {
  const char* name;
  std::uint64_t usage::Usage::*number;
} kUsageNumbers[] = {
    {"input_total", &usage::Usage::input_total},
    {"input_uncached", &usage::Usage::input_uncached},
    {"cached_input", &usage::Usage::cached_input},
    {"cache_write", &usage::Usage::cache_write},
    {"tool_use_prompt", &usage::Usage::tool_use_prompt},
    {"output_total", &usage::Usage::output_total},
    {"total", &usage::Usage::total},
};
constexpr struct {
  const char* name;
  usage::Count usage::Usage::*number;
} kUsageMaybes[] = {
    {"reasoning", &usage::Usage::reasoning},
    {"reported_total", &usage::Usage::reported_total},
};
constexpr struct {
  const char* name;
  std::optional<std::map<std::string, std::uint64_t>> usage::Usage::*counts;
} kUsageMaps[] = {
    {"cache_write_by_ttl", &usage::Usage::cache_write_by_ttl},
    {"input_by_modality", &usage::Usage::input_by_modality},
    {"output_by_modality", &usage::Usage::output_by_modality},
    {"cached_by_modality", &usage::Usage::cached_by_modality},
};

void append_json(std::string& out, const usage::Usage& usage) {
  out += '{';
  for (const auto& member : kUsageNumbers) {
    append_name(out, member.name);
    append_json(out, usage.*member.number);
  }
  for (const auto& member : kUsageMaybes) {
    if (usage.*member.number) {
      append_name(out, member.name);
      append_json(out, *(usage.*member.number));
    }
  }
  for (const auto& member : kUsageMaps) {
    if (usage.*member.counts) {
      append_name(out, member.name);
      append_json(out, *(usage.*member.counts));
    }
  }
  out += '}';
}

void append_json(std::string& out, const usage::AdditionalUsage& more) {
  out += '{';
  append_name(out, "kind");
  append_json(out, std::string_view(more.kind));
  if (more.model) {
    append_name(out, "model");
    append_json(out, std::string_view(*more.model));
  }
  append_name(out, "usage");
  append_json(out, more.usage);
  out += '}';
}

// Writes the columns one after another: the order of kColumns is the order of the calls.
class Binder {
 public:
  explicit Binder(sqlite::Statement& statement) : statement_(statement) {}

  /// `value` outlives the statement's next step.
  void text(std::string_view value) { statement_.bind_borrowed(++index_, value); }
  void text(const std::optional<std::string>& value) {
    value ? text(std::string_view(*value)) : null();
  }
  void integer(std::int64_t value) { statement_.bind(++index_, value); }
  // SQLite's integers are signed; what does not fit is not known rather than wrong.
  void count(usage::Count value) {
    value&&* value <= kLargest ? integer(static_cast<std::int64_t>(*value)) : null();
  }
  void time(usage::Micros value) { integer(value.time_since_epoch().count()); }
  void null() { statement_.bind_null(++index_); }
  template <class Enum>
  void name_of(const std::optional<Enum>& value) {
    value ? text(std::string_view(name(*value))) : null();
  }
  void counts(const std::map<std::string, std::uint64_t>& value) {
    json_.clear();
    append_json(json_, value);
    statement_.bind(++index_, std::string_view(json_));
  }
  void counts(const std::optional<std::map<std::string, std::uint64_t>>& value) {
    value ? counts(*value) : null();
  }
  /// NULL when there are none.
  template <class Values>
  void list(const Values& values) {
    if (values.empty()) {
      null();
      return;
    }
    json_ = "[";
    for (const auto& value : values) {
      if (json_.size() > 1) {
        json_ += ',';
      }
      append_json(json_, value);
    }
    json_ += ']';
    statement_.bind(++index_, std::string_view(json_));
  }

 private:
  sqlite::Statement& statement_;
  int index_ = 0;
  std::string json_;
};

void bind_usage(Binder& bind, const std::optional<usage::Usage>& usage) {
  if (!usage) {
    for (int column = 0; column < 13; ++column) {
      bind.null();
    }
    return;
  }
  bind.count(usage->input_total);
  bind.count(usage->input_uncached);
  bind.count(usage->cached_input);
  bind.count(usage->cache_write);
  bind.count(usage->tool_use_prompt);
  bind.count(usage->output_total);
  bind.count(usage->reasoning);
  bind.count(usage->total);
  bind.count(usage->reported_total);
  bind.counts(usage->cache_write_by_ttl);
  bind.counts(usage->input_by_modality);
  bind.counts(usage->output_by_modality);
  bind.counts(usage->cached_by_modality);
}

std::optional<std::uint64_t> number_of(const json::value& value) {
  if (value.is_uint64()) {
    return value.get_uint64();
  }
  if (value.is_int64() && value.get_int64() >= 0) {
    return static_cast<std::uint64_t>(value.get_int64());
  }
  return std::nullopt;
}

std::map<std::string, std::uint64_t> counts_of(const json::value& value) {
  std::map<std::string, std::uint64_t> out;
  if (value.is_object()) {
    for (const auto& item : value.get_object()) {
      if (const auto number = number_of(item.value())) {
        out[item.key()] = *number;
      }
    }
  }
  return out;
}

usage::Usage usage_of(const json::object& object) {
  usage::Usage out;
  for (const auto& member : kUsageNumbers) {
    if (const auto* value = object.if_contains(member.name)) {
      out.*member.number = number_of(*value).value_or(0);
    }
  }
  for (const auto& member : kUsageMaybes) {
    if (const auto* value = object.if_contains(member.name)) {
      out.*member.number = number_of(*value);
    }
  }
  for (const auto& member : kUsageMaps) {
    if (const auto* value = object.if_contains(member.name)) {
      out.*member.counts = counts_of(*value);
    }
  }
  return out;
}

std::optional<usage::AdditionalUsage> additional_usage_of(const json::value& value) {
  if (!value.is_object()) {
    return std::nullopt;
  }
  const auto& object = value.get_object();
  const auto* kind = object.if_contains("kind");
  const auto* usage = object.if_contains("usage");
  if (kind == nullptr || !kind->is_string() || usage == nullptr || !usage->is_object()) {
    return std::nullopt;
  }
  usage::AdditionalUsage out;
  out.kind = kind->get_string();
  if (const auto* model = object.if_contains("model"); model != nullptr && model->is_string()) {
    out.model = std::string(model->get_string());
  }
  out.usage = usage_of(usage->get_object());
  return out;
}

// Reads the columns one after another, like Binder.
class Reader {
 public:
  explicit Reader(const sqlite::Statement& row) : row_(row) {}

  std::string text() { return row_.text(column_++); }
  std::optional<std::string> maybe_text() { return row_.maybe_text(column_++); }
  std::int64_t integer() { return row_.integer(column_++); }
  template <class Number>
  std::optional<Number> maybe() {
    const auto value = row_.maybe_integer(column_++);
    return value ? std::optional<Number>(static_cast<Number>(*value)) : std::nullopt;
  }
  usage::Micros time() { return usage::Micros(std::chrono::microseconds(integer())); }
  std::optional<usage::Micros> maybe_time() {
    const auto value = row_.maybe_integer(column_++);
    if (!value) {
      return std::nullopt;
    }
    return usage::Micros(std::chrono::microseconds(*value));
  }
  std::uint64_t count() { return static_cast<std::uint64_t>(integer()); }
  /// The enumerator whose name is stored, or `otherwise`: a word from an older version must not
  /// make a record unreadable.
  template <class Enum>
  Enum named(Enum otherwise) {
    return named_in<Enum>(text()).value_or(otherwise);
  }
  template <class Enum>
  std::optional<Enum> maybe_named() {
    return named_in<Enum>(text());
  }
  std::optional<std::map<std::string, std::uint64_t>> counts() {
    const auto stored = maybe_text();
    if (!stored) {
      return std::nullopt;
    }
    boost::system::error_code error;
    return counts_of(json::parse(*stored, error));
  }
  std::vector<std::string> list() {
    std::vector<std::string> out;
    for (const auto& item : array()) {
      if (item.is_string()) {
        out.emplace_back(item.get_string());
      }
    }
    return out;
  }
  std::vector<usage::AdditionalUsage> additional_usage() {
    std::vector<usage::AdditionalUsage> out;
    for (const auto& item : array()) {
      if (auto more = additional_usage_of(item)) {
        out.push_back(std::move(*more));
      }
    }
    return out;
  }

 private:
  template <class Enum>
  static std::optional<Enum> named_in(const std::string& stored) {
    // Behind the last enumerator there is no name.
    for (int value = 0; *name(static_cast<Enum>(value)) != '\0'; ++value) {
      if (stored == name(static_cast<Enum>(value))) {
        return static_cast<Enum>(value);
      }
    }
    return std::nullopt;
  }

  json::array array() {
    const auto stored = maybe_text();
    if (!stored) {
      return {};
    }
    boost::system::error_code error;
    auto value = json::parse(*stored, error);
    return value.is_array() ? std::move(value.get_array()) : json::array();
  }

  const sqlite::Statement& row_;
  int column_ = 0;
};

std::optional<usage::Usage> read_usage(Reader& read) {
  usage::Usage out;
  const auto input_total = read.maybe<std::uint64_t>();
  out.input_total = input_total.value_or(0);
  out.input_uncached = read.count();
  out.cached_input = read.count();
  out.cache_write = read.count();
  out.tool_use_prompt = read.count();
  out.output_total = read.count();
  out.reasoning = read.maybe<std::uint64_t>();
  out.total = read.count();
  out.reported_total = read.maybe<std::uint64_t>();
  out.cache_write_by_ttl = read.counts();
  out.input_by_modality = read.counts();
  out.output_by_modality = read.counts();
  out.cached_by_modality = read.counts();
  return input_total ? std::optional(std::move(out)) : std::nullopt;
}

const std::string& stored_columns() {
  static const std::string columns = [] {
    std::string out;
    for (const char* column : kColumns) {
      out += out.empty() ? "" : ", ";
      out += column;
    }
    return out;
  }();
  return columns;
}

}  // namespace

const std::string& record_columns() {
  static const std::string columns = "sequence, " + stored_columns();
  return columns;
}

const std::string& insert_sql() {
  static const std::string sql = [] {
    std::string marks;
    for (std::size_t i = 0; i < std::size(kColumns); ++i) {
      marks += i == 0 ? "?" : ", ?";
    }
    return "INSERT INTO record (" + stored_columns() + ") VALUES (" + marks +
           ") ON CONFLICT (id) DO NOTHING";
  }();
  return sql;
}

void bind_record(sqlite::Statement& statement, const usage::Record& record) {
  Binder bind(statement);
  bind.text(std::string_view(record.id));
  bind.time(record.started_at);
  record.first_byte_at ? bind.time(*record.first_byte_at) : bind.null();
  bind.time(record.ended_at);
  bind.text(std::string_view(record.host));
  bind.text(std::string_view(record.path));
  bind.text(std::string_view(record.protocol));
  record.local_uid ? bind.integer(*record.local_uid) : bind.null();
  record.owner_uid ? bind.integer(*record.owner_uid) : bind.null();
  bind.text(std::string_view(record.instance));
  bind.text(std::string_view(name(record.request_kind)));
  bind.text(record.cascade_id);
  bind.text(std::string_view(name(record.cascade_source)));
  bind.text(std::string_view(record.cascade_evidence));
  bind.integer(record.cascade_confirmed ? 1 : 0);
  bind.text(record.trajectory_id);
  bind.count(record.step_index);
  bind.integer(static_cast<std::int64_t>(std::min(record.bytes_in, kLargest)));
  bind.integer(static_cast<std::int64_t>(std::min(record.bytes_out, kLargest)));
  bind.text(std::string_view(name(record.provider)));
  bind.text(std::string_view(name(record.api)));
  record.http_status ? bind.integer(*record.http_status) : bind.null();
  bind.integer(record.stream ? 1 : 0);
  bind.text(record.model);
  bind.name_of(record.model_source);
  bind.text(record.request_model);
  bind.text(record.response_id);
  bind.text(record.request_id);
  bind.text(record.trace_id);
  bind.text(std::string_view(name(record.outcome)));
  bind.name_of(record.finish);
  bind.text(record.finish_raw);
  bind.text(std::string_view(name(record.usage_state)));
  bind_usage(bind, record.usage);
  bind.text(record.service_tier);
  bind.list(record.tool_calls);
  bind.counts(record.server_tools);
  bind.text(record.modifiers.speed);
  bind.text(record.modifiers.inference_geo);
  bind.count(record.credits_consumed);
  bind.list(record.additional_usage);
  record.reported.empty() ? bind.null() : bind.counts(record.reported);
  // A price that does not fit is no price at all.
  const bool is_priced = record.cost && record.cost->pico_usd <= kLargest;
  bind.count(is_priced ? usage::Count(record.cost->pico_usd) : std::nullopt);
  is_priced ? bind.text(std::string_view(record.cost->price_version)) : bind.null();
  bind.integer(is_priced && record.cost->is_aliased ? 1 : 0);
  record.error ? bind.text(std::string_view(record.error->type)) : bind.null();
  record.error ? bind.text(std::string_view(record.error->code)) : bind.null();
  bind.name_of(record.closed_by);
  bind.list(record.flags);
}

const std::string& confirm_sql() {
  static const std::string sql =
      "UPDATE record SET cascade_id = ?, cascade_source = ?, cascade_evidence = ?,"
      " cascade_confirmed = ?, trajectory_id = ?, step_index = ?, flags = ? WHERE sequence = ?";
  return sql;
}

void bind_confirmed(sqlite::Statement& statement, const usage::Record& record) {
  Binder bind(statement);
  bind.text(record.cascade_id);
  bind.text(std::string_view(name(record.cascade_source)));
  bind.text(std::string_view(record.cascade_evidence));
  bind.integer(record.cascade_confirmed ? 1 : 0);
  bind.text(record.trajectory_id);
  bind.count(record.step_index);
  bind.list(record.flags);
  bind.integer(static_cast<std::int64_t>(record.sequence));
}

usage::Record read_record(const sqlite::Statement& row) {
  Reader read(row);
  usage::Record out;
  out.sequence = read.count();
  out.id = read.text();
  out.started_at = read.time();
  out.first_byte_at = read.maybe_time();
  out.ended_at = read.time();
  out.host = read.text();
  out.path = read.text();
  out.protocol = read.text();
  out.local_uid = read.maybe<std::uint32_t>();
  out.owner_uid = read.maybe<std::uint32_t>();
  out.instance = read.text();
  out.request_kind = read.named(usage::RequestKind::other);
  out.cascade_id = read.maybe_text();
  out.cascade_source = read.named(usage::CascadeSource::none);
  out.cascade_evidence = read.text();
  out.cascade_confirmed = read.integer() != 0;
  out.trajectory_id = read.maybe_text();
  out.step_index = read.maybe<std::uint64_t>();
  out.bytes_in = read.count();
  out.bytes_out = read.count();
  out.provider = read.named(usage::Provider::google);
  out.api = read.named(usage::Api::code_assist);
  out.http_status = read.maybe<std::uint16_t>();
  out.stream = read.integer() != 0;
  out.model = read.maybe_text();
  out.model_source = read.maybe_named<usage::ModelSource>();
  out.request_model = read.maybe_text();
  out.response_id = read.maybe_text();
  out.request_id = read.maybe_text();
  out.trace_id = read.maybe_text();
  out.outcome = read.named(usage::Outcome::partial);
  out.finish = read.maybe_named<usage::Finish>();
  out.finish_raw = read.maybe_text();
  out.usage_state = read.named(usage::UsageState::none);
  out.usage = read_usage(read);
  out.service_tier = read.maybe_text();
  out.tool_calls = read.list();
  out.server_tools = read.counts();
  out.modifiers.speed = read.maybe_text();
  out.modifiers.inference_geo = read.maybe_text();
  out.credits_consumed = read.maybe<std::uint64_t>();
  out.additional_usage = read.additional_usage();
  out.reported = read.counts().value_or(std::map<std::string, std::uint64_t>());
  const auto pico_usd = read.maybe<std::uint64_t>();
  const auto price_version = read.maybe_text();
  const bool is_aliased = read.integer() != 0;
  if (pico_usd) {
    out.cost = usage::Cost{*pico_usd, price_version.value_or(""), is_aliased};
  }
  const auto type = read.maybe_text();
  const auto code = read.maybe_text();
  if (type || code) {
    out.error = usage::CallError{type.value_or(""), code.value_or("")};
  }
  out.closed_by = read.maybe_named<usage::Closer>();
  const auto flags = read.list();
  out.flags.insert(flags.begin(), flags.end());
  return out;
}

}  // namespace agp::ledger
