#include "daemon/io/dialer.h"

#include "tests/daemon/io/plain_rig.h"

#include <future>

namespace agp::io {
namespace {

using namespace testing_rig;

std::shared_ptr<const UpstreamProxy> proxy_at(const UniqueFd& listener,
                                              const std::string& scheme,
                                              const std::string& host = "127.0.0.1") {
  auto made = std::make_shared<UpstreamProxy>();
  made->url = *config::ProxyUrl::parse(scheme + "://" + host + ':' +
                                       std::to_string(port_of(listener.get())));
  made->user = Secret<std::string>("me");
  made->password = Secret<std::string>("pw");
  return made;
}

TEST(UpstreamProxyDial, AnHttpProxyIsAskedForTheAddressWhenTheClientNamedNone) {
  const auto proxy = blocking_listener();
  Options options;
  options.settings.proxy = proxy_at(proxy, "http");
  PlainRig rig(options);
  const auto client = connect_to(rig.connect_port);
  ASSERT_TRUE(send_all(client.get(), rig.connect_head() + "!early"));
  ASSERT_NE(receive_head(client.get()).find(" 200 "), std::string::npos);
  const auto asked = accept_from(proxy);
  const auto head = receive_head(asked.get());
  EXPECT_NE(head.find("CONNECT 127.0.0.1:" + std::to_string(port_of(rig.upstream.get()))),
            std::string::npos);
  EXPECT_NE(head.find("Proxy-Authorization: Basic bWU6cHc="), std::string::npos);
  // The answer and the first octets from beyond may share a segment.
  ASSERT_TRUE(send_all(asked.get(), "HTTP/1.1 200 OK\r\n\r\nwelcome"));
  EXPECT_EQ(receive(asked.get(), 6), "!early");
  EXPECT_EQ(receive(client.get(), 7), "welcome");
}

TEST(UpstreamProxyDial, AProxyIsAskedForTheNameThatTheClientGave) {
  const auto proxy = blocking_listener();
  Options options;
  options.settings.proxy = proxy_at(proxy, "socks5");
  PlainRig rig(options);
  const auto client = connect_to(rig.connect_port);
  ASSERT_TRUE(send_all(client.get(), rig.connect_head("api.example.com") + "!"));
  ASSERT_NE(receive_head(client.get()).find(" 200 "), std::string::npos);
  const auto asked = accept_from(proxy);
  EXPECT_EQ(receive(asked.get(), 4), std::string("\x05\x02\x00\x02", 4));
  ASSERT_TRUE(send_all(asked.get(), std::string("\x05\x02", 2)));
  EXPECT_EQ(receive(asked.get(), 7), std::string("\x01\x02me\x02pw", 7));
  ASSERT_TRUE(send_all(asked.get(), std::string("\x01\x00", 2)));
  EXPECT_EQ(receive(asked.get(), 20), std::string("\x05\x01\x00\x03\x0f", 5) + "api.example.com");
  EXPECT_EQ(receive(asked.get(), 2).size(), 2U);
  ASSERT_TRUE(send_all(asked.get(), std::string("\x05\x00\x00\x01\0\0\0\0\0\0", 10)));
  EXPECT_EQ(receive(asked.get(), 1), "!");
}

// One octet through the proxy that listens there.
void pass_through(const UniqueFd& proxy, const std::string& host) {
  Options options;
  options.settings.proxy = proxy_at(proxy, "http", host);
  PlainRig rig(options);
  const auto client = connect_to(rig.connect_port);
  ASSERT_TRUE(send_all(client.get(), rig.connect_head() + "!"));
  const auto asked = accept_from(proxy);
  ASSERT_NE(receive_head(asked.get()), "");
  ASSERT_TRUE(send_all(asked.get(), "HTTP/1.1 200 OK\r\n\r\n"));
  EXPECT_EQ(receive(asked.get(), 1), "!");
}

TEST(UpstreamProxyDial, AProxyMayBeGivenByNameAndItsAddressesAreTriedInTurn) {
  // Where localhost is ::1 as well, nobody listens there.
  pass_through(blocking_listener(), "localhost");
}

TEST(UpstreamProxyDial, AProxyMayHaveAnIPv6Address) {
  const auto proxy = blocking_listener("[::1]:0");
  if (!proxy.is_open()) {
    GTEST_SKIP() << "no IPv6 loopback here";
  }
  pass_through(proxy, "[::1]");
}

TEST(UpstreamProxyDial, AProxyWhoseNameIsUnknownIsAFailureOfTheProxy) {
  Options options;
  const auto unused = blocking_listener();
  options.settings.proxy = proxy_at(unused, "http", "no-such-proxy.invalid");
  PlainRig rig(options);
  const auto client = connect_to(rig.connect_port);
  ASSERT_TRUE(send_all(client.get(), rig.connect_head() + "!"));
  EXPECT_EQ(how_it_ends(client.get()), ECONNRESET);
  EXPECT_EQ(rig.counters.proxy_failed, 1U);
}

TEST(UpstreamProxyDial, ARefusalIsAResetForTheClientAndCounted) {
  const auto proxy = blocking_listener();
  Options options;
  options.settings.proxy = proxy_at(proxy, "http");
  PlainRig rig(options);
  const auto client = connect_to(rig.connect_port);
  ASSERT_TRUE(send_all(client.get(), rig.connect_head() + "!"));
  ASSERT_NE(receive_head(client.get()).find(" 200 "), std::string::npos);
  const auto asked = accept_from(proxy);
  (void)receive_head(asked.get());
  ASSERT_TRUE(send_all(asked.get(), "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"));
  EXPECT_EQ(how_it_ends(client.get()), ECONNRESET);
  EXPECT_EQ(rig.counters.proxy_failed, 1U);
  EXPECT_EQ(rig.counters.upstream_unreachable, 1U);
}

TEST(UpstreamProxyDial, ASilentProxyIsGivenUpAfterTheConnectDeadline) {
  const auto proxy = blocking_listener();
  Options options;
  options.settings.proxy = proxy_at(proxy, "http");
  options.settings.deadlines.connect = 100ms;
  PlainRig rig(options);
  const auto client = connect_to(rig.connect_port);
  ASSERT_TRUE(send_all(client.get(), rig.connect_head() + "!"));
  ASSERT_NE(receive_head(client.get()).find(" 200 "), std::string::npos);
  EXPECT_EQ(how_it_ends(client.get()), ECONNRESET);
  EXPECT_EQ(rig.counters.proxy_failed, 1U);
}

TEST(ExplicitMode, OctetsThatArriveWithTheHeadAreNotLost) {
  PlainRig rig;
  const auto client = connect_to(rig.connect_port);
  ASSERT_TRUE(send_all(client.get(), rig.connect_head() + "!pipelined"));
  ASSERT_NE(receive_head(client.get()).find(" 200 "), std::string::npos);
  const auto upstream = accept_from(rig.upstream);
  EXPECT_EQ(receive(upstream.get(), 10), "!pipelined");
}

TEST(ExplicitMode, RefusalsSayWhatToDo) {
  PlainRig rig;
  const std::pair<std::string, const char*> cases[] = {
      {"nonsense\r\n\r\n", " 400 "},
      {"GET http://example.com/ HTTP/1.1\r\n\r\n", " 405 "},
      {"CONNECT 10.0.0.1:443 HTTP/1.1\r\n\r\n", " 403 "},
      {"CONNECT no-such-host.invalid:443 HTTP/1.1\r\n\r\n", " 502 "}};
  for (const auto& [head, status] : cases) {
    const auto client = connect_to(rig.connect_port);
    ASSERT_TRUE(send_all(client.get(), head));
    const auto answer = receive(client.get(), 4096);
    EXPECT_NE(answer.find(status), std::string::npos) << answer;
    EXPECT_GT(answer.size(), answer.find("\r\n\r\n") + 24) << answer;
  }
}

struct TlsServer {
  std::shared_ptr<SSL_CTX> context =
      testing::server_context(testing::make_certificate({.name = "localhost"}, &authority()));
  UniqueFd fd;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl{nullptr, SSL_free};

