// Starting and supervising against the Go doubles of every era: a fake IDE, and our own language
// server with the flags that the helper's core chooses from its --help. AGP_DOUBLES names the
// folder with the built doubles.

#include "daemon/control/errors.h"
#include "daemon/ls/connect_client.h"
#include "daemon/ls/supervisor.h"
#include "helper/core/start_plan.h"
#include "tests/daemon/ls/child.h"
#include "tests/daemon/ls/doubles.h"
#include "tests/daemon/ls/temp_dir.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

namespace agp::ls {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

/// Does what helper and service manager do, less the account and the sandbox.
class PlainHelper final : public HelperPort {
 public:
  std::string binary;
  Environment environment;
  std::function<void(std::string id, std::string result, int status)> on_exit;
  core::StartPlan plan;  // of the last start
  int starts = 0;

  asio::awaitable<Result<>> ensure_redirect() override { co_return Result<>(); }
  asio::awaitable<Result<>> remove_redirect() override { co_return Result<>(); }
  asio::awaitable<Result<>> ensure_trust_bundle(std::string) override { co_return Result<>(); }
  asio::awaitable<Result<control::StartedLs>> start_language_server(
      control::StartSpec spec) override {
    core::StartRequest request;
    request.server_port = spec.server_port;
    request.http_port = spec.http_port;
    request.lsp_port = spec.lsp_port;
    request.extension_server_port = spec.extension_server_port;
    request.csrf_token = spec.csrf_token.expose();
    request.extension_csrf_token = spec.extension_csrf_token.expose();
    request.workspace_id = spec.workspace_id;
    core::Settings settings;
    settings.binaries = {binary};
    settings.ports = {24500, 24599};
    EXPECT_TRUE(core::validate(request, settings));
    Child::Options in_one;
    in_one.log = Child::Log::in_output;
    Child asked({binary, "--help"}, environment, in_one);
    auto made = core::plan_start(request, settings, core::ProgramFlags::read(asked.rest()));
    if (!made) {
      co_return Error(control::Errc::helper_failed, made.error().context);
    }
    plan = *made;
    Child::Options streams;
    streams.input = spec.stdin_fd.get();
    streams.output = spec.log_fd.get();
    streams.log = Child::Log::in_output;
    server = std::make_unique<Child>(words(), environment, streams);
    ++starts;
    co_return control::StartedLs{std::to_string(starts), "unit", plan.has_one_token};
  }
  asio::awaitable<Result<>> stop_language_server(std::string id) override {
    server.reset();
    on_exit(std::move(id), "success", 0);
    co_return Result<>();
  }
  asio::awaitable<Result<control::HelperStatus>> status() override {
    control::HelperStatus status;
    status.binaries = {{0, binary}};
    co_return status;
  }

  /// Tells of an end, as the helper does after a look.
  void look() {
    if (server && server->has_ended()) {
      const int status = server->wait();
      server.reset();
      const bool is_signal = WIFSIGNALED(status);
      on_exit(std::to_string(starts), is_signal ? "signal" : "exit-code",
              is_signal ? WTERMSIG(status) : WEXITSTATUS(status));
    }
  }

  std::unique_ptr<Child> server;

