#include "daemon/api/usage_question.h"

#include "daemon/api/times.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <string_view>

namespace agp::api {
namespace {

constexpr std::size_t kMostRecords = 1000;
constexpr std::size_t kLongestValue = 1024;
constexpr std::size_t kMostParameters = 32;
constexpr std::chrono::days kHistory(7);

constexpr const char* kFilters =
    "since, until, timezone, model, cascade, provider, host, kind, uid";

Error refused(std::string message) {
  return {ledger::Errc::invalid_query, std::move(message)};
}

std::string in_quotes(std::string_view value) {
  return "\"" + std::string(value.substr(0, 64)) + "\"";
}

template <class Number>
std::optional<Number> number_from(std::string_view text) {
  Number out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(out)
                                                                  : std::nullopt;
}

Result<std::vector<ledger::GroupBy>> parse_group_by(std::string_view text) {
  std::vector<ledger::GroupBy> out;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto word = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    const auto group = ledger::group_by_from(word);
    if (!group) {
      return refused(
          "group_by: expected a comma list of model, provider, host, day, hour, cascade, "
          "kind, uid, got " +
          in_quotes(word));
    }
    if (std::find(out.begin(), out.end(), *group) != out.end()) {
      return refused("group_by: " + in_quotes(word) + " is there twice");
    }
    out.push_back(*group);
  }
  return out;
}

template <class Enum, std::size_t N>
std::optional<Enum> value_named(std::string_view text, const Enum (&values)[N]) {
  for (const auto value : values) {
    if (text == name(value)) {
      return value;
    }
  }
  return std::nullopt;
}

Result<> parse_provider(const std::string& value, ledger::Filter& filter) {
  using usage::Provider;
  constexpr Provider kAll[] = {Provider::google, Provider::anthropic, Provider::openai,
                               Provider::azure};
  filter.provider = value_named(value, kAll);
  return filter.provider ? Result<>()
                         : refused("provider: expected google, anthropic, openai or azure, got " +
                                   in_quotes(value));
}

Result<> parse_kind(const std::string& value, ledger::Filter& filter) {
  using usage::RequestKind;
  constexpr RequestKind kAll[] = {RequestKind::agent, RequestKind::checkpoint, RequestKind::tab,
                                  RequestKind::web_search, RequestKind::other};
  filter.kind = value_named(value, kAll);
  return filter.kind ? Result<>()
                     : refused("kind: expected agent, checkpoint, tab, web_search or other, got " +
                               in_quotes(value));
}

Result<> parse_uid(const std::string& value, ledger::Filter& filter) {
  filter.uid = number_from<std::uint32_t>(value);
  return filter.uid ? Result<>()
                    : refused("uid: expected a number such as 1000, got " + in_quotes(value));
}

/// What the parameters of every question have in common.
class Reader {
 public:
  static Result<Reader> open(const Parameters& parameters, const Visibility& who) {
    Reader reader;
    reader.filter.owners = who.uids;
    if (parameters.size() > kMostParameters) {
      return refused("more than 32 parameters");
    }
    for (const auto& [key, value] : parameters) {
      const auto shown = key.substr(0, 64);
      if (value.size() > kLongestValue) {
        return refused(shown + ": longer than 1024 octets");
      }
      if (!reader.left_.emplace(key, value).second) {
        return refused(shown + ": given twice");
      }
    }
    return reader;
  }

  /// The value of a parameter, which then counts as known.
  std::optional<std::string> take(const char* key) {
    const auto found = left_.find(key);
    if (found == left_.end()) {
      return std::nullopt;
    }
    auto value = std::move(found->second);
    left_.erase(found);
    return value;
  }

  Result<> read_names() {
    filter.model = take("model");
    filter.cascade = take("cascade");
    filter.host = take("host");
    for (const auto& [key, parse] :
         {std::pair{"provider", &parse_provider}, {"kind", &parse_kind}, {"uid", &parse_uid}}) {
      const auto value = take(key);
      if (!value) {
        continue;
      }
      if (auto parsed = parse(*value, filter); !parsed) {
        return parsed;
      }
    }
    return {};
  }

  Result<> read_times(usage::Micros now) {
    if (const auto name = take("timezone")) {
      auto loaded = Zone::load(*name);
      if (!loaded) {
        return refused("timezone: " + loaded.error().context);
      }
      zone = std::move(*loaded);
    }
    for (const auto& [key, into] : {std::pair{"since", &filter.since}, {"until", &filter.until}}) {
      const auto value = take(key);
      if (!value) {
        continue;
      }
      auto at = parse_time(*value, now, zone);
      if (!at) {
        return refused(std::string(key) + ": " + at.error().context);
      }
      *into = *at;
    }
    return {};
  }

  /// Refuses what nobody has taken.
  Result<> finish(const std::string& known) const {
    return left_.empty() ? Result<>()
                         : refused(left_.begin()->first.substr(0, 64) +
                                   ": unknown parameter; known are " + known);
  }

  ledger::Filter filter;
  Zone zone;

 private:
  std::map<std::string, std::string> left_;
};

// All filters of a question over the past.
Result<Reader> open_over_time(const Parameters& parameters,
                              const Visibility& who,
                              usage::Micros now) {
  auto reader = Reader::open(parameters, who);
  if (!reader) {
    return reader;
  }
  if (auto names = reader->read_names(); !names) {
    return names.error();
  }
  if (auto times = reader->read_times(now); !times) {
    return times.error();
  }
  return reader;
}

}  // namespace

