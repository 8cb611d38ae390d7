#include "daemon/api/quota_history.h"

#include "daemon/api/rfc3339.h"
#include "daemon/api/utf8.h"
#include "daemon/quota/why.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace agp::api {
namespace {

namespace json = boost::json;

constexpr std::chrono::days kOldestPoint(
    7);  // before a time in question: calls are read since then
constexpr std::size_t kPage = 1000;

json::value text_or_null(const std::optional<std::string>& text) {
  return text && !text->empty() ? json::value(utf8(*text)) : json::value(nullptr);
}

json::value time_or_null(const std::optional<usage::Micros>& at) {
  return at ? json::value(to_rfc3339(*at)) : json::value(nullptr);
}

json::object series_value(const quota::Series& series) {
  return {{"uid", series.owner_uid},
          {"kind", name(series.kind)},
          {"id", utf8(series.id)},
          {"name", utf8(series.name)},
          {"window", text_or_null(series.window)}};
}

json::object point_value(const quota::Point& point) {
  return {{"at", to_rfc3339(point.at)},
          {"remaining_fraction", point.remaining},
          {"resets_at", time_or_null(point.resets_at)}};
}

void put_measured(json::object& out, const quota::Measured& measured) {
  out["calls"] = measured.calls;
  out["usage_unknown"] = measured.usage_unknown;
  out["input_total"] = measured.input_total;
  out["cached_input"] = measured.cached_input;
  out["output_total"] = measured.output_total;
  out["reasoning"] = measured.reasoning;
  out["reasoning_unknown"] = measured.reasoning_unknown;
  out["total"] = measured.total;
}

json::object measured_value(const quota::Measured& measured) {
  json::object out;
  put_measured(out, measured);
  return out;
}

json::array parts_value(const std::vector<quota::Part>& parts, const quota::Measured& all) {
  json::array out;
  for (const auto& part : parts) {
    json::object item{{"key", text_or_null(part.key)}};
    item["share"] = all.total == 0 ? json::value(nullptr)
                                   : json::value(static_cast<double>(part.measured.total) /
                                                 static_cast<double>(all.total));
    put_measured(item, part.measured);
    out.push_back(std::move(item));
  }
  return out;
}

json::object finding_value(const quota::Finding& finding) {
  auto out = series_value(finding.series);
  out["first"] = point_value(finding.first);
  out["last"] = point_value(finding.last);
  out["fell_by"] = finding.fell_by;
  out["fell_without_calls"] = finding.fell_without_calls;
  out["resets"] = finding.resets;
  json::array falls;
  for (const auto& fall : finding.falls) {
    json::object item{{"since", to_rfc3339(fall.since)},
                      {"until", to_rfc3339(fall.until)},
                      {"from", fall.from},
                      {"to", fall.to},
                      {"calls_shortly_before", fall.shortly_before}};
    put_measured(item, fall.measured);
    falls.push_back(std::move(item));
  }
  out["falls"] = std::move(falls);
  out["measured"] = measured_value(finding.measured);
  out["by_model"] = parts_value(finding.by_model, finding.measured);
  out["by_kind"] = parts_value(finding.by_kind, finding.measured);
  out["by_cascade"] = parts_value(finding.by_cascade, finding.measured);
  return out;
}

std::string calls_text(std::uint64_t calls) {
  return std::to_string(calls) + (calls == 1 ? " call" : " calls");
}

// What cannot be known, in the words that page and command show.
json::array notes_of(const quota::Answer& answer) {
  json::array out;
  const auto note = [&](const char* code, std::string text) {
    out.push_back(json::object{{"code", code}, {"message", std::move(text)}});
  };
  const auto& found = answer.findings;
  const auto any = [&](auto is) {
    return std::any_of(found.begin(), found.end(), is);
  };
  if (found.empty()) {
    note("no_samples", "no sample of a quota was taken in this time");
  }
  if (any([](const quota::Finding& each) { return each.fell_without_calls > 0; })) {
    note("used_elsewhere",
         "where a quota fell and no call was measured it was used elsewhere: on another device, or "
         "by a program that is not captured");
  }
  if (any([](const quota::Finding& each) { return each.resets > 0; })) {
    note("resets",
         "what was used between a reset and the first sample after it is not in the falls");
  }
  if (answer.calls_without_fall > 0) {
    note("calls_without_fall", "no quota fell around " + calls_text(answer.calls_without_fall) +
                                   ": a quota is told in steps, and a small call may not show");
  }
  if (answer.calls_not_sampled > 0) {
    note("calls_not_sampled", calls_text(answer.calls_not_sampled) +
                                  " came before the first sample or after the last one");
  }
  if (answer.measured.usage_unknown > 0) {
    note("usage_unknown",
         "the tokens of " + calls_text(answer.measured.usage_unknown) + " are not known");
  }
  if (any([](const quota::Finding& each) { return !each.falls.empty(); })) {
    note("resolution",
         "when a quota fell is known no better than from one sample to the next; shares are of "
         "tokens, how much of the quota each of them takes the provider does not say");
  }
  return out;
}

Result<std::vector<quota::Course>> courses_of(ledger::Ledger& ledger, const WhyQuestion& question) {
  ledger::QuotaQuery query;
  query.since = question.since;
  query.until = question.until;
  query.owners = question.owners;
  query.with_one_before = true;
  auto courses = ledger.quota(query);
  if (!courses) {
    return courses;
  }
  for (auto& course : *courses) {
    if (course.points.front().at < question.since - kOldestPoint) {
      course.points.erase(course.points.begin());
    }
  }
  return courses;
}

Result<> add_calls(ledger::Ledger& ledger, const WhyQuestion& question, quota::Why& why) {
  ledger::PageQuery query;
  query.filter.since = why.calls_since();
  query.filter.until = question.until;
  query.filter.owners = question.owners;
  query.filter.provider = usage::Provider::google;  // whose quota it is, whichever model answers
  query.limit = kPage;
  do {
    auto page = ledger.records(query);
    if (!page) {
      return page.error();
    }
    for (const auto& record : page->records) {
      why.add(record);
    }
    query.cursor = std::move(page->next);
  } while (query.cursor);
  return {};
}

}  // namespace

