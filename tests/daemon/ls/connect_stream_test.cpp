#include "daemon/ls/connect_stream.h"

#include "daemon/ls/envelope.h"
#include "daemon/ls/errors.h"
#include "tests/daemon/ls/fake_connect_server.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

namespace agp::ls {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Call = FakeConnectServer::Call;
using Reply = FakeConnectServer::Reply;

std::shared_ptr<Endpoint> endpoint_of(const FakeConnectServer& server) {
  auto endpoint = std::make_shared<Endpoint>();
  endpoint->port = server.port();
  endpoint->csrf_token = Secret<std::string>("token");
  return endpoint;
}

const std::string kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: application/connect+json\r\nTransfer-Encoding: chunked\r\n"
    "\r\n";

/// The body in chunks of that size, with their last one.
std::string chunked(const std::string& body, std::size_t size) {
  std::string out;
  for (std::size_t at = 0; at < body.size(); at += size) {
    const std::string piece = body.substr(at, size);
    char length[20];
    (void)std::snprintf(length, sizeof length, "%zx\r\n", piece.size());
    out += length + piece + "\r\n";
  }
  return out + "0\r\n\r\n";
}

std::string end_frame(const std::string& json) {
  std::string out = envelope(json);
  out[0] = 2;
  return out;
}

Reply raw(std::string octets) {
  Reply reply;
  reply.raw = std::move(octets);
  return reply;
}

struct Outcome {
  std::vector<std::string> messages;
  Result<> end;
};

Outcome run(Reply reply, ConnectStream::Limits limits = {}, milliseconds silence = seconds(5)) {
  asio::io_context io;
  FakeConnectServer server(&io, [&](const Call&) { return reply; });
  ConnectStream stream(endpoint_of(server), limits);
  EXPECT_TRUE(wait(&io, stream.open("StreamX", WireCoding::json, R"({"a":1})", seconds(5))));
  Outcome out;
  for (;;) {
    auto message = wait(&io, stream.next(silence));
    if (!message) {
      out.end = message.error();
      EXPECT_EQ(wait(&io, stream.next(silence)).error().code, out.end.error().code);
      return out;
    }
    if (!*message) {
      return out;
    }
    out.messages.push_back(**message);
  }
}

TEST(ConnectStream, AsksInAnEnvelopeAndTellsTheMessages) {
  asio::io_context io;
  FakeConnectServer server(&io, [](const Call&) {
    return raw(kHead + chunked(envelope("one") + envelope("two") + end_frame("{}"), 7));
  });
  ConnectStream stream(endpoint_of(server));
  ASSERT_TRUE(wait(&io, stream.open("StreamX", WireCoding::proto,
                                    "\x0a\x01"
                                    "C",
                                    seconds(5))));
  EXPECT_EQ(*wait(&io, stream.next(seconds(5))), "one");
  EXPECT_EQ(*wait(&io, stream.next(seconds(5))), "two");
  EXPECT_EQ(*wait(&io, stream.next(seconds(5))), std::nullopt);
  EXPECT_EQ(*wait(&io, stream.next(seconds(5))), std::nullopt);
  ASSERT_EQ(server.calls().size(), 1U);
  const auto& call = server.calls()[0];
  EXPECT_EQ(call.method, "StreamX");
  EXPECT_NE(call.head.find("Content-Type: application/connect+proto"), std::string::npos);
  EXPECT_NE(call.head.find("x-codeium-csrf-token: token"), std::string::npos);
  EXPECT_EQ(call.head.find("ncoding"), std::string::npos);  // no compression is offered
  EXPECT_EQ(call.body, envelope("\x0a\x01"
                                "C"));
}

TEST(ConnectStream, ChunksAndMessagesNeedNotMatch) {
  const std::string body = envelope("one") + envelope("") + envelope("two") + end_frame("{}");
  for (std::size_t size = 1; size <= body.size(); ++size) {
    const auto outcome = run(raw(kHead + chunked(body, size)));
    ASSERT_EQ(outcome.messages, (std::vector<std::string>{"one", "", "two"})) << size;
    ASSERT_TRUE(outcome.end) << outcome.end.error().text();
  }
}

TEST(ConnectStream, TellsTheErrorOfTheEndFrame) {
  const auto outcome = run(raw(
      kHead + chunked(envelope("one") +
                          end_frame(R"({"error":{"code":"not_found","message":"no trajectory"}})"),
                      100)));
  EXPECT_EQ(outcome.messages.size(), 1U);
  EXPECT_EQ(outcome.end.error().code, Errc::not_found);
  const auto off = run(raw(
      kHead +
      chunked(end_frame(R"({"error":{"code":"unknown","message":"reactive state is disabled"}})"),
              100)));
  EXPECT_EQ(off.end.error().code, Errc::disabled);
}

TEST(ConnectStream, TellsTheErrorOfTheStatus) {
  EXPECT_EQ(run({404, "404 page not found"}).end.error().code, Errc::unimplemented);
  EXPECT_EQ(run({401, R"({"code":"unauthenticated","message":"m"})"}).end.error().code,
            Errc::unauthenticated);
  EXPECT_EQ(run({200, "{}"}).end.error().code, Errc::bad_answer);  // JSON, no stream
}

TEST(ConnectStream, RefusesWhatIsCompressedOrTooLarge) {
  std::string squeezed = envelope("x");
  squeezed[0] = 1;
  EXPECT_EQ(run(raw(kHead + chunked(squeezed, 9))).end.error().code, Errc::bad_answer);
  EXPECT_EQ(run(raw("HTTP/1.1 200 OK\r\nContent-Type: application/connect+json\r\n"
                    "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"))
                .end.error()
                .code,
            Errc::bad_answer);
  const auto large = run(raw(kHead + chunked(envelope("ok") + envelope("1234567"), 50)), {6});
  EXPECT_EQ(large.messages, std::vector<std::string>{"ok"});
  EXPECT_EQ(large.end.error().code, Errc::too_large);
}

TEST(ConnectStream, AStreamThatIsCutOffIsNoEnd) {
  const std::string whole = kHead + chunked(envelope("one"), 100);
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{12}}) {
    auto reply = raw(whole.substr(0, whole.size() - cut));
    reply.close_instead = true;
    EXPECT_EQ(run(reply).end.error().code, Errc::unreachable) << cut;
  }
}