  bool accept(const UniqueFd& listener) {
    fd = accept_from(listener);
    ssl.reset(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), fd.get());
    return SSL_accept(ssl.get()) == 1;
  }
  std::string read_some() {
    std::string text(4096, '\0');
    std::size_t size = 0;
    text.resize(SSL_read_ex(ssl.get(), text.data(), text.size(), &size) == 1 ? size : 0);
    return text;
  }
  bool write(std::string_view text) {
    std::size_t size = 0;
    return SSL_write_ex(ssl.get(), text.data(), text.size(), &size) == 1;
  }
};

TEST(ReverseMode, CleartextFromTheClientIsVerifiedTlsToTheHost) {
  Options options;
  options.disposition = Disposition::inspect;
  PlainRig rig(options);
  const auto client = connect_to(rig.reverse_port);
  ASSERT_TRUE(send_all(client.get(), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  TlsServer server;
  ASSERT_TRUE(server.accept(rig.upstream));
  EXPECT_NE(server.read_some().find("GET / HTTP/1.1"), std::string::npos);
  ASSERT_TRUE(server.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  const auto head = receive_head(client.get());
  EXPECT_NE(head.find(" 200 "), std::string::npos);
  EXPECT_EQ(receive(client.get(), 2), "ok");
  EXPECT_EQ(rig.counters.intercepted, 1U);
}

TEST(Drain, AnIdleConnectionEndsAtOnceAndALiveStreamRunsToItsLastOctet) {
  Options options;
  options.disposition = Disposition::inspect;
  PlainRig rig(options);
  const std::string request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const auto idle = connect_to(rig.reverse_port);
  ASSERT_TRUE(send_all(idle.get(), request));
  TlsServer idle_server;
  ASSERT_TRUE(idle_server.accept(rig.upstream));
  ASSERT_NE(idle_server.read_some(), "");
  ASSERT_TRUE(idle_server.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  (void)receive_head(idle.get());
  ASSERT_EQ(receive(idle.get(), 2), "ok");
  const auto live = connect_to(rig.reverse_port);
  ASSERT_TRUE(send_all(live.get(), request));
  TlsServer live_server;
  ASSERT_TRUE(live_server.accept(rig.upstream));
  ASSERT_NE(live_server.read_some(), "");
  ASSERT_TRUE(live_server.write("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nfirst "));
  (void)receive_head(live.get());
  ASSERT_EQ(receive(live.get(), 6), "first ");

  std::promise<void> emptied;
  rig.workers[0]->drain([&] { emptied.set_value(); });
  EXPECT_EQ(how_it_ends(idle.get()), 0);
  auto empty = emptied.get_future();
  EXPECT_EQ(empty.wait_for(0s), std::future_status::timeout);  // one is alive
  ASSERT_TRUE(live_server.write("second"));
  EXPECT_EQ(receive(live.get(), 6), "second");
  // Its exchange is over, and so is the connection: nobody has to close it.
  EXPECT_EQ(how_it_ends(live.get()), 0);
  EXPECT_EQ(empty.wait_for(20s), std::future_status::ready);
}

}  // namespace
}  // namespace agp::io
