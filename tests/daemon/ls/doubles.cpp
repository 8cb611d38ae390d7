#include "tests/daemon/ls/doubles.h"

#include "common/base/unique_fd.h"
#include "daemon/ls/json_path.h"

#include <cstdlib>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
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

std::optional<fs::path> built_doubles() {
  const char* folder = std::getenv("AGP_DOUBLES");
  if (folder == nullptr || !fs::exists(fs::path(folder) / "fake-language-server")) {
    return std::nullopt;
  }
  return folder;
}

FakeUpstream::FakeUpstream()
    : port_(free_port()),
      child_({*built_doubles() / "fake-upstream", "--cert-dir", dir_.path() / "certs", "--listen",
              "127.0.0.1:" + port_},
             {}) {
  (void)child_.line_with("\"ready\"");
}

Environment FakeUpstream::environment() const {
  return {{"FAKE_LS_RESOLVE", "*=127.0.0.1:" + port_},
          {"SSL_CERT_FILE", dir_.path() / "certs/upstream-ca.pem"},
          {"SSL_CERT_DIR", "/dev/null"}};
}

FakeIde::FakeIde(const FakeUpstream* upstream,
                 const std::string& era,
                 const Knobs& knobs,
                 const Words& more) {
  const auto bin = dir_.path() / "antigravity/resources/app/extensions/antigravity/bin";
  const auto binary = (bin / "language_server_linux_x64").string();
  fs::create_directories(bin);
  fs::create_directories(dir_.path() / "home");
  fs::copy_file(*built_doubles() / "fake-language-server", binary);
  Environment environment = {{"HOME", dir_.path() / "home"},
                             {"FAKE_LS_ERA", era},
                             {"FAKE_LS_AUX", "off"},
                             {"FAKE_LS_RETRY_MS", "10"}};
  Words words = {*built_doubles() / "fake-ide", "--era", era, "--ls-binary", binary};
  if (upstream != nullptr) {
    const auto calls = upstream->environment();
    environment.insert(calls.begin(), calls.end());
    words.emplace_back("--upstream");
  } else {
    environment["FAKE_LS_UPSTREAM"] = "off";
  }
  words.insert(words.end(), more.begin(), more.end());
  Child::Options options;
  options.log = Child::Log::dropped;
  for (const auto& [name, value] : knobs) {
    std::string variable = "FAKE_LS_" + name;
    for (char& c : variable) {
      c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    environment[variable] = value;
    if (name == "log_text") {
      options.log = Child::Log::in_output;
    }
  }
  child_ = std::make_unique<Child>(words, environment, options);
  const auto ready = child_->event_with("\"ready\"");
  auto endpoint = std::make_shared<Endpoint>();
  if (!ready.empty()) {
    endpoint->instance = dir_.path().filename();
    endpoint->port = static_cast<std::uint16_t>(count_at(ready, "https_port"));
    endpoint->csrf_token = Secret<std::string>(text_at(ready, "csrf_token"));
  }
  endpoint_ = std::move(endpoint);
}

}  // namespace agp::ls
