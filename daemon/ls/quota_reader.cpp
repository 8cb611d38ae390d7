#include "daemon/ls/quota_reader.h"

#include "daemon/ls/connect_client.h"
#include "daemon/ls/errors.h"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::ls {
namespace asio = boost::asio;
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

bool has_quota(const Account& account) {
  return std::any_of(account.models.begin(), account.models.end(),
                     [](const ModelQuota& each) { return each.allowance != Allowance(); });
}

bool is_missing_method(const Error& error) {
  return error.code == Errc::not_found || error.code == Errc::unimplemented;
}

bool is_final(const Error& error) {
  return error.code == Errc::unreachable || error.code == Errc::certificate_mismatch ||
         error.code == Errc::unauthenticated || error.code == Errc::canceled;
}

}  // namespace

/// Shared with a look under way, which may be destroyed after the reader.
struct QuotaReader::Watch {
  explicit Watch(asio::any_io_executor executor)
      : over(std::move(executor), asio::steady_timer::time_point::max()) {}
  bool is_looking = false;
  asio::steady_timer over;  // cancelled when a look is over
};

/// Ends a look in any case, so that those who wait for it never wait for nothing.
class QuotaReader::Look {
 public:
  explicit Look(std::shared_ptr<Watch> watch) : watch_(std::move(watch)) {
    watch_->is_looking = true;
  }
  Look(const Look&) = delete;
  Look& operator=(const Look&) = delete;
  ~Look() {
    watch_->is_looking = false;
    watch_->over.cancel();
  }

 private:
  std::shared_ptr<Watch> watch_;
};

QuotaReader::QuotaReader(asio::any_io_executor executor,
                         const EndpointSource* source,
                         Options options)
    : source_(source),
      options_(std::move(options)),
      store_(options_.pace),
      watch_(std::make_shared<Watch>(std::move(executor))) {}

std::optional<std::uint32_t> QuotaReader::owner() const {
  return options_.owner ? options_.owner() : std::nullopt;
}

std::optional<QuotaReading> QuotaReader::last_reading() {
  store_.on_owner(owner());
  auto reading = store_.reading();
  return reading ? std::optional(std::move(*reading)) : std::nullopt;
}

asio::awaitable<Result<QuotaReading>> QuotaReader::read() {
  while (watch_->is_looking) {
    (void)co_await watch_->over.async_wait(kTuple);  // cancelled: that is how a look ends
  }
  store_.on_owner(owner());
  auto endpoint = source_->endpoint();
  if (!endpoint) {
    store_.on_unavailable({Errc::not_ready, source_->unavailable_reason()});
    co_return store_.reading();
  }
  if (store_.is_due(endpoint->instance, std::chrono::steady_clock::now())) {
    co_await look(std::move(endpoint));
  }
  co_return store_.reading();
}

asio::awaitable<void> QuotaReader::look(std::shared_ptr<const Endpoint> endpoint) {
  const Look looking(watch_);
  const auto whose = owner();
  const std::string instance = endpoint->instance;
  ConnectClient client(std::move(endpoint));
  auto account = co_await ask(&client);
  if (account && without_summary_ != instance) {
    co_await ask_summary(&client, instance, &*account);
  }
  if (whose != owner()) {
    co_return;  // the login changed meanwhile: the answer is that of another user
  }
  const auto now = std::chrono::steady_clock::now();
  if (account) {
    store_.on_answer(instance, std::move(*account), now, options_.now());
    if (options_.on_answer) {
      options_.on_answer(*store_.reading());
    }
  } else {
    store_.on_failure(instance, account.error(), now);
  }
}

/// The methods differ between builds, and all but the first answer without a login too, with an
/// empty list.
asio::awaitable<Result<Account>> QuotaReader::ask(ConnectClient* client) {
  static constexpr const char* kMethods[] = {"GetUserStatus", "GetCascadeModelConfigData",
                                             "GetCommandModelConfigs", "GetAvailableModels"};
  std::optional<Account> best;
  std::optional<Error> first;
  unsigned silent = 0;
  for (const char* name : kMethods) {
    std::string method = name;
    std::string body = "{}";
    auto answer = co_await client->call(std::move(method), std::move(body), options_.call_limit);
    auto account = answer ? parse_account(*answer) : Result<Account>(answer.error());
    if (!account) {
      first = first ? first : account.error();
      silent += account.error().code == Errc::deadline_exceeded ? 1U : 0U;
      if (silent > 1 || is_final(account.error())) {
        break;  // the others would fail in the same way, and somebody waits
      }
      continue;
    }
    if (best) {
      account->plan = std::move(best->plan);  // the first answer alone has it
    }
    if (!best || !account->models.empty()) {
      best = std::move(*account);
    }
    if (has_quota(*best)) {
      break;
    }
  }
  if (best && !best->models.empty()) {
    co_return std::move(*best);
  }
  if (first && !best) {
    co_return *first;
  }
  co_return Error{Errc::failed_precondition, "the language server has no login"};
}

/// An IDE's language server has no summary; that one call cannot be spared, it says so only then.
asio::awaitable<void> QuotaReader::ask_summary(ConnectClient* client,
                                               std::string instance,
                                               Account* account) {
  std::string method = "RetrieveUserQuotaSummary";
  std::string body = "{}";
  auto answer = co_await client->call(std::move(method), std::move(body), options_.call_limit);
  if (!answer) {
    if (is_missing_method(answer.error())) {
      without_summary_ = std::move(instance);
    }
    co_return;  // the models' own figures are there
  }
  auto pools = parse_quota_summary(*answer);
  if (pools) {
    account->pools = std::move(*pools);
  }
}

}  // namespace agp::ls
