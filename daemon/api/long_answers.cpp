#include "daemon/api/long_answers.h"

#include "common/log/log.h"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::api {
namespace {

namespace asio = boost::asio;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

Response ledger_unavailable(const Error& error) {
  return error_response({503, "server_error", "ledger_unavailable", error.code.message(),
                         "antigravity-proxy status names the problem and its remedy", ""});
}

Response too_many() {
  auto response = error_response({429, "rate_limit_error", "too_many_streams",
                                  "too many streams and exports are open at the same time",
                                  "close one of them, then try again", ""});
  response.headers.emplace_back("Retry-After", "5");
  return response;
}

// On the pool; the caller waits and owns what the pointers point to.
asio::awaitable<Result<std::optional<std::string>>> read_piece(ledger::Ledger* ledger,
                                                               RecordExport* records) {
  co_return records->next(*ledger);
}

asio::awaitable<Result<std::string>> read_events(ledger::Ledger* ledger,
                                                 RecordFeed* feed,
                                                 std::uint64_t head) {
  co_return feed->next(*ledger, head);
}

asio::awaitable<Result<std::uint64_t>> read_newest(ledger::Ledger* ledger) {
  co_return newest_sequence(*ledger);
}

std::string framed(std::string octets, bool chunked) {
  return chunked ? to_chunk(octets) : octets;
}

}  // namespace

/// One of the places for long answers, for as long as it lives.
class LongAnswers::Place {
 public:
  Place(LongAnswers* owner, std::optional<std::uint32_t> uid) : owner_(owner), uid_(uid) {
    ++owner_->open_[uid_];
    ++owner_->open_count_;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  Place(Place&&) = delete;
  Place& operator=(Place&&) = delete;
  ~Place() {
    --owner_->open_count_;
    if (--owner_->open_[uid_] == 0) {
      owner_->open_.erase(uid_);
    }
  }

 private:
  LongAnswers* owner_;
  std::optional<std::uint32_t> uid_;
};

std::shared_ptr<LongAnswers> LongAnswers::create(Ports ports, LongAnswerLimits limits) {
  auto self = std::make_shared<LongAnswers>(ports, limits);
  ports.ledger->subscribe([weak = self->weak_from_this()](const usage::Record& record) {
    if (const auto alive = weak.lock()) {
      alive->on_commit(record.sequence);
    }
  });
  return self;
}

// However many records come, one message is under way; what they are is read from the ledger.
void LongAnswers::on_commit(std::uint64_t sequence) {
  if (sequence <= head_.load()) {
    ledger_number_.fetch_add(1);  // the file was moved away: a new one begins again
  }
  head_.store(sequence);
  if (is_wake_posted_.exchange(true)) {
    return;
  }
  asio::post(*ports_.io, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->is_wake_posted_.store(false);  // before looking: what comes from now on posts again
      self->wake_all();
    }
  });
}

void LongAnswers::wake_all() {
  for (auto* timer : waiting_) {
    timer->cancel();
  }
}

void LongAnswers::stop(std::function<void()> when_ended) {
  is_stopped_ = true;
  when_ended_ = std::move(when_ended);
  wake_all();
  tell_if_ended();
}

void LongAnswers::tell_if_ended() {
  if (is_stopped_ && waiting_.empty()) {
    if (const auto tell = std::exchange(when_ended_, nullptr)) {
      tell();
    }
  }
}

bool LongAnswers::has_room(std::optional<std::uint32_t> uid) const {
  const auto own = open_.find(uid);
  return open_count_ < limits_.open && (own == open_.end() || own->second < limits_.open_per_uid);
}

asio::awaitable<bool> LongAnswers::refuse(LongAnswers* self,
                                          HttpConnection* connection,
                                          Response response,
                                          Manner manner) {
  auto octets = to_octets(response, manner.keep_alive, manner.head_only);
  const bool sent =
      co_await HttpConnection::send(connection, std::move(octets), self->limits_.stall);
  co_return sent&& manner.keep_alive;
}

asio::awaitable<bool> LongAnswers::send_export(std::shared_ptr<LongAnswers> self,
                                               HttpConnection* connection,
                                               RecordExport records,
                                               ExportFormat format,
                                               Manner manner) {
  auto* const raw = self.get();
  if (!raw->has_room(connection->uid)) {
    auto response = too_many();
    co_return co_await refuse(raw, connection, std::move(response), manner);
  }
  const Place place(raw, connection->uid);
  // The first page is there before the head is sent: a ledger that cannot be read is a status.
  auto piece = co_await next_piece(raw, &records);
  if (!piece) {
    auto response = ledger_unavailable(piece.error());
    co_return co_await refuse(raw, connection, std::move(response), manner);
  }
  Response response;
  response.content_type = content_type(format);
  response.headers.emplace_back("Content-Disposition",
                                "attachment; filename=\"" + file_name(format) + "\"");
  const bool keep_alive = manner.keep_alive && manner.chunked;
  auto octets = to_open_head(response, keep_alive, manner.chunked);
  bool sent = co_await HttpConnection::send(connection, std::move(octets), raw->limits_.stall);
  if (manner.head_only) {
    co_return sent&& keep_alive;
  }
  while (sent && *piece) {
    auto part = framed(std::move(**piece), manner.chunked);
    sent = co_await HttpConnection::send(connection, std::move(part), raw->limits_.stall);
    if (!sent) {
      break;
    }
    connection->timer.cancel();
    piece = co_await next_piece(raw, &records);
    if (!piece) {
      // The end of the body is not sent: the client sees that the export is cut off.
      log::warning("export cut off, the ledger cannot be read", {{"ERROR", piece.error()}});
      connection->close();
      co_return false;
    }
  }
  if (sent && manner.chunked) {
    std::string last = kLastChunk;
    sent = co_await HttpConnection::send(connection, std::move(last), raw->limits_.stall);
  }
  co_return sent&& keep_alive;
}

