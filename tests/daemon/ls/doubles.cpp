#include "tests/daemon/ls/doubles.h"

#include <cstdlib>

#include <boost/json/parse.hpp>
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace agp::ls {
namespace asio = boost::asio;

std::optional<std::filesystem::path> built_doubles() {
  const char* folder = std::getenv("AGP_DOUBLES");
  if (folder == nullptr ||
      !std::filesystem::exists(std::filesystem::path(folder) / "fake-language-server")) {
    return std::nullopt;
  }
  return folder;
}

Child::Child(const std::vector<std::string>& words,
             const Environment& environment,
             const Options& options) {
  std::vector<char*> argv;
  for (const auto& word : words) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    if (options.input >= 0) {
      ::dup2(options.input, STDIN_FILENO);
    }
    for (const auto& [name, value] : environment) {
      ::setenv(name.c_str(), value.c_str(), 1);
    }
    if (options.user && (::setgroups(0, nullptr) != 0 || ::setgid(*options.user) != 0 ||
                         ::setuid(*options.user) != 0)) {
      ::_exit(126);
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of user would take that back
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  out_.reset(ends[0]);
}

Child::~Child() {
  stop();
}

void Child::stop() {
  if (pid_ > 0) {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
}

std::string Child::line_with(const std::string& text) {
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

boost::json::object Child::event_with(const std::string& text) {
  boost::system::error_code ec;
  const auto value = boost::json::parse(line_with(text), ec);
  return !ec && value.is_object() ? value.get_object() : boost::json::object();
}

asio::awaitable<Result<>> DirectHelper::ensure_redirect() {
  co_return Result<>();
}

asio::awaitable<Result<>> DirectHelper::ensure_trust_bundle(std::string) {
  co_return Result<>();
}

asio::awaitable<Result<control::StartedLs>> DirectHelper::start_language_server(
    control::StartSpec spec) {
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
  Child::Options options;
  options.input = spec.stdin_fd.get();
  child_ = std::make_unique<Child>(words, environment, options);
  co_return control::StartedLs{"own", "own", true};  // one token for both directions, as in E1
}

asio::awaitable<Result<>> DirectHelper::stop_language_server(std::string) {
  child_.reset();
  co_return Result<>();
}

asio::awaitable<Result<control::HelperStatus>> DirectHelper::status() {
  control::HelperStatus status;
  status.binaries = {{0, binary}};
  co_return status;
}

}  // namespace agp::ls