TEST(ConnectStream, SilenceHasADeadline) {
  const auto outcome = run(raw(kHead + "8\r\n" + envelope("one") + "\r\n"), {}, milliseconds(200));
  EXPECT_EQ(outcome.messages, std::vector<std::string>{"one"});
  EXPECT_EQ(outcome.end.error().code, Errc::deadline_exceeded);
}

TEST(ConnectStream, CanBeGivenUpWhileItWaits) {
  asio::io_context io;
  FakeConnectServer server(&io, [](const Call&) { return Reply{200, "", false, true}; });
  ConnectStream stream(endpoint_of(server));
  ASSERT_TRUE(wait(&io, stream.open("StreamX", WireCoding::json, "{}", seconds(5))));
  asio::cancellation_signal gives_up;
  std::optional<Result<std::optional<std::string>>> result;
  asio::co_spawn(
      io, stream.next(seconds(60)),
      asio::bind_cancellation_slot(gives_up.slot(), [&](std::exception_ptr bug, auto value) {
        EXPECT_FALSE(bug);
        result.emplace(std::move(value));
      }));
  while (server.calls().empty()) {
    io.run_one();
  }
  asio::post(io, [&] { gives_up.emit(asio::cancellation_type::terminal); });
  while (!result) {
    io.run_one();
  }
  EXPECT_EQ(result->error().code, Errc::canceled);
}

TEST(ConnectStream, NobodyThereIsUnreachable) {
  asio::io_context io;
  std::shared_ptr<Endpoint> endpoint;
  {
    const FakeConnectServer gone(&io, [](const Call&) { return Reply{}; });
    endpoint = endpoint_of(gone);
  }
  ConnectStream stream(endpoint);
  EXPECT_EQ(wait(&io, stream.open("StreamX", WireCoding::json, "{}", seconds(5))).error().code,
            Errc::unreachable);
  EXPECT_EQ(wait(&io, stream.next(seconds(5))).error().code, Errc::unreachable);
}

}  // namespace
}  // namespace agp::ls
