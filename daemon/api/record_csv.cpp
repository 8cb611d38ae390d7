#include "daemon/api/record_csv.h"

#include "daemon/api/record_json.h"
#include "daemon/api/rfc3339.h"
#include "daemon/api/utf8.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

namespace agp::api {
namespace {

namespace json = boost::json;
using usage::Record;

bool looks_like_a_formula(std::string_view text) {
  constexpr std::string_view kStarts = "=+-@\t\r\n'";
  constexpr std::string_view kWideStarts[] = {"\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D",
                                              "\xEF\xBC\xA0"};
  return (!text.empty() && kStarts.find(text.front()) != std::string_view::npos) ||
         std::any_of(std::begin(kWideStarts), std::end(kWideStarts),
                     [&](std::string_view start) { return text.starts_with(start); });
}

// More than RFC 4180 asks for: edges that readers trim, and separators that some of them guess.
bool needs_quotes(std::string_view text) {
  return text.find_first_of(",\"\r\n\t;") != std::string_view::npos || text.starts_with(' ') ||
         text.ends_with(' ');
}

std::string quoted_if_needed(const std::string& text) {
  if (!needs_quotes(text)) {
    return text;
  }
  std::string out = "\"";
  for (const char c : text) {
    out += c == '"' ? "\"\"" : std::string(1, c);
  }
  return out + "\"";
}

std::string field(const std::optional<std::string>& value) {
  return value ? csv_text(*value) : std::string();
}

template <class Number>
std::string number(const std::optional<Number>& value) {
  return value ? std::to_string(*value) : std::string();
}

std::string flag(bool value) {
  return value ? "true" : "false";
}

template <class Enum>
std::string word(const std::optional<Enum>& value) {
  return value ? name(*value) : "";
}

// Made by us, so that it begins with a bracket or a brace.
std::string json_field(const json::value& value) {
  return value.is_null() ? std::string() : quoted_if_needed(json::serialize(value));
}

template <class Strings>
std::string list(const Strings& values) {
  json::array out;
  for (const auto& value : values) {
    out.emplace_back(utf8(value));
  }
  return out.empty() ? std::string() : json_field(out);
}

std::string of_usage(const Record& record, std::uint64_t usage::Usage::*count) {
  return record.usage ? std::to_string((*record.usage).*count) : std::string();
}

using Counts = std::optional<std::map<std::string, std::uint64_t>>;

std::string of_usage(const Record& record, Counts usage::Usage::*counts) {
  return record.usage ? json_field(counts_value((*record.usage).*counts)) : std::string();
}

std::string time(const std::optional<usage::Micros>& value) {
  return value ? to_rfc3339(*value) : std::string();
}

struct Column {
  const char* title;
  std::string (*field)(const Record& record);
};

using R = const Record&;
using U = usage::Usage;

constexpr Column kColumns[] = {
    {"id",
     [](R r) {
       return csv_text(r.id);
     }},
    {"sequence",
     [](R r) {
       return std::to_string(r.sequence);
     }},
    {"started_at",
     [](R r) {
       return to_rfc3339(r.started_at);
     }},
    {"first_byte_at",
     [](R r) {
       return time(r.first_byte_at);
     }},
    {"ended_at",
     [](R r) {
       return to_rfc3339(r.ended_at);
     }},
    {"provider",
     [](R r) {
       return std::string(name(r.provider));
     }},
    {"api",
     [](R r) {
       return std::string(name(r.api));
     }},
    {"host",
     [](R r) {
       return csv_text(r.host);
     }},
    {"path",
     [](R r) {
       return csv_text(r.path);
     }},
    {"protocol",
     [](R r) {
       return csv_text(r.protocol);
     }},
    {"local_uid",
     [](R r) {
       return number(r.local_uid);
     }},
    {"instance",
     [](R r) {
       return csv_text(r.instance);
     }},
    {"request_kind",
     [](R r) {
       return std::string(name(r.request_kind));
     }},
    {"cascade_id",
     [](R r) {
       return field(r.cascade_id);
     }},
    {"cascade_source",
     [](R r) {
       return std::string(name(r.cascade_source));
     }},
    {"cascade_evidence",
     [](R r) {
       return csv_text(r.cascade_evidence);
     }},
    {"cascade_confirmed",
     [](R r) {
       return flag(r.cascade_confirmed);
     }},
    {"trajectory_id",
     [](R r) {
       return field(r.trajectory_id);
     }},
    {"step_index",
     [](R r) {
       return number(r.step_index);
     }},
    {"model",
     [](R r) {
       return field(r.model);
     }},
    {"model_source",
     [](R r) {
       return word(r.model_source);
     }},
    {"http_status",
     [](R r) {
       return number(r.http_status);
     }},
    {"stream",
     [](R r) {
       return flag(r.stream);
     }},
    {"outcome",
     [](R r) {
       return std::string(name(r.outcome));
     }},
    {"finish",
     [](R r) {
       return word(r.finish);
     }},
    {"finish_raw",
     [](R r) {
       return field(r.finish_raw);
     }},
    {"closed_by",
     [](R r) {
       return word(r.closed_by);
     }},
    {"error_type",
     [](R r) {
       return r.error ? csv_text(r.error->type) : std::string();
     }},
    {"error_code",
     [](R r) {
       return r.error ? csv_text(r.error->code) : std::string();
     }},
    {"usage_state",
     [](R r) {
       return std::string(name(r.usage_state));
     }},
    {"input_total",
     [](R r) {
       return of_usage(r, &U::input_total);
     }},
    {"input_uncached",
     [](R r) {
       return of_usage(r, &U::input_uncached);
     }},
    {"cached_input",
     [](R r) {
       return of_usage(r, &U::cached_input);
     }},
    {"cache_write",
     [](R r) {
       return of_usage(r, &U::cache_write);
     }},
    {"cache_write_by_ttl",
     [](R r) {
       return of_usage(r, &U::cache_write_by_ttl);
     }},
    {"tool_use_prompt",
     [](R r) {
       return of_usage(r, &U::tool_use_prompt);
     }},
    {"output_total",
     [](R r) {
       return of_usage(r, &U::output_total);
     }},
    {"reasoning",
     [](R r) {
       return r.usage ? number(r.usage->reasoning) : std::string();
     }},
    {"total",
     [](R r) {
       return of_usage(r, &U::total);
     }},
    {"reported_total",
     [](R r) {
       return r.usage ? number(r.usage->reported_total) : std::string();
     }},
    {"input_by_modality",
     [](R r) {
       return of_usage(r, &U::input_by_modality);
     }},
    {"output_by_modality",
     [](R r) {
       return of_usage(r, &U::output_by_modality);
     }},
    {"cached_by_modality",
     [](R r) {
       return of_usage(r, &U::cached_by_modality);
     }},
    {"reported",
     [](R r) {
       return r.reported.empty() ? std::string() : json_field(counts_value(r.reported));
     }},
    {"additional_usage",
     [](R r) {
       return r.additional_usage.empty() ? std::string() : json_field(additional_usage_value(r));
     }},
    {"service_tier",
     [](R r) {
       return field(r.service_tier);
     }},
    {"speed",
     [](R r) {
       return field(r.modifiers.speed);
     }},
    {"inference_geo",
     [](R r) {
       return field(r.modifiers.inference_geo);
     }},
    {"tool_calls",
     [](R r) {
       return list(r.tool_calls);
     }},
    {"server_tools",
     [](R r) {
       return json_field(counts_value(r.server_tools));
     }},
    {"credits_consumed",
     [](R r) {
       return number(r.credits_consumed);
     }},
    {"cost_usd_estimate",
     [](R r) {
       return r.cost ? usd_text(r.cost->pico_usd) : std::string();
     }},
    {"price_version",
     [](R r) {
       return r.cost ? csv_text(r.cost->price_version) : std::string();
     }},
    {"price_aliased",
     [](R r) {
       return r.cost ? flag(r.cost->is_aliased) : std::string();
     }},
    {"flags",
     [](R r) {
       return list(r.flags);
     }},
    {"response_id",
     [](R r) {
       return field(r.response_id);
     }},
    {"request_id",
     [](R r) {
       return field(r.request_id);
     }},
    {"trace_id",
     [](R r) {
       return field(r.trace_id);
     }},
    {"bytes_in",
     [](R r) {
       return std::to_string(r.bytes_in);
     }},
    {"bytes_out",
     [](R r) {
       return std::to_string(r.bytes_out);
     }},
    {"owner_uid",
     [](R r) {
       return number(r.owner_uid);
     }},
    {"request_model",
     [](R r) {
       return field(r.request_model);
     }},
};

}  // namespace

std::string csv_text(std::string_view text) {
  auto clean = utf8(text);
  return quoted_if_needed(looks_like_a_formula(clean) ? "'" + clean : clean);
}

std::string csv_header() {
  std::string out;
  for (const auto& column : kColumns) {
    out += out.empty() ? "" : ",";
    out += column.title;
  }
  return out + "\r\n";
}

std::string csv_line(const usage::Record& record) {
  std::string out;
  for (const auto& column : kColumns) {
    out += &column == kColumns ? "" : ",";
    out += column.field(record);
  }
  return out + "\r\n";
}

}  // namespace agp::api
