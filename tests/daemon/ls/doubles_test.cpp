// The supervisor and the turn driver against the Go doubles: a fake IDE with its language server,
// one of our own, and a fake upstream. AGP_DOUBLES names the folder with the built doubles.

#include "daemon/ls/errors.h"
#include "daemon/ls/json_path.h"
#include "daemon/ls/ls_driver.h"
#include "daemon/ls/supervisor.h"
#include "tests/daemon/ls/temp_dir.h"

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace agp::ls {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

/// A child that dies with the test.
class Child {
 public:
  Child(const std::vector<std::string>& words,
        const std::vector<std::pair<std::string, std::string>>& environment,
        int input = -1) {
    std::vector<char*> argv;
    for (const auto& word : words) {
      argv.push_back(const_cast<char*>(word.c_str()));
    }
    argv.push_back(nullptr);
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(ends[1], STDOUT_FILENO);
      if (input >= 0) {
        ::dup2(input, STDIN_FILENO);
      }
      for (const auto& [name, value] : environment) {
        ::setenv(name.c_str(), value.c_str(), 1);
      }
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    out_.reset(ends[0]);
  }
  ~Child() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// The first line with this text; empty when the child ended before it said so.
  std::string line_with(const std::string& text) {
    std::string line;
    char c = 0;
    while (::read(out_.get(), &c, 1) == 1) {
      if (c != '\n') {
        line += c;
      } else if (line.find(text) != std::string::npos) {
        return line;
      } else {
        line.clear();
      }
    }
    return {};
  }

 private:
  pid_t pid_ = -1;
  UniqueFd out_;
};

/// Starts the language server as the root helper would, less the account and the sandbox.
class DirectHelper final : public HelperPort {
 public:
  std::string binary;
  std::vector<std::pair<std::string, std::string>> environment;

  asio::awaitable<Result<>> ensure_redirect() override { co_return Result<>(); }
  asio::awaitable<Result<>> ensure_trust_bundle(std::string) override { co_return Result<>(); }
  asio::awaitable<Result<control::StartedLs>> start_language_server(
      control::StartSpec spec) override {
    const std::vector<std::string> words = {
        binary,
        "--enable_lsp",
        "--extension_server_port=" + std::to_string(spec.extension_server_port),
        "--csrf_token=" + spec.extension_csrf_token.expose(),
        "--server_port=" + std::to_string(spec.server_port),
        "--lsp_port=" + std::to_string(spec.lsp_port),
        "--workspace_id=" + spec.workspace_id,
        "--cloud_code_endpoint=https://daily-cloudcode-pa.googleapis.com",
        "--app_data_dir=antigravity-own"};
    child_ = std::make_unique<Child>(words, environment, spec.stdin_fd.get());
    co_return control::StartedLs{"own", "own", true};  // era E1
  }
  asio::awaitable<Result<>> stop_language_server(std::string) override {
    child_.reset();
    co_return Result<>();
  }
  asio::awaitable<Result<control::HelperStatus>> status() override {
    control::HelperStatus status;
    status.binaries = {{0, binary}};
    co_return status;
  }

 private:
  std::unique_ptr<Child> child_;
};

TEST(Doubles, AQuestionGoesThroughAnOwnLanguageServerToTheUpstreamAndBack) {
  const char* fakes = std::getenv("AGP_DOUBLES");
  if (fakes == nullptr || !fs::exists(fs::path(fakes) / "fake-language-server")) {
    GTEST_SKIP() << "build the doubles (tests/fakes/build DIR) and set AGP_DOUBLES=DIR";
  }
  const fs::path from(fakes);
  const TempDir dir;
  const auto bin = dir.path() / "antigravity/resources/app/extensions/antigravity/bin";
  const auto binary = (bin / "language_server_linux_x64").string();
  fs::create_directories(bin);
  fs::create_directories(dir.path() / "home");
  fs::create_directories(dir.path() / "proc");
  fs::copy_file(from / "fake-language-server", binary);

  const std::string upstream_port = "18493";
  Child upstream({from / "fake-upstream", "--cert-dir", dir.path() / "certs", "--listen",
                  "127.0.0.1:" + upstream_port},
                 {});
  ASSERT_FALSE(upstream.line_with("\"ready\"").empty()) << "fake-upstream did not start";
  const std::vector<std::pair<std::string, std::string>> environment = {
      {"HOME", dir.path() / "home"},
      {"FAKE_LS_RESOLVE", "*=127.0.0.1:" + upstream_port},
      {"FAKE_LS_AUX", "off"},
      {"SSL_CERT_FILE", dir.path() / "certs/upstream-ca.pem"},
      {"SSL_CERT_DIR", "/dev/null"}};
  Child ide({from / "fake-ide", "--ls-binary", binary}, environment);
  const auto ready = boost::json::parse(ide.line_with("\"ready\""));
  // Only this IDE: others may run on the machine that tests.
  const auto pid = std::to_string(count_at(ready.get_object(), "ls_pid"));
  fs::create_directory_symlink("/proc/" + pid, dir.path() / "proc" / pid);

  asio::io_context io;
  DirectHelper helper;
  helper.binary = binary;
  helper.environment = environment;
  ProcessScan finder({"auto", "antigravity-ls", dir.path() / "proc"});
  Supervisor::Options options;
  options.first_port = 42400;
  options.last_port = 42499;
  Supervisor supervisor(io.get_executor(), &helper, &finder, options);
  bool ended = false;
  asio::co_spawn(io, supervisor.run(), [&](std::exception_ptr) { ended = true; });
  while (!supervisor.endpoint() && !ended) {
    io.run_one();
  }
  LsDriver driver(&supervisor);
  std::vector<Model> models;
  while (models.empty()) {  // the login arrives a moment after the port
    std::optional<Result<std::vector<Model>>> listed;
    asio::co_spawn(io, driver.models(), [&](std::exception_ptr, auto value) { listed = value; });
    while (!listed) {
      io.run_one();
    }
    ASSERT_TRUE(*listed) << listed->error().text();
    models = **listed;
  }
  const auto ask = [&](TurnRequest request) {
    std::optional<Result<TurnResult>> result;
    asio::co_spawn(io, driver.run_turn(std::move(request)),
                   [&](std::exception_ptr, auto value) { result = value; });
    while (!result) {
      io.run_one();
    }
    return *result;
  };
  const auto first = ask({models[0].label, "what is six times seven?", "be brief", ""});
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_FALSE(first->text.empty());
  EXPECT_FALSE(first->trajectory_id.empty());
  const auto second = ask({models[0].label, "and seven times eight?", "", first->cascade_id});
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_EQ(second->cascade_id, first->cascade_id);
  EXPECT_NE(second->text, first->text);
  const auto refused = ask({models[0].label, "hello [[fake:error429]]", "", ""});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::model_failed);
  EXPECT_NE(refused.error().context.find("quota"), std::string::npos) << refused.error().context;
  supervisor.request_stop();
  while (!ended) {
    io.run_one();
  }
}

}  // namespace
}  // namespace agp::ls
