#pragma once

#include "daemon/io/dialer.h"
#include "daemon/io/worker.h"
#include "daemon/relay/connect_head.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

namespace agp::io {

/// Moves the octets of one connection between its two sockets and the state machine. Owned by
/// its own coroutine; never leaves its worker.
class ConnectionDriver {
 public:
  ConnectionDriver(Worker* worker, boost::asio::ip::tcp::socket client, Origin origin);
  ConnectionDriver(const ConnectionDriver&) = delete;
  ConnectionDriver& operator=(const ConnectionDriver&) = delete;
  ConnectionDriver(ConnectionDriver&&) = delete;
  ConnectionDriver& operator=(ConnectionDriver&&) = delete;
  ~ConnectionDriver();

  boost::asio::awaitable<void> run();

  /// Called every tick; ends what has been idle for too long.
  void check_deadlines(Clock::time_point now);

  /// Ends the connection because the process ends: what was seen is recorded, both sides are reset.
  void end_now();

  /// Ends the connection if nothing is lost by it: called while the process drains.
  void end_if_idle(Clock::time_point now);

 private:
  struct Leg {
    explicit Leg(boost::asio::ip::tcp::socket s) : socket(std::move(s)) {}
    boost::asio::ip::tcp::socket socket;
    Buffer queue;           // ciphertext that the socket did not take yet
    std::size_t sent = 0;   // octets of queue that it took
    std::size_t piped = 0;  // octets that wait for it in a pipe
    bool wants_fin = false;
    bool is_shut = false;
    Clock::time_point write_progress;
  };

  boost::asio::awaitable<bool> learn_destination();
  boost::asio::awaitable<bool> read_connect_head();
  boost::asio::awaitable<bool> resolve_target(std::string host,
                                              std::uint16_t port,
                                              DestinationRules rules);
  [[nodiscard]] relay::Entry relay_entry() const;
  boost::asio::awaitable<void> refuse_connect(int status, const char* reason, const char* text);
  void queue_for_client(std::string_view text);
  boost::asio::awaitable<void> dial();
  boost::asio::awaitable<void> pump(relay::Side from);
  boost::asio::awaitable<void> tunnel(relay::Side from);
  boost::asio::awaitable<void> drain(relay::Side to);
  boost::asio::awaitable<void> run_rewriting();
  boost::asio::awaitable<void> write_out(relay::Side to);
  boost::asio::awaitable<void> linger();
  void wake_writers();
  /// @return false when there is nothing more to do here: ended, timed out or cancelled.
  boost::asio::awaitable<bool> wait_on(relay::Side side,
                                       boost::asio::ip::tcp::socket::wait_type what);
  void feed(relay::Side from, Bytes in);
  void account();
  void count_relayed(relay::Side to, std::uint64_t octets);
  [[nodiscard]] std::size_t buffered() const;
  [[nodiscard]] bool has_unread();
  [[nodiscard]] ProxyTarget proxy_target() const;
  void read_once(relay::Side from, bool* may_have_more, bool* ended);
  void send_queued(relay::Side to);
  enum class Take { what_fits, all };
  void flush(Take take = Take::what_fits);
  /// @return whether there was something to send.
  bool flush_side(relay::Side side, Take take);
  void carry_out_commands();
  void take_records();
  void time_out();
  void abort();
  [[nodiscard]] bool has_queued(relay::Side side) {
    return leg(side).queue.size() > leg(side).sent;
  }
  Leg& leg(relay::Side side) { return side == relay::Side::client ? client_ : upstream_; }

  // The rewriting relay answers the one who speaks, too: each side has a writer of its own there.
  struct Writers {
    explicit Writers(boost::asio::io_context& context) : client(context), upstream(context) {}
    boost::asio::steady_timer client;  // cancelled when there may be something to write
    boost::asio::steady_timer upstream;
  };

  Worker* worker_;
  Leg client_;
  Leg upstream_;
  Origin origin_;
  boost::asio::ip::tcp::endpoint destination_;
  std::string named_;         // host that is known by name alone, because a proxy resolves it
  bool is_unnamed_ = false;   // the name that the core has, if any, is not where the client goes
  Buffer early_;              // what it sent along with its CONNECT head
  Dialer* dialer_ = nullptr;  // while dialling
  Lookup* lookup_ = nullptr;  // while resolving
  std::size_t accounted_ = 0;
  std::size_t open_calls_ = 0;
  std::optional<relay::Connection> core_;
  bool wants_upstream_ = false;
  bool is_splice_possible_ = true;
  boost::asio::steady_timer resumed_;  // cancelled when the core may want to read again
  std::unique_ptr<Writers> writers_;
  bool is_aborted_ = false;
  bool is_timed_out_ = false;
  Clock::time_point started_;
  Clock::time_point activity_;
};

}  // namespace agp::io
