#include "helper/core/settings.h"

namespace agp::core {
namespace {

constexpr const char* kInstallRoots[] = {"/usr/share/antigravity", "/opt/Antigravity",
                                         "/opt/antigravity"};

}  // namespace

const char* to_string(Egress egress) {
  return egress == Egress::metered ? "metered" : "strict";
}

const char* to_string(FirewallBackend backend) {
  switch (backend) {
    case FirewallBackend::automatic:
      return "auto";
    case FirewallBackend::iptables:
      return "iptables";
    case FirewallBackend::nftables:
      return "nftables";
  }
  return "";
}

std::vector<std::string> Settings::default_binaries() {
#if defined(__aarch64__)
  const std::string in_ide = "/resources/app/extensions/antigravity/bin/language_server_linux_arm";
#else
  const std::string in_ide = "/resources/app/extensions/antigravity/bin/language_server_linux_x64";
#endif
  const std::string in_hub = "/resources/bin/language_server";
  std::vector<std::string> paths;
  for (const std::string root : kInstallRoots) {
    paths.push_back(root + in_ide);
    paths.push_back(root + in_hub);
  }
  return paths;
}

std::vector<std::string> Settings::default_extensions() {
  std::vector<std::string> paths;
  for (const std::string root : kInstallRoots) {
    paths.push_back(root + "/resources/app/extensions/antigravity/dist/extension.js");
  }
  return paths;
}

}  // namespace agp::core
