#include "common/log/log.h"
#include "daemon/finder/server.h"
#include "daemon/ls/process_scan.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include <sys/prctl.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

namespace {

constexpr const char* kUsage =
    "Usage: antigravity-proxy-finder\n"
    "\n"
    "Looks at the processes of this machine for the language server of the Antigravity IDE, on\n"
    "behalf of antigravity-proxyd. Started by antigravity-proxy-finder.socket, never by hand; "
    "ends\n"
    "when nobody asks for half a minute.\n"
    "\n"
    "  --version, --help\n";

std::unique_ptr<agp::ls::SessionFinder> make_finder(const std::string& user) {
  agp::ls::ProcessScan::Options options;
  options.user = user;
  // This process has a network namespace of its own, with nothing in it. The service manager's is
  // the machine's, and its sockets are public.
  options.net = "1/net";
  return std::make_unique<agp::ls::ProcessScan>(options);
}

}  // namespace

int main(int argc, char** argv) {
#ifndef __SANITIZE_ADDRESS__          // the leak check must be able to look at its own process
  (void)::prctl(PR_SET_DUMPABLE, 0);  // it sees the tokens of sessions
#endif
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::printf("antigravity-proxy-finder %s\n", AGP_VERSION);
    return EX_OK;
  }
  if (argc != 1) {
    const bool is_help = argc == 2 && std::string_view(argv[1]) == "--help";
    std::fputs(kUsage, is_help ? stdout : stderr);
    return is_help ? EX_OK : EX_USAGE;
  }
  agp::log::init("antigravity-proxy-finder");
  if (::sd_listen_fds(/*unset_environment=*/1) != 1 ||
      ::sd_is_socket(SD_LISTEN_FDS_START, AF_UNIX, SOCK_STREAM, /*listening=*/1) <= 0) {
    agp::log::err("not started: antigravity-proxy-finder.socket passes the socket");
    return EX_USAGE;
  }
  agp::finder::Server::Options options;
  options.make = make_finder;
  agp::finder::Server server(std::move(options));
  if (const auto served = server.serve(SD_LISTEN_FDS_START); !served) {
    agp::log::err("cannot go on", {{"ERROR", served.error()}});
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
