#include "daemon/bus/answers.h"

#include "common/bus/errors.h"
#include "daemon/api/login_api.h"
#include "daemon/api/quota_history.h"
#include "daemon/api/usage_api.h"

#include <cstddef>
#include <utility>
#include <variant>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::daemon_bus {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMaxQuestion = 32U << 10U;  // octets of host, method and path together

Answers::Totals to_totals(const ledger::Sums& sums) {
  return {{"calls", sums.calls},
          {"ok", sums.ok},
          {"partial", sums.partial},
          {"errors", sums.errors},
          {"usage_unknown", sums.usage_unknown},
          {"input_total", sums.input_total},
          {"input_uncached", sums.input_uncached},
          {"cached_input", sums.cached_input},
          {"cache_write", sums.cache_write},
          {"tool_use_prompt", sums.tool_use_prompt},
          {"output_total", sums.output_total},
          {"reasoning", sums.reasoning},
          {"total", sums.total},
          {"reasoning_unknown", sums.reasoning_unknown},
          {"unpriced", sums.unpriced}};
}

asio::awaitable<Result<ledger::Report>> ask_ledger(ledger::Ledger* ledger, ledger::Query query) {
  co_return ledger->usage(query);
}

asio::awaitable<Result<ledger::Report>> ask_on_pool(const DaemonPorts* ports, ledger::Query query) {
  auto task = ask_ledger(ports->ledger, std::move(query));
  co_return co_await asio::co_spawn(ports->pool->get_executor(), std::move(task),
                                    asio::use_awaitable);
}

asio::awaitable<Result<ledger::Page>> ask_page(ledger::Ledger* ledger, ledger::PageQuery query) {
  co_return ledger->records(query);
}

// A document of the ledger: what parses its question, and what answers it.
template <class Question>
struct LedgerDocument {
  Result<Question> (*parse)(const api::Parameters&, const api::Visibility&, usage::Micros now);
  Result<std::string> (*answer)(ledger::Ledger&, const Question&, usage::Micros now);
};

template <class Question>
asio::awaitable<Result<std::string>> ask_document(ledger::Ledger* ledger,
                                                  LedgerDocument<Question> about,
                                                  Question question,
                                                  usage::Micros now) {
  co_return about.answer(*ledger, question, now);
}

template <class Question>
Answers::Text document(const DaemonPorts* ports,
                       LedgerDocument<Question> about,
                       api::Visibility who,
                       api::Parameters parameters) {
  const auto now = ports->now();
  auto question = about.parse(parameters, who, now);
  if (!question) {
    co_return question.error();
  }
  auto task = ask_document(ports->ledger, about, std::move(*question), now);
  co_return co_await asio::co_spawn(ports->pool->get_executor(), std::move(task),
                                    asio::use_awaitable);
}

// What a hint says over HTTP is a part of the text here.
Result<std::string> to_result(const api::Document& document) {
  if (const auto* refusal = std::get_if<api::ApiError>(&document)) {
    const auto code = refusal->status == 403 ? bus::Errc::access_denied : bus::Errc::failed;
    const auto hint = refusal->hint.empty() ? std::string() : "; " + refusal->hint;
    return Error(code, refusal->message + hint);
  }
  return std::get<std::string>(document);
}

}  // namespace

Answers::Text Answers::usage(api::Visibility who, api::Parameters parameters) const {
  const auto now = ports_->now();
  auto question = api::parse_usage_question(parameters, who, now);
  if (!question) {
    co_return question.error();
  }
  ledger::Query query = question->query;
  auto report = co_await ask_on_pool(ports_, std::move(query));
  if (!report) {
    co_return report.error();
  }
  co_return api::render_usage(*report, *question, now);
}

Answers::Text Answers::records(api::Visibility who, api::Parameters parameters) const {
  const auto now = ports_->now();
  auto query = api::parse_records_question(parameters, who, now);
  if (!query) {
    co_return query.error();
  }
  auto task = ask_page(ports_->ledger, std::move(*query));
  auto page =
      co_await asio::co_spawn(ports_->pool->get_executor(), std::move(task), asio::use_awaitable);
  if (!page) {
    co_return page.error();
  }
  co_return api::render_records(*page, now);
}

Answers::Text Answers::quota_history(api::Visibility who, api::Parameters question) const {
  LedgerDocument<ledger::QuotaQuery> about{&api::parse_quota_history_question,
                                           &api::quota_history_document};
  return document(ports_, about, std::move(who), std::move(question));
}

Answers::Text Answers::why(api::Visibility who, api::Parameters question) const {
  LedgerDocument<api::WhyQuestion> about{&api::parse_why_question, &api::why_document};
  return document(ports_, about, std::move(who), std::move(question));
}

asio::awaitable<Result<Answers::Totals>> Answers::totals(api::Visibility who) const {
  ledger::Query query;
  query.filter.owners = who.uids;
  auto report = co_await ask_on_pool(ports_, std::move(query));
  if (!report) {
    co_return report.error();
  }
  co_return to_totals(report->totals);
}

Answers::Text Answers::quota(api::Visibility who) const {
  if (ports_->logins == nullptr) {
    co_return to_result(api::no_language_server());
  }
  const auto quota = co_await ports_->logins->quota();
  co_return to_result(api::quota_document(quota, who, ports_->now()));
}

Answers::Text Answers::models(api::Visibility who) const {
  if (ports_->logins == nullptr) {
    co_return to_result(api::no_language_server());
  }
  const auto models = co_await ports_->logins->models();
  co_return to_result(api::models_document(models, who));
}

Answers::Text Answers::sessions(api::Visibility who) const {
  if (ports_->logins == nullptr) {
    co_return to_result(api::no_language_server());
  }
  co_return to_result(api::sessions_document(ports_->logins->sessions(), who, ports_->now()));
}

api::StatusReport Answers::status_for(const api::Visibility& who) const {
  return who.may_drive ? ports_->status() : api::without_log(ports_->status());
}

Answers::Text Answers::status(api::Visibility who) const {
  co_return api::render_status(status_for(who), ports_->now());
}

Answers::Text Answers::language_server(api::Visibility who) const {
  co_return api::render_language_server(status_for(who), ports_->now());
}

Answers::Text Answers::capture() const {
  co_return api::render_capture(ports_->status(), ports_->now());
}

Answers::Text Answers::ca() const {
  co_return api::render_ca(ports_->ca(), ports_->now());
}

Answers::Text Answers::policy() const {
  co_return ports_->policy();
}

Answers::Text Answers::check_policy(std::string host, std::string method, std::string path) const {
  if (method.empty() != path.empty()) {
    co_return Error(bus::Errc::invalid_args, "method and path belong together");
  }
  if (host.size() + method.size() + path.size() > kMaxQuestion) {
    co_return Error(bus::Errc::invalid_args, "host, method and path are too long");
  }
  co_return ports_->check_policy(std::move(host), std::move(method), std::move(path));
}

}  // namespace agp::daemon_bus
