// The supervisor and the turn driver against the Go doubles: a fake IDE with its language server,
// one of our own, and a fake upstream. AGP_DOUBLES names the folder with the built doubles.

#include "tests/daemon/ls/doubles.h"

#include "daemon/ls/errors.h"
#include "daemon/ls/json_path.h"
#include "daemon/ls/ls_driver.h"
#include "daemon/ls/supervisor.h"
#include "tests/daemon/ls/child.h"
#include "tests/daemon/ls/direct_helper.h"
#include "tests/daemon/ls/temp_dir.h"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace agp::ls {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

TEST(Doubles, AQuestionGoesThroughAnOwnLanguageServerToTheUpstreamAndBack) {
  const auto doubles = built_doubles();
  if (!doubles) {
    GTEST_SKIP() << "build the doubles (tests/fakes/build DIR) and set AGP_DOUBLES=DIR";
  }
  const fs::path& from = *doubles;
  const TempDir dir;
  const auto bin = dir.path() / "antigravity/resources/app/extensions/antigravity/bin";
  const auto binary = (bin / "language_server_linux_x64").string();
  fs::create_directories(bin);
  fs::create_directories(dir.path() / "home");
  fs::create_directories(dir.path() / "proc");
  fs::copy_file(from / "fake-language-server", binary);

  const FakeUpstream upstream;
  Environment environment = upstream.environment();
  environment["HOME"] = dir.path() / "home";
  environment["FAKE_LS_AUX"] = "off";
  Child ide({from / "fake-ide", "--ls-binary", binary}, environment);
  const auto ready = ide.event_with("\"ready\"");
  // Only this IDE: others may run on the machine that tests.
  const auto pid = std::to_string(count_at(ready, "ls_pid"));
  fs::create_directory_symlink("/proc/" + pid, dir.path() / "proc" / pid);

  asio::io_context io;
  DirectHelper helper;
  helper.binary = binary;
  helper.environment = environment;
  ProcessScan finder({"auto", "antigravity-ls", dir.path() / "proc", boot_time});
  Supervisor::Options options;
  options.first_port = 24400;
  options.last_port = 24499;
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
