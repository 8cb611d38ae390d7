#include "helper/os/iptables.h"

#include "common/base/unique_fd.h"
#include "helper/core/errc.h"
#include "helper/os/command.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace agp::os {
namespace {

/// The first line of what the program said: enough for a person, bounded for the bus.
std::string first_line(const std::string& text) {
  constexpr std::size_t kMaxChars = 160;
  return text.substr(0, std::min(text.find('\n'), kMaxChars));
}

Error failed(const std::string& program, const CommandResult& result) {
  return {core::Errc::firewall, program + " failed with status " +
                                    std::to_string(result.exit_status) + " (" +
                                    first_line(result.diagnostics) + ")"};
}

}  // namespace

bool Iptables::is_present(core::Family family) {
  // The file exists exactly when the kernel has IPv6.
  return family == core::Family::ipv4 || ::access("/proc/self/net/if_inet6", F_OK) == 0;
}

Result<std::string> Iptables::program(core::Family family, const char* verb) const {
  const std::string name = std::string(family == core::Family::ipv4 ? "iptables-" : "ip6tables-") +
                           (kind_.empty() ? "" : kind_ + "-") + verb;
  std::vector<std::string> places{"/usr/sbin", "/sbin", "/usr/local/sbin"};
  if (!directory_.empty()) {
    places = {directory_};
  }
  for (const auto& place : places) {
    const std::string path = place + "/" + name;
    if (::access(path.c_str(), X_OK) == 0) {
      return path;
    }
  }
  return Error(core::Errc::firewall_missing, name + " was not found: install the package iptables");
}

Result<std::string> Iptables::save(core::Family family, core::Table table) {
  auto path = program(family, "save");
  if (!path) {
    return path.error();
  }
  auto result = run_command(*path, {"-t", core::to_string(table)}, {});
  if (!result) {
    return Error(core::Errc::firewall, result.error().text());
  }
  if (result->exit_status != 0) {
    return failed(*path, *result);
  }
  return std::move(result->output);
}

Result<> Iptables::restore(core::Family family, const std::string& input) {
  auto path = program(family, "restore");
  if (!path) {
    return path.error();
  }
  auto result = run_command(*path, {"--noflush", "--wait", "5"}, input);
  if (!result) {
    return Error(core::Errc::firewall, result.error().text());
  }
  if (result->exit_status != 0) {
    return failed(*path, *result);
  }
  return {};
}

std::string Iptables::kind() const {
  auto path = program(core::Family::ipv4, "save");
  if (!path) {
    return {};
  }
  // Through the alternatives to xtables-nft-multi or xtables-legacy-multi.
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path->c_str(), nullptr),
                                                         &std::free);
  const std::string name = real != nullptr ? real.get() : "";
  return name.ends_with("/xtables-nft-multi")      ? "nft"
         : name.ends_with("/xtables-legacy-multi") ? "legacy"
                                                   : "";
}

Iptables& OtherIptables::other() {
  const std::string system = Iptables().kind();
  const std::string kind = system == "nft" ? "legacy" : system == "legacy" ? "nft" : std::string();
  if (kind != kind_) {
    kind_ = kind;
    other_ = Iptables({}, kind);
  }
  return other_;
}

bool OtherIptables::is_present(core::Family family) {
  auto& it = other();
  if (kind_.empty() || !it.is_present(family)) {
    return false;
  }
  if (kind_ == "nft") {
    return true;
  }
  // Asking the legacy kind for a table makes the kernel load it: only those that are there.
  const char* loaded = family == core::Family::ipv4 ? "/proc/self/net/ip_tables_names"
                                                    : "/proc/self/net/ip6_tables_names";
  const UniqueFd names(::open(loaded, O_RDONLY | O_CLOEXEC));
  char first = 0;
  return names.is_open() && ::read(names.get(), &first, 1) == 1;
}

Result<std::string> OtherIptables::save(core::Family family, core::Table table) {
  return other().save(family, table);
}

Result<> OtherIptables::restore(core::Family family, const std::string& input) {
  return other().restore(family, input);
}

}  // namespace agp::os
