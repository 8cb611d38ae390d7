#include "helper/core/server_launcher.h"

#include "helper/core/arguments.h"
#include "helper/core/errc.h"
#include "helper/core/program_flags.h"

#include <chrono>
#include <cstddef>

namespace agp::core {
namespace {

// A help text takes a real language server a fraction of a second.
constexpr std::chrono::seconds kHelpLimit{5};

}  // namespace

Result<> ServerLauncher::check_room() {
  auto loaded = units_->language_servers();
  if (!loaded) {
    return loaded.error();
  }
  std::size_t running = 0;
  for (const auto& unit : *loaded) {
    running += unit.is_running() ? 1 : 0;
  }
  if (running >= kMaxLanguageServers) {
    return Error(Errc::limits, "4 language servers are running: stop one of them");
  }
  return {};
}

Result<ProgramFlags> ServerLauncher::flags_of(const std::string& binary) {
  auto identity = programs_->identity(binary);
  if (!identity) {
    return identity.error();
  }
  const auto known = known_flags_.find(binary);
  if (known != known_flags_.end() && known->second.identity == *identity) {
    return known->second.flags;
  }
  auto id = fresh_id_();
  if (!id) {
    return id.error();
  }
  auto help = units_->run(help_unit(*id, binary, trust_->bundle_path(), kHelpLimit),
                          {std::chrono::milliseconds(kHelpLimit), kMaxHelpBytes});
  if (!help) {
    return Error(Errc::no_binary,
                 binary + " could not be asked for its flags: " + help.error().context);
  }
  auto flags = ProgramFlags::read(*help);
  if (!flags.empty()) {  // a program that was out of breath is asked again
    known_flags_[binary] = {*identity, flags};
  }
  return flags;
}

Result<StartedServer> ServerLauncher::launch(const std::string& binary,
                                             const StartPlan& plan,
                                             const ServerStreams& streams,
                                             Interfaces interfaces) {
  auto id = fresh_id_();
  if (!id) {
    return id.error();
  }
  auto secrets = secrets_->put(plan.secrets);
  if (!secrets) {
    return secrets.error();
  }
  const auto unit = language_server_unit(*id, binary, plan, trust_->bundle_path(), *secrets,
                                         {streams.input.get(), streams.log.get()}, interfaces);
  auto started = units_->start(unit);
  // The job has ended: the service manager has read the file, or never will.
  (void)secrets_->remove_secrets();  // the next start replaces it, and release() removes it
  if (!started) {
    return started.error();
  }
  return StartedServer{*id, unit.name, plan.has_one_token};
}

}  // namespace agp::core
