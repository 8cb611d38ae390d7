#include "cli/monitor_command.h"

#include "tests/cli/fake_daemon.h"

#include <deque>

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

constexpr const char* kHead = "HTTP/1.1 200 OK\r\n\r\n";

class FakeMonitorHost final : public MonitorHost {
 public:
  bool ask(const std::string& request) override {
    requests.push_back(request);
    if (connections.empty()) {
      return false;
    }
    now = connections.front();
    connections.pop_front();
    return !now.empty();
  }
  std::optional<std::string> read() override {
    if (now.empty()) {
      return std::nullopt;
    }
    auto out = now.front();
    now.pop_front();
    return out;
  }
  bool write(std::string_view text) override {
    written += text;
    return has_reader;
  }
  bool wait() override { return --waits > 0; }

  std::deque<std::deque<std::string>> connections;  // an empty one: nobody listens
  std::deque<std::string> now;
  std::vector<std::string> requests;
  std::string written;
  bool has_reader = true;
  int waits = 100;
};

class MonitorCommand : public ::testing::Test {
 protected:
  Output monitor() { return run_monitor(parse_line({"monitor", "--json"}), daemon, host); }
  FakeDaemon daemon;
  FakeMonitorHost host;
};

TEST_F(MonitorCommand, GoesOnAfterARestartWhereItWas) {
  host.connections = {{kHead, "id: 3\ndata: {\"a\":1}\n\n"}, {}, {kHead, "id: 4\ndata: 2\n\n"}};
  host.waits = 3;
  const auto output = monitor();
  EXPECT_EQ(output.exit, Exit::ok);
  EXPECT_EQ(output.out, "");
  EXPECT_EQ(host.written, "{\"a\":1}\n2\n");
  ASSERT_EQ(host.requests.size(), 3U);
  EXPECT_EQ(host.requests[0].find("Last-Event-ID"), std::string::npos);
  EXPECT_NE(host.requests[1].find("\r\nLast-Event-ID: 3\r\n"), std::string::npos);
  EXPECT_NE(host.requests[2].find("\r\nLast-Event-ID: 3\r\n"), std::string::npos);
}

TEST_F(MonitorCommand, EndsWhenNobodyReads) {
  host.connections = {{kHead, "id: 3\ndata: 1\n\n"}, {kHead}};
  host.has_reader = false;
  EXPECT_EQ(monitor().exit, Exit::ok);
  EXPECT_EQ(host.requests.size(), 1U);
}

TEST_F(MonitorCommand, SaysWhyThereIsNothing) {
  EXPECT_EQ(monitor().exit, Exit::unavailable);
  host.connections = {{"HTTP/1.1 403 Forbidden\r\n\r\n"}};
  EXPECT_EQ(monitor().exit, Exit::refused);
  host.connections = {{"HTTP/1.1 429 Too Many Requests\r\n\r\n"}};
  EXPECT_EQ(monitor().exit, Exit::failed);
  host.connections = {{"220 mail\r\n"}};
  EXPECT_EQ(monitor().exit, Exit::data);
  const auto asked = host.requests.size();
  daemon.status_answer = Failure{Exit::not_active, "not_active", "not running", "start it"};
  EXPECT_EQ(monitor().exit, Exit::not_active);
  EXPECT_EQ(host.requests.size(), asked) << "its socket would start what was stopped";
}

TEST_F(MonitorCommand, GivesUpOnAServiceThatDoesNotComeBack) {
  host.connections = {{kHead, "id: 3\ndata: 1\n\n"}};
  EXPECT_EQ(monitor().exit, Exit::unavailable);
  EXPECT_GT(host.waits, 0);
}

}  // namespace
}  // namespace agp::cli