json::value forecast_value(const std::optional<quota::Forecast>& forecast) {
  if (!forecast) {
    return nullptr;
  }
  return json::object{{"empty_at", time_or_null(forecast->empty_at)},
                      {"rate_per_hour", forecast->rate_per_hour},
                      {"basis_seconds", forecast->basis.count()}};
}

Result<std::string> quota_history_document(ledger::Ledger& ledger,
                                           const ledger::QuotaQuery& query,
                                           usage::Micros now) {
  const auto courses = ledger.quota(query);
  if (!courses) {
    return courses.error();
  }
  json::array series;
  for (const auto& course : *courses) {
    auto item = series_value(course.series);
    json::array points;
    for (const auto& point : course.points) {
      points.push_back(point_value(point));
    }
    item["points"] = std::move(points);
    series.push_back(std::move(item));
  }
  const json::object out{{"schema", "antigravity-proxy.quota-history.v1"},
                         {"generated_at", to_rfc3339(now)},
                         {"since", time_or_null(query.since)},
                         {"until", time_or_null(query.until)},
                         {"series", std::move(series)}};
  return json::serialize(out) + "\n";
}

Result<std::string> why_document(ledger::Ledger& ledger,
                                 const WhyQuestion& question,
                                 usage::Micros now) {
  auto courses = courses_of(ledger, question);
  if (!courses) {
    return courses.error();
  }
  quota::Why why(std::move(*courses), question.since, question.until);
  if (auto added = add_calls(ledger, question, why); !added) {
    return added.error();
  }
  const auto answer = std::move(why).take();
  json::array quotas;
  for (const auto& finding : answer.findings) {
    quotas.push_back(finding_value(finding));
  }
  const json::object out{{"schema", "antigravity-proxy.why.v1"},
                         {"generated_at", to_rfc3339(now)},
                         {"since", to_rfc3339(answer.since)},
                         {"until", to_rfc3339(answer.until)},
                         {"measured", measured_value(answer.measured)},
                         {"calls_without_fall", answer.calls_without_fall},
                         {"calls_not_sampled", answer.calls_not_sampled},
                         {"quotas", std::move(quotas)},
                         {"notes", notes_of(answer)}};
  return json::serialize(out) + "\n";
}

}  // namespace agp::api
