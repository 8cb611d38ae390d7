#include "helper/os/descriptor_store.h"

#include "helper/core/errc.h"

#include <cstdlib>
#include <string>

#include <systemd/sd-daemon.h>

namespace agp::os {
namespace {

constexpr char kName[] = "firewall";
constexpr std::uint64_t kPatienceUs = 5'000'000;

}  // namespace

UniqueFd ServiceStore::take() {
  char** names = nullptr;
  const int count = ::sd_listen_fds_with_names(1, &names);
  UniqueFd taken;
  for (int i = 0; i < count; ++i) {
    UniqueFd fd(SD_LISTEN_FDS_START + i);
    if (!taken.is_open() && std::string(names[i]) == kName) {
      taken = std::move(fd);
    }
  }
  for (int i = 0; names != nullptr && names[i] != nullptr; ++i) {
    std::free(names[i]);
  }
  std::free(names);
  return taken;
}

Result<> ServiceStore::keep(int fd) {
  // Not polled: a netlink socket that lost a message shows an error, and would be given up for it.
  const std::string message = std::string("FDSTORE=1\nFDPOLL=0\nFDNAME=") + kName;
  const int sent = ::sd_pid_notify_with_fds(0, 0, message.c_str(), &fd, 1);
  if (sent <= 0 || ::sd_notify_barrier(0, kPatienceUs) <= 0) {
    return Error(core::Errc::firewall,
                 "the service manager does not keep descriptors for this process");
  }
  return {};
}

void ServiceStore::forget() {
  // A manager that is not there keeps nothing.
  (void)::sd_notify(0, (std::string("FDSTOREREMOVE=1\nFDNAME=") + kName).c_str());
}

}  // namespace agp::os
