#include "common/log/log.h"
#include "daemon/io/connection_driver.h"
#include "daemon/io/lookup.h"

#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sys/socket.h>

// How a connection gets from its client to upstream: where the client wants to go, whether it may,
// and the dialling.
namespace agp::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using relay::Side;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

}  // namespace

asio::awaitable<bool> ConnectionDriver::learn_destination() {
  if (origin_.entry == Entry::connect) {
    const bool is_read = co_await read_connect_head();
    co_return is_read;
  }
  if (origin_.entry == Entry::reverse) {
    auto rules = worker_->settings_.destinations;
    rules.port = origin_.reverse->port;  // configured, and therefore meant
    const bool is_resolved =
        co_await resolve_target(origin_.reverse->host, origin_.reverse->port, std::move(rules));
    co_return is_resolved;
  }
  auto destination = original_destination(client_.socket.native_handle());
  if (destination) {
    if (auto allowed = check_destination(*destination, worker_->settings_.destinations); !allowed) {
      destination = allowed.error();
    } else {
      destination_ = *destination;
      co_return true;
    }
  }
  worker_->counters_->refused_destination.fetch_add(1, std::memory_order_relaxed);
  log::warning("connection refused: its destination is not one we may dial",
               {{"ERROR", destination.error()}});
  abort();
  co_return false;
}

// Explicit mode: the client names the destination. Everything after the head is the same pipeline.
asio::awaitable<bool> ConnectionDriver::read_connect_head() {
  std::string head;
  std::optional<relay::ConnectTarget> target;
  while (!target) {
    char bytes[4096];
    const auto room = asio::buffer(bytes);
    auto [ec, size] = co_await client_.socket.async_read_some(room, kTuple);
    if (is_timed_out_ && !is_aborted_) {
      time_out();
    }
    if (ec || is_aborted_) {
      co_return false;
    }
    head.append(bytes, size);
    auto parsed = relay::parse_connect_head(head);
    if (!parsed) {
      const bool is_other_method = parsed.error().code == boost::system::errc::not_supported;
      if (is_other_method) {
        co_await refuse_connect(405, "Method Not Allowed",
                                "This port takes HTTP CONNECT only. Point HTTPS_PROXY at it, not "
                                "HTTP_PROXY, and use https:// addresses.");
      } else {
        co_await refuse_connect(400, "Bad Request",
                                "This port takes HTTP CONNECT host:443 requests only.");
      }
      co_return false;
    }
    target = std::move(*parsed);
  }
  // A client may begin with TLS before it has our answer.
  const auto rest = as_bytes(std::string_view(head).substr(target->head_size));
  early_.assign(rest.begin(), rest.end());
  auto rules = worker_->settings_.destinations;
  const bool is_resolved =
      co_await resolve_target(std::move(target->host), target->port, std::move(rules));
  if (!is_resolved) {
    co_return false;
  }
  static constexpr std::string_view kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";
  queue_for_client(kEstablished);
  started_ = activity_ = Clock::now();
  co_return true;
}

asio::awaitable<bool> ConnectionDriver::resolve_target(std::string host,
                                                       std::uint16_t port,
                                                       DestinationRules rules) {
  const auto& settings = worker_->settings_;
  Result<> allowed;
  if (settings.proxy && settings.proxy->by_name && may_be_asked_by_name(host)) {
    // The proxy resolves: many of these networks cannot.
    named_ = host;
    destination_.port(port);
    if (port != rules.port) {
      allowed = Error{make_error_code(DestinationErrc::wrong_port), "port"};
    }
  } else {
    Lookup lookup(&worker_->context_);
    lookup_ = &lookup;
    auto found = co_await lookup.run(host, port, settings.deadlines.connect);
    lookup_ = nullptr;
    if (is_aborted_) {
      co_return false;
    }
    if (!found) {
      worker_->counters_->upstream_unreachable.fetch_add(1, std::memory_order_relaxed);
      log::warning("connection refused: its host cannot be resolved", {{"ERROR", found.error()}});
      if (found.error().code == asio::error::timed_out) {
        co_await refuse_connect(504, "Gateway Timeout",
                                "The name server did not answer in time. Try again, or check "
                                "/etc/resolv.conf of this machine.");
      } else {
        co_await refuse_connect(502, "Bad Gateway",
                                "The host name cannot be resolved. Check the name and the name "
                                "servers of this machine.");
      }
      co_return false;
    }
    for (const auto& endpoint : *found) {
      allowed = check_destination(endpoint, rules);
      if (allowed) {
        destination_ = endpoint;
        break;
      }
    }
  }
  if (allowed) {
    co_return true;
  }
  worker_->counters_->refused_destination.fetch_add(1, std::memory_order_relaxed);
  log::warning("connection refused: its destination is not one we may dial",
               {{"ERROR", allowed.error()}});
  co_await refuse_connect(403, "Forbidden",
                          "Only port 443 of public addresses may be reached. Networks of your own "
                          "are allowed with upstream.allow_networks in "
                          "/etc/antigravity-proxy/proxy.yaml.");
  co_return false;
}