 private:
  /// ${NAME} as the service manager fills it in.
  Words words() const {
    Words out = {binary};
    for (const auto& argument : plan.arguments) {
      if (!argument.starts_with("${")) {
        out.push_back(argument);
        continue;
      }
      const auto name = argument.substr(2, argument.size() - 3) + "=";
      const auto at = plan.secrets.find(name) + name.size();
      out.push_back(plan.secrets.substr(at, plan.secrets.find('\n', at) - at));
    }
    return out;
  }
};

class Starting : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto fakes = built_doubles();
    if (!fakes) {
      GTEST_SKIP() << "build the doubles (tests/fakes/build DIR) and set AGP_DOUBLES=DIR";
    }
    const auto bin = dir.path() / "antigravity/resources/app/extensions/antigravity/bin";
    helper.binary = bin / "language_server_linux_x64";
    fs::create_directories(bin);
    fs::create_directories(dir.path() / "ide-home");
    fs::create_directories(dir.path() / "home");
    fs::create_directories(dir.path() / "proc");
    fs::copy_file(*fakes / "fake-language-server", helper.binary);
    helper.environment = {{"HOME", dir.path() / "home"},
                          {"FAKE_LS_ERA", GetParam()},
                          {"FAKE_LS_AUX", "off"},
                          {"FAKE_LS_OWN_LOGIN", "off"},
                          {"FAKE_LS_UPSTREAM", "off"}};
    const Words words = {*fakes / "fake-ide", "--era", GetParam(), "--ls-binary", helper.binary};
    ide = std::make_unique<Child>(words, Environment{{"HOME", dir.path() / "ide-home"}});
    const auto ready = ide->event_with("\"ready\"");
    ASSERT_FALSE(ready.empty()) << "fake-ide did not start";
    // Only this IDE: others may run on the machine that tests.
    const auto pid = std::to_string(ready.at("ls_pid").to_number<int>());
    fs::create_directory_symlink("/proc/" + pid, dir.path() / "proc" / pid);
    // Below the range of which the kernel gives ports to others: these stay free.
    options.first_port = 24500;
    options.last_port = 24599;
    options.settings.first_backoff = std::chrono::milliseconds(1);
    options.settings.last_backoff = std::chrono::milliseconds(8);
  }

  void supervise() {
    finder.emplace(ProcessScan::Options{"auto", "antigravity-ls", dir.path() / "proc"});
    supervisor.emplace(io.get_executor(), &helper, &*finder, options);
    helper.on_exit = [this](const std::string& id, const std::string& result, int status) {
      asio::post(io, [this, id, result, status] {
        supervisor->on_language_server_exited(id, result, status);
      });
    };
    asio::co_spawn(io, supervisor->run(), [this](std::exception_ptr) { has_ended = true; });
  }

  template <class Condition>
  void until(Condition condition) {
    while (!condition() && !has_ended) {
      io.run_one_for(std::chrono::milliseconds(20));
      helper.look();
    }
    ASSERT_FALSE(has_ended);
  }

  std::optional<std::string> call(const std::string& method) {
    std::optional<Result<std::string>> answer;
    ConnectClient client(supervisor->endpoint());
    const std::string body = "{}";
    asio::co_spawn(io, client.call(method, body, std::chrono::seconds(10)),
                   [&](std::exception_ptr, Result<std::string> value) { answer = value; });
    while (!answer) {
      io.run_one();
    }
    return *answer ? std::optional(**answer) : std::nullopt;
  }

  void TearDown() override {
    if (supervisor) {
      supervisor->request_stop();
      while (!has_ended) {
        io.run_one();
      }
    }
  }

  const TempDir dir;
  std::unique_ptr<Child> ide;
  asio::io_context io;
  PlainHelper helper;
  std::optional<ProcessScan> finder;
  Supervisor::Options options;
  std::optional<Supervisor> supervisor;
  bool has_ended = false;
};

TEST_P(Starting, SignsInThroughTheRunningIde) {
  supervise();
  until([this] { return supervisor->endpoint() != nullptr; });
  EXPECT_EQ(helper.plan.has_one_token, GetParam() == "e1");
  // The callbacks of ours arrive there, so the token for them is the right one, and with them the
  // login: without it there are no models.
  std::string models;
  until([&] {
    models = call("GetCascadeModelConfigData").value_or("");
    return models.find("clientModelConfigs") != std::string::npos;
  });
  EXPECT_FALSE(supervisor->last_log_lines().empty());
  for (const auto& line : supervisor->last_log_lines()) {
    EXPECT_EQ(line.find(supervisor->endpoint()->csrf_token.expose()), std::string::npos);
  }
}

