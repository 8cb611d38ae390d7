#pragma once

#include "common/base/bytes.h"
#include "common/base/unique_fd.h"
#include "daemon/io/destination.h"
#include "daemon/io/proxy_handshake.h"
#include "daemon/io/splice.h"
#include "daemon/relay/connection.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

/// Sockets, threads and deadlines of the interception side.
namespace agp::io {

using Clock = std::chrono::steady_clock;

/// For records; deadlines go by Clock.
[[nodiscard]] inline usage::Micros wall_clock() {
  return std::chrono::time_point_cast<usage::Micros::duration>(std::chrono::system_clock::now());
}

/// Idle deadlines: each ends a connection on which nothing happened for so long. There is no cap
/// on how long a live stream may last.
struct Deadlines {
  std::chrono::milliseconds handshake{10'000};    // accept to the last Finished, without dialling
  std::chrono::milliseconds connect{10'000};      // TCP to upstream
  std::chrono::milliseconds read_idle{600'000};   // no octet from either side
  std::chrono::milliseconds write_idle{120'000};  // a peer takes nothing of what is queued for it
};

struct Settings {
  Deadlines deadlines;
  DestinationRules destinations;
  std::shared_ptr<const UpstreamProxy> proxy;       // null: upstream is dialled directly
  std::uint64_t max_buffered_bytes = 64ULL << 20U;  // in all connections of the process together
  std::chrono::milliseconds drain_quiet{2'000};     // while draining: a tunnel idle so long ends
};

/// Counters of one process; read by status and metrics.
struct Counters {
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> open{0};
  std::atomic<std::uint64_t> open_calls{0};  // to a model, begun and not recorded yet
  std::atomic<std::uint64_t> intercepted{0};
  std::atomic<std::uint64_t> tunnelled{0};
  std::atomic<std::uint64_t> blocked{0};
  std::atomic<std::uint64_t> refused_destination{0};
  std::atomic<std::uint64_t> upstream_unreachable{0};
  std::atomic<std::uint64_t> upstream_refused{0};
  std::atomic<std::uint64_t> client_refused{0};  // our certificate
  std::atomic<std::uint64_t> client_failed{0};   // its handshake, for another reason
  std::atomic<std::uint64_t> no_common_protocol{0};
  std::atomic<std::uint64_t> stream_broken{0};
  std::atomic<std::uint64_t> timed_out{0};
  std::atomic<std::uint64_t> proxy_failed{0};     // upstream.proxy did not take us there
  std::atomic<std::uint64_t> buffered_bytes{0};   // gauge: what waits for slow receivers
  std::atomic<std::uint64_t> bytes_to_client{0};  // taken by the receiver
  std::atomic<std::uint64_t> bytes_to_upstream{0};
  std::atomic<std::uint64_t> bytes_spliced{0};           // of these, without passing through us
  std::atomic<std::uint64_t> paused_for_connections{0};  // how often accepting stopped, and why
  std::atomic<std::uint64_t> paused_for_descriptors{0};
  std::atomic<bool> is_accept_paused{false};
  std::atomic<std::uint64_t> unparsed{0};  // relayed, but nobody could read it
  // By the rewriting relay, in requests.
  std::atomic<std::uint64_t> requests_blocked{0};
  std::atomic<std::uint64_t> requests_refused{0};
  std::atomic<std::uint64_t> requests_rewritten{0};
  std::atomic<std::uint64_t> replies_refused{0};
  // Clients that named no host which policy could look up, by reason (relay::Hello::Why).
  std::atomic<std::uint64_t> no_sni{0};
  std::atomic<std::uint64_t> ech{0};
  std::atomic<std::uint64_t> ip_literal{0};
  std::atomic<std::uint64_t> not_tls{0};
  std::atomic<std::uint64_t> malformed_hello{0};
};

/// Who has the client end of a connection.
struct Caller {
  std::optional<std::uint32_t> local_uid;  // empty when the kernel cannot say
  std::optional<std::uint32_t> owner_uid;  // on whose behalf; empty when nobody can say
};

/// What a worker tells the rest of the process. Called on the worker's thread; must not block.
struct Hooks {
  std::function<void(usage::Record)> on_record;
  std::function<void(const relay::Report&)> on_report;
  /// Asked as soon as a connection is there: later the answer could be another one.
  std::function<Caller(const boost::asio::ip::tcp::endpoint& client,
                       const boost::asio::ip::tcp::endpoint& destination)>
      caller_of;
};

class ConnectionDriver;

/// How a connection came to us.
enum class Entry {
  redirected,  // the kernel knows the original destination
  connect,     // the client names it with HTTP CONNECT
  reverse,     // the port stands for one host, and the client speaks cleartext
};
/// What a port of the reverse mode stands for. Root-owned configuration.
struct ReverseTarget {
  std::string host;  // lower case
  std::uint16_t port = 443;
};
struct Origin {
  Entry entry = Entry::redirected;
  std::shared_ptr<const ReverseTarget> reverse = {};  // set for Entry::reverse
};

/// One thread's share: an io_context, scratch memory, and the connections that never leave it.
class Worker {
 public:
  Worker(Settings settings,
         std::unique_ptr<relay::Surroundings> surroundings,
         Hooks hooks,
         Counters* counters);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  Worker(Worker&&) = delete;
  Worker& operator=(Worker&&) = delete;
  ~Worker();

  /// Thread-safe. Takes over an accepted, non-blocking connection.
  void adopt(UniqueFd client, bool is_v6, Origin origin);
  /// Thread-safe: connections that were adopted and have not ended.
  [[nodiscard]] std::size_t load() const { return load_.load(std::memory_order_relaxed); }

  /// Runs until stop() has been called and the connections have ended.
  void run();

  /// Thread-safe. Each connection that is open now ends as soon as nothing is lost by it: those
  /// between two exchanges at once, tunnels once they are quiet. Live streams go on, and
  /// connections that come later are served as ever; another call is for them too.
  /// @param on_empty  called on the worker's thread, once, when none of them is left; another call
  ///                  takes its place.
  void drain(std::function<void()> on_empty);

  /// Thread-safe. Ends what is left of the connections that drain() was for.
  void end_drained();

  /// Thread-safe. Lets live connections go on for `grace`, then resets what is left.
  void stop(std::chrono::milliseconds grace);

  [[nodiscard]] boost::asio::io_context& context() { return context_; }

 private:
  friend class ConnectionDriver;

  boost::asio::awaitable<void> tick_loop();
  void start(boost::asio::ip::tcp::socket client, Origin origin);
  void end_idle(Clock::time_point now);
  void tell_if_drained();
  /// How much one read may take, given what waits in the whole process.
  [[nodiscard]] std::size_t read_size() const;
  [[nodiscard]] bool is_over_budget() const;
  void on_report(const relay::Report& report);
  void on_ended(ConnectionDriver* driver);
  void leave_if_done();

  boost::asio::io_context context_;
  Settings settings_;
  std::unique_ptr<relay::Surroundings> surroundings_;
  Hooks hooks_;
  Counters* counters_;
  Buffer receive_;        // ciphertext of the read in progress; used between two suspensions only
  tls::Scratch scratch_;  // relay::Connection's
  PipePool pipes_;
  std::vector<ConnectionDriver*> drivers_;
  std::vector<ConnectionDriver*> draining_;  // those of drivers_ that are to end
  std::atomic<std::size_t> load_{0};
  boost::asio::steady_timer tick_;
  boost::asio::steady_timer grace_;  // runs while stopping
  std::function<void()> on_empty_;
  bool is_draining_ = false;
  bool is_stopping_ = false;
};

}  // namespace agp::io