asio::awaitable<void> ConnectionDriver::refuse_connect(int status,
                                                       const char* reason,
                                                       const char* text) {
  const std::string body = std::string(text) + '\n';
  const std::string answer = "HTTP/1.1 " + std::to_string(status) + ' ' + reason +
                             (status == 405 ? "\r\nAllow: CONNECT" : "") +
                             "\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                             "Content-Length: " +
                             std::to_string(body.size()) + "\r\n\r\n" + body;
  started_ = Clock::now();  // a lookup may have taken longer than a handshake may
  client_.wants_fin = true;
  queue_for_client(answer);
  co_await drain(Side::client);
  // Octets that are left unread would turn the close into a reset, which eats the answer.
  auto& rest = worker_->receive_;
  if (client_.socket.is_open()) {
    (void)!::recv(client_.socket.native_handle(), rest.data(), rest.size(), MSG_DONTWAIT);
  }
}

// What we say ourselves, before there is a core that speaks.
void ConnectionDriver::queue_for_client(std::string_view text) {
  client_.write_progress = Clock::now();
  append(client_.queue, as_bytes(text));
  send_queued(Side::client);
  account();
}

relay::Entry ConnectionDriver::relay_entry() const {
  relay::Entry entry;
  const auto port = ':' + std::to_string(destination_.port());
  if (!named_.empty()) {
    entry.destination = named_ + port;
  } else {
    const auto address = destination_.address();
    entry.destination =
        (address.is_v6() ? '[' + address.to_string() + ']' : address.to_string()) + port;
  }
  if (origin_.reverse) {
    entry.cleartext_host = origin_.reverse->host;
    entry.cleartext_port = origin_.reverse->port;
  }
  return entry;
}

// A proxy is asked for the name where there is one that may be asked (docs/adr/0011).
ProxyTarget ConnectionDriver::proxy_target() const {
  const auto* proxy = worker_->settings_.proxy.get();
  ProxyTarget target{named_, destination_.port()};
  if (target.host.empty() && proxy != nullptr && proxy->by_name && !is_unnamed_ &&
      may_be_asked_by_name(core_->host())) {
    target.host = core_->host();
  }
  if (target.host.empty()) {
    target.host = destination_.address().to_string();
  }
  return target;
}

asio::awaitable<void> ConnectionDriver::dial() {
  const auto* proxy = worker_->settings_.proxy.get();
  Dialer dialer(&worker_->context_, &upstream_.socket, proxy, worker_->settings_.deadlines.connect);
  dialer_ = &dialer;
  auto target = proxy_target();
  auto opened = co_await dialer.dial(destination_, std::move(target));
  dialer_ = nullptr;
  if (is_aborted_) {
    co_return;
  }
  if (!opened && proxy != nullptr) {
    worker_->counters_->proxy_failed.fetch_add(1, std::memory_order_relaxed);
  }
  started_ = activity_ = Clock::now();
  core_->on_upstream_open(opened ? Result<>() : Result<>(opened.error()), wall_clock());
  flush();
  core_->prepare_answer(wall_clock());
  carry_out_commands();
  if (opened && !opened->empty() && !is_aborted_) {
    feed(Side::upstream, *opened);
  }
}

}  // namespace agp::io
