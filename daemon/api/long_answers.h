#pragma once

#include "common/base/result.h"
#include "daemon/api/http_connection.h"
#include "daemon/api/record_export.h"
#include "daemon/api/record_feed.h"
#include "daemon/api/usage_question.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

namespace agp::api {

struct LongAnswerLimits {
  std::size_t open = 32;                         // streams and exports at the same time
  std::size_t open_per_uid = 8;                  // of them, for one person
  std::chrono::milliseconds stall{60'000};       // for a reader to take anything at all
  std::chrono::milliseconds slow{30'000};        // for a stream's reader to take one batch
  std::chrono::milliseconds keep_alive{15'000};  // between comments on a stream
};

/// Answers that have no end or no size: streams of records and exports. On the server's io_context;
/// the ledger is asked on the pool, a page at a time, and the next page is read when the one before
/// has been sent.
class LongAnswers : public std::enable_shared_from_this<LongAnswers> {
 public:
  struct Ports {
    boost::asio::io_context* io = nullptr;
    boost::asio::thread_pool* pool = nullptr;
    ledger::Ledger* ledger = nullptr;
  };
  /// Listens to the ledger from now on.
  static std::shared_ptr<LongAnswers> create(Ports ports, LongAnswerLimits limits);

  LongAnswers(Ports ports, LongAnswerLimits limits) : ports_(ports), limits_(limits) {}
  LongAnswers(const LongAnswers&) = delete;
  LongAnswers& operator=(const LongAnswers&) = delete;
  LongAnswers(LongAnswers&&) = delete;
  LongAnswers& operator=(LongAnswers&&) = delete;
  ~LongAnswers() = default;

  using Manner = AnswerManner;

  /// False when the connection is at its end.
  static boost::asio::awaitable<bool> send_export(std::shared_ptr<LongAnswers> self,
                                                  HttpConnection* connection,
                                                  RecordExport records,
                                                  ExportFormat format,
                                                  Manner manner);
  static boost::asio::awaitable<bool> send_stream(std::shared_ptr<LongAnswers> self,
                                                  HttpConnection* connection,
                                                  StreamQuestion question,
                                                  Manner manner);

  /// Streams end with an event that says so; their connections are left to it.
  /// @param when_ended  called once no stream is left, perhaps at once; replaces an earlier one.
  void stop(std::function<void()> when_ended);

 private:
  class Place;

  [[nodiscard]] bool has_room(std::optional<std::uint32_t> uid) const;
  void on_commit(std::uint64_t sequence);  // on the ledger's thread
  void wake_all();
  void tell_if_ended();

  static boost::asio::awaitable<bool> refuse(LongAnswers* self,
                                             HttpConnection* connection,
                                             Response response,
                                             Manner manner);
  static boost::asio::awaitable<bool> run_stream(LongAnswers* self,
                                                 HttpConnection* connection,
                                                 RecordFeed* feed,
                                                 std::uint64_t ledger_number,
                                                 Manner manner);
  static boost::asio::awaitable<void> wait_for_records(LongAnswers* self,
                                                       HttpConnection* connection,
                                                       RecordFeed* feed,
                                                       std::uint64_t ledger_number);
  static boost::asio::awaitable<bool> end_stream(LongAnswers* self,
                                                 HttpConnection* connection,
                                                 EndReason reason,
                                                 std::uint64_t after,
                                                 Manner manner);
  static boost::asio::awaitable<Result<std::optional<std::string>>> next_piece(
      LongAnswers* self, RecordExport* records);
  static boost::asio::awaitable<Result<std::string>> next_events(LongAnswers* self,
                                                                 RecordFeed* feed);
  static boost::asio::awaitable<Result<std::uint64_t>> newest(LongAnswers* self);

  Ports ports_;
  LongAnswerLimits limits_;
  std::atomic<std::uint64_t> head_{0};           // the newest commit that we were told of
  std::atomic<std::uint64_t> ledger_number_{0};  // grows when places begin again
  std::atomic<bool> is_wake_posted_{false};
  std::map<std::optional<std::uint32_t>, std::size_t> open_;
  std::size_t open_count_ = 0;
  std::list<boost::asio::steady_timer*> waiting_;
  bool is_stopped_ = false;
  std::function<void()> when_ended_;
};

}  // namespace agp::api
