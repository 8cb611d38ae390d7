#pragma once

#include "common/base/result.h"
#include "daemon/ls/ls_driver.h"
#include "daemon/ls/quota.h"
#include "daemon/ls/quota_store.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace agp::ls {

/// Asks the language server for models and quota, seldom, however often it is asked itself. All
/// methods on the executor's one thread.
class QuotaReader {
 public:
  struct Options {
    QuotaStore::Pace pace;
    /// Of one call. A login that has not arrived leaves some builds silent, and there may be
    /// several calls, while a person waits.
    std::chrono::steady_clock::duration call_limit = std::chrono::seconds(4);
    /// On whose behalf the language server runs; nothing while nobody's.
    std::function<std::optional<std::uint32_t>()> owner;
    std::function<std::chrono::system_clock::time_point()> now = std::chrono::system_clock::now;
    /// Told of each answer, once. Empty: nobody is.
    std::function<void(const QuotaReading&)> on_answer;
  };

  /// @param source  outlives the reader and every call.
  QuotaReader(boost::asio::any_io_executor executor, const EndpointSource* source, Options options);

  /// What is known now, read anew where its age asks for it. Callers at the same time share one
  /// look. @return an error only while there is nothing that could be shown: Errc::not_ready,
  /// Errc::failed_precondition (nobody is signed in), or what the calls failed with.
  [[nodiscard]] boost::asio::awaitable<Result<QuotaReading>> read();
  /// What is known without asking: the last good answer, of the login of now.
  [[nodiscard]] std::optional<QuotaReading> last_reading();

 private:
  class Look;
  struct Watch;

  boost::asio::awaitable<void> look(std::shared_ptr<const Endpoint> endpoint);
  boost::asio::awaitable<Result<Account>> ask(ConnectClient* client);
  boost::asio::awaitable<void> ask_summary(ConnectClient* client,
                                           std::string instance,
                                           Account* account);
  [[nodiscard]] std::optional<std::uint32_t> owner() const;

  const EndpointSource* source_;
  Options options_;
  QuotaStore store_;
  std::shared_ptr<Watch> watch_;
  std::string without_summary_;  // the instance that said it has none
};

}  // namespace agp::ls