asio::awaitable<bool> LongAnswers::send_stream(std::shared_ptr<LongAnswers> self,
                                               HttpConnection* connection,
                                               StreamQuestion question,
                                               Manner manner) {
  auto* const raw = self.get();
  if (!raw->has_room(connection->uid)) {
    auto response = too_many();
    co_return co_await refuse(raw, connection, std::move(response), manner);
  }
  const Place place(raw, connection->uid);
  const auto ledger_number = raw->ledger_number_.load();  // before its newest place is asked for
  const auto last = co_await newest(raw);
  if (!last) {
    auto response = ledger_unavailable(last.error());
    co_return co_await refuse(raw, connection, std::move(response), manner);
  }
  auto after = question.after.value_or(*last);
  auto opening = stream_opening();
  if (after > *last) {
    opening += reset_event(after, *last);
    after = 0;
  }
  Response response;
  response.content_type = "text/event-stream";
  auto octets = to_open_head(response, false, manner.chunked);
  if (!manner.head_only) {
    octets += framed(std::move(opening), manner.chunked);
  }
  const bool sent =
      co_await HttpConnection::send(connection, std::move(octets), raw->limits_.stall);
  if (!sent || manner.head_only) {
    co_return false;
  }
  RecordFeed feed(std::move(question.filter), after);
  const auto wake = std::make_shared<asio::steady_timer>(*raw->ports_.io);
  connection->wake = wake.get();
  raw->waiting_.push_back(wake.get());
  close_when_left(connection->socket, wake);
  const bool result = co_await run_stream(raw, connection, &feed, ledger_number, manner);
  raw->waiting_.remove(wake.get());
  connection->wake = nullptr;
  raw->tell_if_ended();
  co_return result;
}

asio::awaitable<bool> LongAnswers::run_stream(LongAnswers* self,
                                              HttpConnection* connection,
                                              RecordFeed* feed,
                                              std::uint64_t ledger_number,
                                              Manner manner) {
  while (connection->socket->is_open()) {
    if (self->is_stopped_) {
      co_return co_await end_stream(self, connection, EndReason::stopping, feed->after(), manner);
    }
    std::string out;
    if (const auto number = self->ledger_number_.load(); number != ledger_number) {
      ledger_number = number;
      out = reset_event(feed->after(), self->head_.load());
      feed->restart();
    } else if (feed->wants_more(self->head_.load())) {
      auto events = co_await next_events(self, feed);
      if (!events) {
        co_return co_await end_stream(self, connection, EndReason::ledger, feed->after(), manner);
      }
      out = std::move(*events);
    } else {
      co_await wait_for_records(self, connection, feed, ledger_number);
      if (!feed->wants_more(self->head_.load()) && self->ledger_number_ == ledger_number &&
          !self->is_stopped_) {
        out = keep_alive_comment();
      }
    }
    if (out.empty()) {
      continue;
    }
    auto part = framed(std::move(out), manner.chunked);
    const auto began = std::chrono::steady_clock::now();
    const bool sent =
        co_await HttpConnection::send(connection, std::move(part), self->limits_.stall);
    if (!sent) {
      co_return false;
    }
    connection->timer.cancel();
    if (std::chrono::steady_clock::now() - began > self->limits_.slow) {
      co_return co_await end_stream(self, connection, EndReason::slow_reader, feed->after(),
                                    manner);
    }
  }
  co_return false;
}

// Until a record was committed, the reader left, the server stops, or a comment is due.
asio::awaitable<void> LongAnswers::wait_for_records(LongAnswers* self,
                                                    HttpConnection* connection,
                                                    RecordFeed* feed,
                                                    std::uint64_t ledger_number) {
  if (feed->wants_more(self->head_.load()) || self->ledger_number_ != ledger_number) {
    co_return;
  }
  connection->wake->expires_after(self->limits_.keep_alive);
  (void)co_await connection->wake->async_wait(kTuple);  // the caller looks what has happened
}

asio::awaitable<bool> LongAnswers::end_stream(LongAnswers* self,
                                              HttpConnection* connection,
                                              EndReason reason,
                                              std::uint64_t after,
                                              Manner manner) {
  auto last = framed(end_event(reason, after), manner.chunked);
  if (manner.chunked) {
    last += kLastChunk;
  }
  const auto limit = std::min(self->limits_.stall, std::chrono::milliseconds(1'000));
  (void)co_await HttpConnection::send(connection, std::move(last), limit);  // at its end anyway
  co_return false;
}

asio::awaitable<Result<std::optional<std::string>>> LongAnswers::next_piece(LongAnswers* self,
                                                                            RecordExport* records) {
  auto task = read_piece(self->ports_.ledger, records);
  co_return co_await asio::co_spawn(self->ports_.pool->get_executor(), std::move(task),
                                    asio::use_awaitable);
}

asio::awaitable<Result<std::string>> LongAnswers::next_events(LongAnswers* self, RecordFeed* feed) {
  auto task = read_events(self->ports_.ledger, feed, self->head_.load());
  co_return co_await asio::co_spawn(self->ports_.pool->get_executor(), std::move(task),
                                    asio::use_awaitable);
}

asio::awaitable<Result<std::uint64_t>> LongAnswers::newest(LongAnswers* self) {
  auto task = read_newest(self->ports_.ledger);
  co_return co_await asio::co_spawn(self->ports_.pool->get_executor(), std::move(task),
                                    asio::use_awaitable);
}

}  // namespace agp::api
