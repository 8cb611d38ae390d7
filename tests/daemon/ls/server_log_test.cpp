#include "daemon/ls/server_log.h"

#include <utility>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

// Put together from the log lines that the reference lists.
const std::string kStart =
    "I0214 12:00:00.000000    4242 server.go:1046] Language server will attempt to listen on host "
    "127.0.0.1\n"
    "I0214 12:00:00.100000    4242 server.go:1051] Language server listening on fixed port at "
    "42101 "
    "for HTTP\n"
    "I0214 12:00:00.200000    4242 server.go:1055] Language server listening on fixed port at "
    "42100 "
    "for HTTPS (gRPC)\n"
    "I0214 12:00:00.300000    4242 server.go:1060] Language server listening on random port at "
    "42102 "
    "for LSP\n";

TEST(ServerLog, EverySplitSaysTheSamePort) {
  for (std::size_t cut = 0; cut <= kStart.size(); ++cut) {
    ServerLog log;
    const bool first = log.feed(kStart.substr(0, cut));
    const bool second = log.feed(kStart.substr(cut));
    EXPECT_NE(first, second) << "it says so once; cut at " << cut;
    EXPECT_EQ(log.https_port(), 42100);
    EXPECT_EQ(log.last_lines().size(), 4U);
  }
}

TEST(ServerLog, ReadsOlderWordsAndNoNonsense) {
  ServerLog old;
  EXPECT_TRUE(old.feed("x] Language server listening on random port at 35001 for HTTPS\n"));
  EXPECT_EQ(old.https_port(), 35001);
  for (const char* line :
       {"listening on fixed port at 99999 for HTTPS\n", "listening on fixed port at x for HTTPS\n",
        "listening on fixed port at 42100\n", "listening on fixed port at 42100 for HTTP\n",
        "listening on fixed port at \n", "\n\r\n"}) {
    ServerLog log;
    EXPECT_FALSE(log.feed(line)) << line;
    EXPECT_FALSE(log.https_port());
  }
}

TEST(ServerLog, KeepsTheLastLinesAndThePanicBeforeThem) {
  ServerLog log;
  for (int i = 0; i < 100; ++i) {
    log.feed("line " + std::to_string(i) + "\n");
  }
  EXPECT_EQ(log.last_lines().size(), ServerLog::kMaxLines);
  EXPECT_EQ(log.last_lines().back(), "line 99");
  log.feed("panic: runtime error: index out of range\n\ngoroutine 1 [running]:\n");
  EXPECT_EQ(log.last_lines().front(), "panic: runtime error: index out of range");
  for (int i = 0; i < 100; ++i) {
    log.feed("\t/src/x.go:" + std::to_string(i) + "\n");
  }
  EXPECT_EQ(log.last_lines().front(), "panic: runtime error: index out of range");
  EXPECT_EQ(log.last_lines().size(), ServerLog::kMaxLines + 1);
}

TEST(ServerLog, IsBounded) {
  ServerLog log;
  for (int i = 0; i < 100; ++i) {
    log.feed(std::string(100000, 'x'));
  }
  log.feed("\n");
  ASSERT_EQ(log.last_lines().size(), 1U);
  EXPECT_EQ(log.last_lines()[0].size(), ServerLog::kMaxLineBytes);
}

TEST(ServerLog, ShowsNoSecret) {
  std::vector<Secret<std::string>> secrets;
  secrets.emplace_back("abc");
  const std::vector<std::pair<std::string, std::string>> lines = {
      {"sent abc twice: abc", "sent [hidden] twice: [hidden]"},
      {"Authorization: Bearer ya29.a0AfB_byC1234567890-xyz", "Authorization: Bearer [hidden]"},
      {"--csrf_token=7 --server_port 42100", "--csrf_token=[hidden] --server_port 42100"},
      {"--csrf_token 0b1f9a2e-5c77-4c2b-9e7e-3f1de2b9a111 x", "--csrf_token [hidden] x"},
      {"key AIzaSyA1234567890klmnopqrstuvwxyz01234", "key [hidden]"},
      {"OAuth token: error getting token source", "OAuth token: error getting token source"},
      {"exec /usr/share/antigravity/bin/language_server_linux_x64: no",
       "exec /usr/share/antigravity/bin/language_server_linux_x64: no"},
      {"I0214 12:00:00.000000 4242 main.go:7] \x1b[31mred\x07",
       "I0214 12:00:00.000000 4242 main.go:7]  [31mred "}};
  for (const auto& [line, shown] : lines) {
    EXPECT_EQ(without_secrets(line, secrets), shown);
  }
}

}  // namespace
}  // namespace agp::ls