Result<UsageQuestion> parse_usage_question(const Parameters& parameters,
                                           const Visibility& who,
                                           usage::Micros now) {
  auto reader = open_over_time(parameters, who, now);
  if (!reader) {
    return reader.error();
  }
  UsageQuestion question;
  question.query.group_by = {ledger::GroupBy::model};
  if (const auto text = reader->take("group_by")) {
    auto groups = parse_group_by(*text);
    if (!groups) {
      return groups.error();
    }
    question.query.group_by = std::move(*groups);
  }
  if (auto known = reader->finish(std::string("group_by, ") + kFilters); !known) {
    return known.error();
  }
  question.query.filter = std::move(reader->filter);
  question.zone = std::move(reader->zone);
  if (!question.zone.is_utc()) {
    question.query.utc_offset = [zone = question.zone](usage::Micros at) {
      return zone.utc_offset(at);
    };
  }
  return question;
}

Result<ledger::PageQuery> parse_records_question(const Parameters& parameters,
                                                 const Visibility& who,
                                                 usage::Micros now) {
  auto reader = open_over_time(parameters, who, now);
  if (!reader) {
    return reader.error();
  }
  ledger::PageQuery query;
  if (const auto text = reader->take("limit")) {
    const auto limit = number_from<std::size_t>(*text);
    if (!limit || *limit == 0 || *limit > kMostRecords) {
      return refused("limit: expected a number from 1 to 1000, got " + in_quotes(*text));
    }
    query.limit = *limit;
  }
  query.cursor = reader->take("cursor");
  if (auto known = reader->finish(std::string("limit, cursor, ") + kFilters); !known) {
    return known.error();
  }
  query.filter = std::move(reader->filter);
  return query;
}

Result<ledger::QuotaQuery> parse_quota_history_question(const Parameters& parameters,
                                                        const Visibility& who,
                                                        usage::Micros now) {
  auto reader = Reader::open(parameters, who);
  if (!reader) {
    return reader.error();
  }
  if (auto times = reader->read_times(now); !times) {
    return times.error();
  }
  if (auto known = reader->finish("since, until, timezone"); !known) {
    return known.error();
  }
  ledger::QuotaQuery query;
  query.since = reader->filter.since.value_or(now - kHistory);
  query.until = reader->filter.until;
  query.owners = std::move(reader->filter.owners);
  return query;
}

Result<WhyQuestion> parse_why_question(const Parameters& parameters,
                                       const Visibility& who,
                                       usage::Micros now) {
  auto reader = Reader::open(parameters, who);
  if (!reader) {
    return reader.error();
  }
  const auto window = reader->take("window").value_or("5h");
  if (auto known = reader->finish("window"); !known) {
    return known.error();
  }
  const auto since = parse_time("-" + window, now);
  if (!since || now - *since < std::chrono::minutes(1) || now - *since > kHistory) {
    return refused("window: expected a time from 1m to 7d such as 5h, got " + in_quotes(window));
  }
  WhyQuestion question;
  question.since = *since;
  question.until = now;
  question.owners = std::move(reader->filter.owners);
  return question;
}

const char* content_type(ExportFormat format) {
  switch (format) {
    case ExportFormat::csv:
      return "text/csv; charset=utf-8; header=present";
    case ExportFormat::json:
      return "application/json";
    case ExportFormat::ndjson:
      return "application/x-ndjson";
  }
  return "";
}

std::string file_name(ExportFormat format) {
  switch (format) {
    case ExportFormat::csv:
      return "antigravity-proxy-usage.csv";
    case ExportFormat::json:
      return "antigravity-proxy-usage.json";
    case ExportFormat::ndjson:
      return "antigravity-proxy-usage.ndjson";
  }
  return "";
}

Result<ExportQuestion> parse_export_question(const Parameters& parameters,
                                             const Visibility& who,
                                             usage::Micros now) {
  auto reader = open_over_time(parameters, who, now);
  if (!reader) {
    return reader.error();
  }
  ExportQuestion question;
  const auto format = reader->take("format").value_or("");
  if (format == "csv") {
    question.format = ExportFormat::csv;
  } else if (format == "json") {
    question.format = ExportFormat::json;
  } else if (format == "ndjson") {
    question.format = ExportFormat::ndjson;
  } else {
    return refused("format: expected csv, json or ndjson, got " + in_quotes(format));
  }
  if (auto known = reader->finish(std::string("format, ") + kFilters); !known) {
    return known.error();
  }
  question.filter = std::move(reader->filter);
  return question;
}

Result<StreamQuestion> parse_stream_question(const Parameters& parameters,
                                             const std::optional<std::string>& last_event_id,
                                             const Visibility& who) {
  auto reader = Reader::open(parameters, who);
  if (!reader) {
    return reader.error();
  }
  if (auto names = reader->read_names(); !names) {
    return names.error();
  }
  StreamQuestion question;
  auto after = reader->take("after");
  const char* source = "after";
  if (last_event_id && !last_event_id->empty()) {
    after = last_event_id;
    source = "Last-Event-ID";
  }
  if (after) {
    question.after = number_from<std::uint64_t>(*after);
    if (!question.after) {
      return refused(std::string(source) +
                     ": expected the id of an event, which is a number, got " + in_quotes(*after));
    }
  }
  if (auto known = reader->finish("after, model, cascade, provider, host, kind, uid"); !known) {
    return known.error();
  }
  question.filter = std::move(reader->filter);
  return question;
}

}  // namespace agp::api
