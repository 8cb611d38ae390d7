#include "daemon/app/tenancy.h"

namespace agp::app {

void Tenancy::set(std::optional<std::uint32_t> tenant) {
  const std::lock_guard lock(mutex_);
  term_.tenant = tenant;
  ++term_.number;
}

Tenancy::Term Tenancy::term() const {
  const std::lock_guard lock(mutex_);
  return term_;
}

io::Caller Tenancy::identify(const std::function<std::optional<std::uint32_t>()>& look_up) const {
  const auto before = term();
  io::Caller caller;
  caller.local_uid = look_up();
  if (!ls_uid_ || caller.local_uid != ls_uid_) {
    caller.owner_uid = caller.local_uid;
  } else if (term().number == before.number) {
    caller.owner_uid = before.tenant;
  }
  return caller;
}

}  // namespace agp::app
