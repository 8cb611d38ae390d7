#include "daemon/quota/why.h"

#include "daemon/quota/points.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace agp::quota {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongestCall =
    1h;                       // a call belongs to the time of its end and is found by its start
constexpr auto kLate = 2min;  // what a call costs may show in the quota later than its end

// Only these are charged to the login that the quota is of.
bool uses_quota(const usage::Record& call) {
  return call.api == usage::Api::code_assist && call.owner_uid;
}

Finding finding_of(Course course) {
  Finding out;
  out.series = std::move(course.series);
  out.first = course.points.front();
  out.last = course.points.back();
  for (std::size_t i = 1; i < course.points.size(); ++i) {
    const auto& before = course.points[i - 1];
    const auto& after = course.points[i];
    out.resets += is_reset_between(before, after) ? 1U : 0U;
    const auto by = fall_between(before, after);
    if (by > 0) {
      out.fell_by += by;
      out.falls.push_back({before.at, after.at, before.remaining, after.remaining, {}, 0});
    }
  }
  return out;
}

// The first fall that is not over at `at`.
std::vector<Fall>::iterator fall_at(std::vector<Fall>& falls, usage::Micros at) {
  return std::lower_bound(falls.begin(), falls.end(), at,
                          [](const Fall& fall, usage::Micros end) { return fall.until < end; });
}

std::vector<Part> sorted(std::map<std::optional<std::string>, Measured> parts) {
  std::vector<Part> out;
  for (auto& [key, measured] : parts) {
    out.push_back({key, measured});
  }
  std::stable_sort(out.begin(), out.end(), [](const Part& a, const Part& b) {
    return std::pair(a.measured.total, a.measured.calls) >
           std::pair(b.measured.total, b.measured.calls);
  });
  return out;
}

}  // namespace

void Measured::add(const usage::Record& call) {
  ++calls;
  if (!call.usage) {
    ++usage_unknown;
    return;
  }
  input_total += call.usage->input_total;
  cached_input += call.usage->cached_input;
  output_total += call.usage->output_total;
  reasoning += call.usage->reasoning.value_or(0);
  reasoning_unknown += call.usage->reasoning ? 0U : 1U;
  total += call.usage->total;
}

Why::Why(std::vector<Course> courses, usage::Micros since, usage::Micros until) {
  answer_.since = since;
  answer_.until = until;
  for (auto& course : courses) {
    if (!course.points.empty()) {
      work_.push_back({finding_of(std::move(course)), {}, {}, {}});
    }
  }
}

usage::Micros Why::calls_since() const {
  auto out = answer_.since;
  for (const auto& work : work_) {
    for (const auto& fall : work.finding.falls) {
      out = std::min(out, fall.since - kLate);
    }
  }
  return out - kLongestCall;
}

void Why::add(const usage::Record& call) {
  if (!uses_quota(call)) {
    return;
  }
  bool is_in_fall = false;
  bool is_sampled = false;
  for (auto& work : work_) {
    auto& finding = work.finding;
    if (finding.series.owner_uid != *call.owner_uid) {
      continue;
    }
    is_sampled =
        is_sampled || (call.ended_at > finding.first.at && call.ended_at <= finding.last.at);
    auto fall = fall_at(finding.falls, call.ended_at);
    if (fall != finding.falls.end() && call.ended_at > fall->since) {
      is_in_fall = true;
      fall->measured.add(call);
      finding.measured.add(call);
      work.by_model[call.model].add(call);
      work.by_kind[usage::name(call.request_kind)].add(call);
      work.by_cascade[call.cascade_id].add(call);
      ++fall;
    }
    if (fall != finding.falls.end() && call.ended_at > fall->since - kLate) {
      ++fall->shortly_before;
    }
  }
  if (call.ended_at >= answer_.since && call.ended_at < answer_.until) {
    answer_.measured.add(call);
    answer_.calls_not_sampled += is_sampled ? 0U : 1U;
    answer_.calls_without_fall += is_sampled && !is_in_fall ? 1U : 0U;
  }
}

Answer Why::take() && {
  for (auto& work : work_) {
    auto& finding = work.finding;
    for (const auto& fall : finding.falls) {
      const bool is_unseen = fall.measured.calls == 0 && fall.shortly_before == 0;
      finding.fell_without_calls += is_unseen ? fall.from - fall.to : 0;
    }
    finding.by_model = sorted(std::move(work.by_model));
    finding.by_kind = sorted(std::move(work.by_kind));
    finding.by_cascade = sorted(std::move(work.by_cascade));
    answer_.findings.push_back(std::move(finding));
  }
  std::stable_sort(answer_.findings.begin(), answer_.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.fell_by > b.fell_by; });
  return std::move(answer_);
}

}  // namespace agp::quota
