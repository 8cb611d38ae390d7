#include "daemon/ledger/fault_guard.h"

#include <csignal>
#include <cstdint>
#include <mutex>

#include <setjmp.h>
#include <signal.h>

namespace agp::ledger {
namespace {

// Touched by the handler on the thread that caused the fault, so it needs no lock.
struct Guard {
  sigjmp_buf way_out;
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  volatile std::sig_atomic_t is_armed = 0;
};

thread_local Guard guard;
struct sigaction before;  // written once, before the handler can run

void on_fault(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  if (guard.is_armed != 0 && address >= guard.begin && address < guard.end) {
    guard.is_armed = 0;
    siglongjmp(guard.way_out, 1);
  }
  if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr) {
    before.sa_sigaction(signal, info, context);
    return;
  }
  // Back to what it was: the access is tried again and ends the process as it would have.
  (void)::sigaction(SIGBUS, &before, nullptr);
}

}  // namespace

void install_fault_guard() {
  static std::once_flag once;
  std::call_once(once, [] {
    (void)::sigaction(SIGBUS, nullptr, &before);
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    // SA_NODEFER: the jump does not restore the mask, and need not.
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    (void)sigemptyset(&action.sa_mask);
    (void)::sigaction(SIGBUS, &action, nullptr);
  });
}

bool run_guarded(const void* begin, std::size_t size, void (*work)(void*), void* argument) {
  guard.begin = reinterpret_cast<std::uintptr_t>(begin);
  guard.end = guard.begin + size;
  if (sigsetjmp(guard.way_out, 0) != 0) {
    return false;
  }
  guard.is_armed = 1;
  work(argument);
  guard.is_armed = 0;
  return true;
}

}  // namespace agp::ledger
