#include "tests/daemon/ls/driven_doubles.h"

#include "daemon/ls/json_path.h"

#include <cstdlib>
#include <filesystem>

#include <arpa/inet.h>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace agp::ls {
namespace fs = std::filesystem;
namespace {

std::string free_port() {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  (void)::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size);
  (void)::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return std::to_string(ntohs(address.sin_port));
}

}  // namespace

Double::Double(const std::vector<std::string>& words,
               const Environment& environment,
               bool reads_stderr) {
  std::vector<char*> argv;
  for (const auto& word : words) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    std::abort();
  }
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(ends[1], STDOUT_FILENO);
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(reads_stderr ? ends[1] : null, STDERR_FILENO);
    for (const auto& [name, value] : environment) {
      ::setenv(name.c_str(), value.c_str(), 1);
    }
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  out_.reset(ends[0]);
}

Double::~Double() {
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
}

std::string Double::line_with(const std::string& text) {
  for (;;) {
    for (auto end = received_.find('\n'); end != std::string::npos; end = received_.find('\n')) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      if (line.find(text) != std::string::npos) {
        return line;
      }
    }
    char part[4096];
    const ssize_t got = ::read(out_.get(), part, sizeof part);
    if (got <= 0) {
      return {};
    }
    received_.append(part, static_cast<std::size_t>(got));
  }
}

std::string doubles() {
  const char* folder = std::getenv("AGP_DOUBLES");
  const bool is_there = folder != nullptr && fs::exists(fs::path(folder) / "fake-language-server");
  return is_there ? std::string(folder) : std::string();
}

FakeUpstream::FakeUpstream()
    : port_(free_port()),
      child_({doubles() + "/fake-upstream", "--cert-dir", dir_.path() / "certs", "--listen",
              "127.0.0.1:" + port_},
             {}) {
  (void)child_.line_with("\"ready\"");
}

Double::Environment FakeUpstream::environment() const {
  return {{"FAKE_LS_RESOLVE", "*=127.0.0.1:" + port_},
          {"SSL_CERT_FILE", dir_.path() / "certs/upstream-ca.pem"},
          {"SSL_CERT_DIR", "/dev/null"}};
}

FakeIde::FakeIde(const FakeUpstream& upstream, const std::string& era, const Knobs& knobs) {
  const auto bin = dir_.path() / "antigravity/resources/app/extensions/antigravity/bin";
  const auto binary = (bin / "language_server_linux_x64").string();
  fs::create_directories(bin);
  fs::create_directories(dir_.path() / "home");
  fs::copy_file(fs::path(doubles()) / "fake-language-server", binary);
  Double::Environment environment = upstream.environment();
  environment.emplace_back("HOME", dir_.path() / "home");
  environment.emplace_back("FAKE_LS_ERA", era);
  environment.emplace_back("FAKE_LS_AUX", "off");
  environment.emplace_back("FAKE_LS_RETRY_MS", "10");
  bool reads_log = false;
  for (const auto& [name, value] : knobs) {
    std::string variable = "FAKE_LS_" + name;
    for (char& c : variable) {
      c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    environment.emplace_back(variable, value);
    reads_log = reads_log || name == "log_text";
  }
  const std::vector<std::string> words = {
      doubles() + "/fake-ide", "--era", era, "--ls-binary", binary, "--upstream", "--workspace",
      dir_.path() / "home"};
  child_ = std::make_unique<Double>(words, environment, reads_log);
  boost::system::error_code ec;
  const auto ready = boost::json::parse(child_->line_with("\"ready\""), ec);
  auto endpoint = std::make_shared<Endpoint>();
  if (!ec && ready.is_object()) {
    endpoint->instance = dir_.path().filename();
    endpoint->port = static_cast<std::uint16_t>(count_at(ready.get_object(), "https_port"));
    endpoint->csrf_token = Secret<std::string>(text_at(ready.get_object(), "csrf_token"));
  }
  endpoint_ = std::move(endpoint);
}

}  // namespace agp::ls
