#include "daemon/app/logins.h"

#include "daemon/api/login_api.h"
#include "daemon/ls/errors.h"
#include "daemon/ls/known_models.h"

#include <chrono>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::app {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::days kLongestWindow(8);  // a week, and a little more

usage::Micros to_micros(std::chrono::system_clock::time_point at) {
  return std::chrono::time_point_cast<std::chrono::microseconds>(at);
}

api::Problem problem_of(const api::ApiError& error) {
  return {error.code, error.message, error.hint};
}

std::vector<api::openai::ModelEntry> entries_of(const ls::Account& account) {
  std::vector<api::openai::ModelEntry> out;
  for (const auto& each : account.models) {
    if (!each.model.is_disabled) {
      out.push_back({each.id, each.model.label, each.model.is_recommended});
    }
  }
  return out;
}

api::ModelsAnswer catalogue(usage::Micros now, api::Problem problem) {
  api::ModelsAnswer out;
  for (const auto& model : ls::known_models()) {
    out.models.push_back({ls::slug(model.label), model.label, false});
  }
  out.known_since = now;
  out.problem = std::move(problem);
  return out;
}

asio::awaitable<Result<std::vector<quota::Course>>> ask_ledger(ledger::Ledger* ledger,
                                                               ledger::QuotaQuery query) {
  co_return ledger->quota(query);
}

}  // namespace

api::ApiError explain(const Error& error) {
  api::ApiError out{503, "server_error", "language_server_failed", {}, {}, ""};
  if (error.code == ls::Errc::not_ready) {
    out.code = "language_server_unavailable";
    out.message = "there is no language server to ask: " + error.context;
    out.hint = "start the IDE and sign in; antigravity-proxy status says what is waited for";
  } else if (error.code == ls::Errc::failed_precondition) {
    out.code = "not_signed_in";
    out.message = "nobody is signed in: " + error.context;
    out.hint = "sign in in the IDE, then ask again";
  } else if (error.code == ls::Errc::deadline_exceeded) {
    out.code = "language_server_silent";
    out.message = "the language server does not answer";
    out.hint = "see that the IDE is signed in, then: systemctl restart antigravity-proxy";
  } else {
    out.message = "the language server could not be asked: " + error.text();
    out.hint = "see: antigravity-proxy status";
  }
  return out;
}

boost::asio::awaitable<std::variant<api::QuotaAnswer, api::ApiError>> Logins::quota() {
  if (from_.reader == nullptr) {
    co_return api::no_language_server();
  }
  auto reading = co_await from_.reader->read();
  if (!reading) {
    co_return explain(reading.error());
  }
  api::QuotaAnswer out;
  out.account = reading->account;
  out.owner = reading->owner;
  out.read_at = to_micros(reading->read_at);
  if (reading->problem) {
    out.problem = problem_of(explain(*reading->problem));
  }
  if (reading->owner && from_.ledger != nullptr) {
    out.history = co_await history(*reading->owner);
  }
  co_return out;
}

// A ledger in trouble costs the forecast; status says what is wrong with it.
asio::awaitable<std::vector<quota::Course>> Logins::history(std::uint32_t owner) {
  ledger::QuotaQuery query;
  query.owners = std::vector<std::uint32_t>{owner};
  query.since = from_.now() - kLongestWindow;
  auto task = ask_ledger(from_.ledger, std::move(query));
  auto courses =
      co_await asio::co_spawn(from_.pool->get_executor(), std::move(task), asio::use_awaitable);
  co_return courses ? std::move(*courses) : std::vector<quota::Course>();
}

boost::asio::awaitable<api::ModelsAnswer> Logins::models() {
  if (from_.reader == nullptr) {
    co_return catalogue(from_.now(), problem_of(api::no_language_server()));
  }
  auto reading = co_await from_.reader->read();
  if (!reading) {
    co_return catalogue(from_.now(), problem_of(explain(reading.error())));
  }
  api::ModelsAnswer out;
  out.models = entries_of(*reading->account);
  out.source = api::openai::ModelSource::language_server;
  out.owner = reading->owner;
  out.known_since = to_micros(reading->read_at);
  if (reading->problem) {
    out.problem = problem_of(explain(*reading->problem));
  }
  co_return out;
}

ls::SessionList Logins::sessions() {
  return from_.sessions ? from_.sessions() : ls::SessionList();
}

}  // namespace agp::app