TEST_P(Starting, IsRestartedAfterACrash) {
  supervise();
  until([this] { return supervisor->endpoint() != nullptr; });
  helper.server->signal(SIGKILL);
  until([this] { return helper.starts == 2 && supervisor->endpoint() != nullptr; });
  ASSERT_TRUE(supervisor->last_exit());
  EXPECT_EQ(supervisor->last_exit()->result, "signal");
  EXPECT_EQ(supervisor->last_exit()->status, SIGKILL);
}

TEST_P(Starting, NamesACrashLoopAndItsReason) {
  helper.environment["FAKE_LS_START_EXIT"] = "3";
  supervise();
  until([this] { return supervisor->lifecycle().is_crash_loop(); });
  ASSERT_FALSE(supervisor->problems().empty());
  EXPECT_NE(supervisor->problems().back().message.find("crash loop"), std::string::npos);
  EXPECT_NE(supervisor->problems().back().message.find("exit status 3"), std::string::npos);
  EXPECT_EQ(supervisor->endpoint(), nullptr);
}

TEST_P(Starting, StaysStoppedUntilItIsStarted) {
  supervise();
  until([this] { return supervisor->endpoint() != nullptr; });
  supervisor->request(Supervisor::Order::stop);
  until([this] { return supervisor->is_settled(); });
  EXPECT_EQ(helper.server, nullptr);
  EXPECT_EQ(supervisor->endpoint(), nullptr);
  EXPECT_NE(supervisor->unavailable_reason().find("stopped on request"), std::string::npos);
  supervisor->request(Supervisor::Order::start);
  until([this] { return supervisor->endpoint() != nullptr; });
  const int starts = helper.starts;  // one more than two where a port was taken meanwhile
  supervisor->request(Supervisor::Order::restart);
  until([&] { return helper.starts > starts && supervisor->is_settled(); });
  EXPECT_NE(supervisor->endpoint(), nullptr);
}

TEST_P(Starting, WaitsForASlowStart) {
  helper.environment["FAKE_LS_START_DELAY_MS"] = "700";
  helper.environment["FAKE_LS_FD_ORDER"] = "lsp,http,https";
  supervise();
  until([this] { return supervisor->endpoint() != nullptr; });
  EXPECT_EQ(helper.starts, 1);
}

TEST_P(Starting, SaysWhyItIsNeverReady) {
  helper.environment["FAKE_LS_PARENT_MISSING"] = "unbound";
  options.settings.ready_limit = std::chrono::milliseconds(400);
  options.settings.probe_pause = std::chrono::milliseconds(50);
  supervise();
  until([this] { return !supervisor->problems().empty(); });
  const auto& message = supervisor->problems().back().message;
  EXPECT_NE(message.find("does not answer"), std::string::npos) << message;
  EXPECT_NE(message.find("has not said yet that it listens"), std::string::npos) << message;
}

// U18.
TEST_P(Starting, KeepsTheReasonThatItWroteBeforeItsEnd) {
  helper.environment["FAKE_LS_PARENT_MISSING"] = "exit";
  supervise();
  until([this] { return supervisor->lifecycle().is_crash_loop(); });
  const auto lines = supervisor->last_log_lines();
  EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line.find("parent_pipe_path is required") != std::string::npos;
  }));
}

// U29.
TEST_P(Starting, WaitsForOneThatWaitsForTheLogin) {
  helper.environment["FAKE_LS_WAIT_FOR_LOGIN"] = "on";
  supervise();
  until([this] { return supervisor->endpoint() != nullptr; });
  EXPECT_EQ(helper.starts, 1);
}

INSTANTIATE_TEST_SUITE_P(Eras, Starting, ::testing::Values("e1", "e2", "e3"));

// U11: the port was renamed within the second era.
TEST_P(Starting, KnowsTheNewNameOfThePort) {
  helper.environment["FAKE_LS_PORT_FLAGS"] = "https";
  supervise();
  until([this] { return supervisor->endpoint() != nullptr; });
  const auto& words = helper.plan.arguments;
  EXPECT_NE(std::find(words.begin(), words.end(), "--https_server_port"), words.end());
}

}  // namespace
}  // namespace agp::ls
