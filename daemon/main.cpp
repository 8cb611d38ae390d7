#include "common/log/log.h"
#include "daemon/app/daemon.h"
#include "daemon/config/config.h"
#include "daemon/tls/algorithms.h"

#include <cstdio>
#include <string>

#include <getopt.h>
#include <sys/prctl.h>
#include <sysexits.h>

namespace {

constexpr const char* kUsage =
    "Usage: antigravity-proxyd [--config FILE] [--state-dir DIR] [--finder SOCKET]\n"
    "                          [--check-config]\n"
    "\n"
    "Measures what language model calls cost in tokens: ends redirected TLS connections, relays\n"
    "every byte and reads usage from a copy. Normally started by systemd; people use the command\n"
    "antigravity-proxy.\n"
    "\n"
    "  --config FILE    proxy.yaml; policy.yaml is read beside it\n"
    "                   (default /etc/antigravity-proxy/proxy.yaml)\n"
    "  --state-dir DIR  keys, certificate (DIR/ca/ca.pem) and ledger\n"
    "                   (default /var/lib/antigravity-proxy)\n"
    "  --finder SOCKET  ask antigravity-proxy-finder for the IDE instead of looking at processes\n"
    "  --check-config   report every fault of the configuration and exit\n"
    "  --version        print the version and exit\n"
    "  --help           print this and exit\n"
    "\n"
    "Started by hand it needs no root, no systemd and no bus: it listens on listen.intercept,\n"
    "listen.connect and listen.api of the configuration.\n"
    "\n"
    "Exit status: 0 stopped, 1 could not start, 64 wrong usage, 78 faulty configuration.\n";

struct Arguments {
  agp::daemon_config::Files files;
  agp::app::Options options;
  bool only_check = false;
};

// @return an exit status when there is nothing more to do, -1 otherwise.
int parse(int argc, char** argv, Arguments* arguments) {
  enum : int { config = 1, state_dir, finder, check, version, help };
  static const option kOptions[] = {{"config", required_argument, nullptr, config},
                                    {"state-dir", required_argument, nullptr, state_dir},
                                    {"finder", required_argument, nullptr, finder},
                                    {"check-config", no_argument, nullptr, check},
                                    {"version", no_argument, nullptr, version},
                                    {"help", no_argument, nullptr, help},
                                    {nullptr, 0, nullptr, 0}};
  for (int given = 0; (given = ::getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (given) {
      case config:
        arguments->files.proxy_file = optarg;
        arguments->files.missing_proxy = agp::config::Missing::is_fault;
        break;
      case state_dir:
        arguments->options.state_dir = optarg;
        break;
      case finder:
        arguments->options.finder_socket = optarg;
        break;
      case check:
        arguments->only_check = true;
        break;
      case version:
        std::printf("antigravity-proxyd %s\n", AGP_VERSION);
        return EX_OK;
      case help:
        std::fputs(kUsage, stdout);
        return EX_OK;
      default:
        std::fputs("Try: antigravity-proxyd --help\n", stderr);
        return EX_USAGE;
    }
  }
  if (optind < argc) {
    std::fprintf(stderr, "unexpected argument '%s'\n%s", argv[optind], kUsage);
    return EX_USAGE;
  }
  return -1;
}

}  // namespace

int main(int argc, char** argv) {
#ifndef __SANITIZE_ADDRESS__          // the leak check must be able to look at its own process
  (void)::prctl(PR_SET_DUMPABLE, 0);  // the CA key must not reach a core file or a debugger
#endif
  Arguments arguments;
  if (const int done = parse(argc, argv, &arguments); done >= 0) {
    return done;
  }
  agp::log::init("antigravity-proxyd");
  const auto config = agp::daemon_config::load(arguments.files);
  if (!config) {
    for (const auto& fault : config.error().list) {
      agp::log::err("faulty configuration", {{"FAULT", fault.text()}});
    }
    agp::log::err("not started; correct the configuration and start again");
    return EX_CONFIG;
  }
  if (arguments.only_check) {
    std::puts("configuration is valid");
    return EX_OK;
  }
  agp::log::init("antigravity-proxyd", config->log_level);
  arguments.options.files = arguments.files;
  if (const auto kept = agp::tls::keep_tls_algorithms(); !kept) {
    agp::log::warning("OpenSSL keeps all of its algorithms, handshakes take longer",
                      {{"ERROR", kept.error()}});
  }
  const auto ran = agp::app::run(*config, arguments.options);
  if (!ran) {
    agp::log::err("cannot start", {{"ERROR", ran.error()}});
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
