#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"

#include <array>
#include <cstdint>
#include <string>
#include <variant>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace agp::cli::doctor {
namespace {

namespace json = boost::json;

// The calls a check can judge; nothing to judge is a finding of its own.
std::variant<const json::array*, Finding> some_calls(Facts& facts) {
  const auto& calls = facts.calls();
  if (const auto* failure = std::get_if<Failure>(&calls)) {
    return unanswered(*failure);
  }
  const auto& list = std::get<json::array>(calls);
  if (list.empty()) {
    return unknown("none of the newest 200 records is a call of a language server", kUseTheIde);
  }
  return &list;
}

// How many calls a rule holds for, of those that it is about.
struct Count {
  std::uint64_t asked = 0;
  std::uint64_t held = 0;
  [[nodiscard]] std::string text() const { return grouped(held) + " of " + grouped(asked); }
};

enum class Verdict { holds, does_not, not_asked };

Finding judge_calls(Facts& facts,
                    Verdict (*rule)(const json::object& call),
                    const char* what,
                    bool is_any_enough) {
  const auto calls = some_calls(facts);
  if (const auto* finding = std::get_if<Finding>(&calls)) {
    return *finding;
  }
  Count count;
  for (const auto& each : *std::get<const json::array*>(calls)) {
    const auto* call = each.if_object();
    const auto verdict = call == nullptr ? Verdict::not_asked : rule(*call);
    count.asked += verdict == Verdict::not_asked ? 0U : 1U;
    count.held += verdict == Verdict::holds ? 1U : 0U;
  }
  if (count.asked == 0) {
    return unknown(std::string("no call to judge it by: ") + what, kUseTheIde);
  }
  const bool holds = is_any_enough ? count.held > 0 : count.held == count.asked;
  const auto seen = count.text() + " calls: " + what;
  return holds ? ok(seen) : wrong(seen, kReport);
}

bool has_flag(const json::object& call, std::string_view flag) {
  for (const auto& each : array_in(call, "flags")) {
    if (key_text(each) == flag) {
      return true;
    }
  }
  return false;
}

Verdict usage_was_seen(const json::object& call) {
  if (text_of(call, "outcome") != "ok") {
    return Verdict::not_asked;
  }
  return text_of(call, "usage_state") == "final" ? Verdict::holds : Verdict::does_not;
}

Verdict total_agrees(const json::object& call) {
  if (text_of(call, "usage_state") != "final") {
    return Verdict::not_asked;
  }
  return has_flag(call, "total_mismatch") || has_flag(call, "partition_mismatch")
             ? Verdict::does_not
             : Verdict::holds;
}

Verdict cascade_is_exact(const json::object& call) {
  if (text_of(call, "request_kind") != "agent") {
    return Verdict::not_asked;
  }
  return text_of(call, "cascade_source") == "exact" ? Verdict::holds : Verdict::does_not;
}

Verdict cascade_was_confirmed(const json::object& call) {
  if (cascade_is_exact(call) != Verdict::holds) {
    return Verdict::not_asked;
  }
  return yes_or_no(call, "cascade_confirmed") == "yes" ? Verdict::holds : Verdict::does_not;
}

Verdict was_http2(const json::object& call) {
  return text_of(call, "protocol") == "h2" ? Verdict::holds : Verdict::does_not;
}

Verdict was_decoded(const json::object& call) {
  for (const char* flag : {"decode_error", "bad_json", "bad_event", "bad_number"}) {
    if (has_flag(call, flag)) {
      return Verdict::does_not;
    }
  }
  return Verdict::holds;
}

Finding calls_usage(Facts& facts) {
  return judge_calls(facts, usage_was_seen, "usage was in the answer", false);
}
Finding calls_totals(Facts& facts) {
  return judge_calls(facts, total_agrees, "the parts add up to the provider's total", false);
}
Finding calls_cascade(Facts& facts) {
  return judge_calls(facts, cascade_is_exact, "tied to a conversation by what they carry", false);
}
Finding calls_confirmed(Facts& facts) {
  return judge_calls(facts, cascade_was_confirmed, "the language server confirmed the conversation",
                     true);
}
Finding calls_http2(Facts& facts) {
  return judge_calls(facts, was_http2, "made over HTTP/2", true);
}
Finding calls_decoded(Facts& facts) {
  return judge_calls(facts, was_decoded, "decoded without a fault", false);
}

Finding calls_understood(Facts& facts) {
  const auto* seen = facts.status_part("interception");
  if (seen == nullptr) {
    return no_status();
  }
  const auto unparsed = number_of(*seen, "unparsed").value_or(0);
  const auto text = number_text(*seen, "intercepted") + " connections measured since the start, " +
                    grouped(unparsed) + " not understood";
  if (number_of(*seen, "intercepted").value_or(0) == 0) {
    return unknown(text, kUseTheIde);
  }
  return unparsed == 0 ? ok(text) : wrong(text, kReport);
}

constexpr std::array kChecks{
    Check{"calls.understood", "calls", "what is measured is understood", calls_understood},
    Check{"calls.http2", "calls", "the language server speaks HTTP/2", calls_http2},
    Check{"calls.decoded", "calls", "answers are JSON or SSE in a known coding", calls_decoded},
    Check{"calls.usage", "calls", "answers carry usage", calls_usage},
    Check{"calls.totals", "calls", "the parts of usage add up", calls_totals},
    Check{"calls.cascade", "calls", "agent calls name their conversation", calls_cascade},
    Check{"calls.confirmed", "calls", "response ids confirm the conversation", calls_confirmed},
};

}  // namespace

std::span<const Check> calls_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
