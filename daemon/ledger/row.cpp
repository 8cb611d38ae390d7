#include "daemon/ledger/row.h"

#include <algorithm>
#include <limits>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
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
    "instance",
    "request_kind",
    "cascade_id",
    "cascade_source",
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
    "credits_consumed",
    "error_type",
    "error_code",
    "flags",
};

constexpr std::uint64_t kLargest =
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

// Writes the columns one after another: the order of kColumns is the order of the calls.
class Binder {
 public:
  explicit Binder(sqlite::Statement& statement) : statement_(statement) {}

  void text(std::string_view value) { statement_.bind(++index_, value); }
  void text(const std::optional<std::string>& value) {
    value ? statement_.bind(++index_, std::string_view(*value)) : null();
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
  void counts(const std::optional<std::map<std::string, std::uint64_t>>& value) {
    if (!value) {
      null();
      return;
    }
    json::object object;
    for (const auto& [key, number] : *value) {
      object[key] = number;
    }
    text(std::string_view(json::serialize(object)));
  }
  template <class Strings>
  void list(const Strings& values) {
    if (values.empty()) {
      null();
      return;
    }
    json::array array;
    for (const auto& value : values) {
      array.emplace_back(value);
    }
    text(std::string_view(json::serialize(array)));
  }

 private:
  sqlite::Statement& statement_;
  int index_ = 0;
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
  Enum named(Enum last, Enum otherwise) {
    return named_in<Enum>(text(), last).value_or(otherwise);
  }
  template <class Enum>
  std::optional<Enum> maybe_named(Enum last) {
    return named_in<Enum>(text(), last);
  }
  std::optional<std::map<std::string, std::uint64_t>> counts() {
    const auto stored = maybe_text();
    if (!stored) {
      return std::nullopt;
    }
    boost::system::error_code error;
    const auto value = json::parse(*stored, error);
    std::map<std::string, std::uint64_t> out;
    if (!error && value.is_object()) {
      for (const auto& item : value.get_object()) {
        out[item.key()] = item.value().is_int64()
                              ? static_cast<std::uint64_t>(item.value().get_int64())
                              : (item.value().is_uint64() ? item.value().get_uint64() : 0);
      }
    }
    return out;
  }
  std::vector<std::string> list() {
    std::vector<std::string> out;
    const auto stored = maybe_text();
    if (!stored) {
      return out;
    }
    boost::system::error_code error;
    const auto value = json::parse(*stored, error);
    if (!error && value.is_array()) {
      for (const auto& item : value.get_array()) {
        if (item.is_string()) {
          out.emplace_back(item.get_string());
        }
      }
    }
    return out;
  }

 private:
  template <class Enum>
  static std::optional<Enum> named_in(const std::string& stored, Enum last) {
    for (int value = 0; value <= static_cast<int>(last); ++value) {
      if (stored == name(static_cast<Enum>(value))) {
        return static_cast<Enum>(value);
      }
    }
    return std::nullopt;
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

}  // namespace

const std::string& record_columns() {
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

const std::string& insert_sql() {
  static const std::string sql = [] {
    std::string marks;
    for (std::size_t i = 0; i < std::size(kColumns); ++i) {
      marks += i == 0 ? "?" : ", ?";
    }
    return "INSERT INTO record (" + record_columns() + ") VALUES (" + marks +
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
  bind.text(std::string_view(record.instance));
  bind.text(std::string_view(name(record.request_kind)));
  bind.text(record.cascade_id);
  bind.text(std::string_view(name(record.cascade_source)));
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
  bind.count(record.credits_consumed);
  bind.text(record.error ? std::optional(record.error->type) : std::nullopt);
  bind.text(record.error ? std::optional(record.error->code) : std::nullopt);
  bind.list(record.flags);
}

usage::Record read_record(const sqlite::Statement& row) {
  Reader read(row);
  usage::Record out;
  out.id = read.text();
  out.started_at = read.time();
  out.first_byte_at = read.maybe_time();
  out.ended_at = read.time();
  out.host = read.text();
  out.path = read.text();
  out.protocol = read.text();
  out.local_uid = read.maybe<std::uint32_t>();
  out.instance = read.text();
  out.request_kind = read.named(usage::RequestKind::other, usage::RequestKind::other);
  out.cascade_id = read.maybe_text();
  out.cascade_source = read.named(usage::CascadeSource::none, usage::CascadeSource::none);
  out.trajectory_id = read.maybe_text();
  out.step_index = read.maybe<std::uint64_t>();
  out.bytes_in = read.count();
  out.bytes_out = read.count();
  out.provider = read.named(usage::Provider::azure, usage::Provider::google);
  out.api = read.named(usage::Api::responses, usage::Api::code_assist);
  out.http_status = read.maybe<std::uint16_t>();
  out.stream = read.integer() != 0;
  out.model = read.maybe_text();
  out.model_source = read.maybe_named(usage::ModelSource::request);
  out.response_id = read.maybe_text();
  out.request_id = read.maybe_text();
  out.trace_id = read.maybe_text();
  out.outcome = read.named(usage::Outcome::error, usage::Outcome::partial);
  out.finish = read.maybe_named(usage::Finish::cancelled);
  out.finish_raw = read.maybe_text();
  out.usage_state = read.named(usage::UsageState::none, usage::UsageState::none);
  out.usage = read_usage(read);
  out.service_tier = read.maybe_text();
  out.tool_calls = read.list();
  out.credits_consumed = read.maybe<std::uint64_t>();
  const auto type = read.maybe_text();
  const auto code = read.maybe_text();
  if (type || code) {
    out.error = usage::CallError{type.value_or(""), code.value_or("")};
  }
  const auto flags = read.list();
  out.flags.insert(flags.begin(), flags.end());
  return out;
}

}  // namespace agp::ledger
