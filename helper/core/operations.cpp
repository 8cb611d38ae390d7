#include "helper/core/operations.h"

#include "helper/core/certificate.h"
#include "helper/core/errc.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace agp::core {
namespace {

// Somebody else may change a table between our look and our transaction; a rule that is deleted
// but gone fails the transaction as a whole, so looking again is safe.
constexpr int kAttempts = 3;
// A help text takes a real language server a fraction of a second.
constexpr std::chrono::seconds kHelpLimit{5};

// Fail closed: the filter is there before the first packet is redirected, and goes last.
constexpr std::array kEnsureOrder{Table::filter, Table::nat};
constexpr std::array kRemoveOrder{Table::nat, Table::filter};
constexpr std::array kFamilies{Family::ipv4, Family::ipv6};

bool is_running(const std::string& active_state) {
  return active_state != "inactive" && active_state != "failed";
}

std::vector<CapturedScope> to_rules(const std::vector<GrantedScope>& granted) {
  std::vector<CapturedScope> scopes;
  for (const auto& scope : granted) {
    scopes.push_back({scope.user, scope.cgroup});
  }
  return scopes;
}

std::string state_word(bool is_complete, bool is_empty) {
  return is_complete ? "active" : is_empty ? "absent" : "partial";
}

}  // namespace

Result<> Operations::validate_start(const StartRequest& request) {
  auto settings = ports_.settings();
  if (!settings) {
    return settings.error();
  }
  return validate(request, *settings);
}

Result<RedirectSpec> Operations::desired_redirect() {
  auto settings = ports_.settings();
  if (!settings) {
    return settings.error();
  }
  const auto accounts = ports_.accounts->look_up();
  if (!accounts.language_server || !accounts.daemon) {
    return Error(Errc::accounts,
                 "the accounts antigravity-proxy and antigravity-ls do not both exist: run "
                 "systemd-sysusers or reinstall the package");
  }
  if (*accounts.language_server == 0 || *accounts.language_server == *accounts.daemon) {
    return Error(Errc::accounts,
                 "the account antigravity-ls must be neither root nor the daemon's: delete it and "
                 "run systemd-sysusers");
  }
  RedirectSpec spec;
  spec.language_server = *accounts.language_server;
  spec.daemon = *accounts.daemon;
  spec.language_server_ports = settings->ports;
  if (spec.egress == Egress::strict && ports_.resolvers) {
    spec.resolvers = ports_.resolvers();
  }
  spec.scopes = to_rules(scopes_.living());
  return spec;
}

std::vector<Family> Operations::families() {
  std::vector<Family> present;
  for (const auto family : kFamilies) {
    if (ports_.firewall->is_present(family)) {
      present.push_back(family);
    }
  }
  return present;
}

Result<bool> Operations::ensure_redirect() {
  auto spec = desired_redirect();
  if (!spec) {
    return spec.error();
  }
  auto lock = ports_.trust->lock();
  if (!lock) {
    return lock.error();
  }
  auto changed = apply_desired();
  if (changed) {
    return changed;
  }
  // Half a redirect would let traffic out unmetered on the other half. Servers first: they must
  // not run without it.
  (void)stop_all();      // the error that is returned is the one that led here
  (void)remove_rules();  // the same
  return changed;
}

Result<bool> Operations::apply_desired() {
  for (;;) {
    const auto granted = scopes_.living();
    auto spec = desired_redirect();
    if (!spec) {
      return spec.error();
    }
    spec->scopes = to_rules(granted);
    auto done = apply(*spec);
    if (done) {
      if (granted.size() != scopes_.recorded().size()) {
        (void)scopes_.record(granted);  // what has ended is left out again next time
      }
      return done;
    }
    // A scope that ended under our hands fails the table it is in: once more without it.
    if (scopes_.living().size() == granted.size()) {
      return done;
    }
  }
}

Result<bool> Operations::apply(const RedirectSpec& spec) {
  bool changed = false;
  for (const auto table : kEnsureOrder) {
    for (const auto family : families()) {
      auto done = apply_table(family, table, spec);
      if (!done) {
        return done;
      }
      changed = changed || *done;
    }
  }
  return changed;
}

Result<bool> Operations::apply_table(Family family, Table table, const RedirectSpec& spec) {
  Error last;
  bool changed = false;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto saved = ports_.firewall->save(family, table);
    if (!saved) {
      return saved.error();
    }
    const auto plan = plan_ensure(family, table, spec, parse_save(*saved));
    if (plan.empty()) {
      return changed;
    }
    changed = true;
    auto applied = ports_.firewall->restore(family, plan);
    last = applied ? Error(Errc::firewall, "the rules read back differ from what was applied")
                   : applied.error();
  }
  // The last attempt may have worked: read back once more.
  auto saved = ports_.firewall->save(family, table);
  if (saved && is_in_place(family, table, spec, parse_save(*saved))) {
    return changed;
  }
  return last;
}

Result<bool> Operations::remove_redirect() {
  auto lock = ports_.trust->lock();
  if (!lock) {
    return lock.error();
  }
  if (auto stopped = stop_all(); !stopped) {
    return stopped.error();
  }
  return remove_rules();
}

Result<bool> Operations::remove_rules() {
  bool changed = false;
  std::optional<Error> first;
  for (const auto table : kRemoveOrder) {
    for (const auto family : families()) {
      auto removed = remove_table(family, table);
      if (removed) {
        changed = changed || *removed;
      } else if (!first && removed.error().code != Errc::firewall_missing) {
        // Without iptables there is no rule of ours to be left behind.
        first = removed.error();
      }
    }
  }
  if (first) {
    return *first;
  }
  return changed;
}

Result<bool> Operations::remove_table(Family family, Table table) {
  Error last;
  for (int attempt = 0; attempt <= kAttempts; ++attempt) {
    auto saved = ports_.firewall->save(family, table);
    if (!saved) {
      return saved.error();
    }
    const auto plan = plan_remove(table, parse_save(*saved));
    if (plan.empty()) {
      return attempt > 0;
    }
    auto applied = ports_.firewall->restore(family, plan);
    last = applied ? Error(Errc::firewall, "rules of ours are left after removing them")
                   : applied.error();
  }
  return last;
}

Result<BundleOutcome> Operations::ensure_trust_bundle(const std::string& pem) {
  auto certificate = check_certificate(pem, ports_.now());
  if (!certificate) {
    return certificate.error();
  }
  auto system = ports_.trust->system_certificates();
  if (!system) {
    return system.error();
  }
  auto lock = ports_.trust->lock();
  if (!lock) {
    return lock.error();
  }
  const std::string wanted = compose_bundle(*certificate, *system);
  BundleOutcome outcome{ports_.trust->bundle_path(), sha256_hex(wanted), false};
  // A bundle that cannot be read as ours is replaced, not followed.
  auto seen = ports_.trust->read_bundle();
  if (seen && *seen && **seen == wanted) {
    return outcome;
  }
  if (auto written = ports_.trust->write_bundle(wanted); !written) {
    return written.error();
  }
  outcome.changed = true;
  return outcome;
}

Result<> Operations::verify_redirect() {
  auto spec = desired_redirect();
  if (!spec) {
    return spec.error();
  }
  for (const auto table : kEnsureOrder) {
    for (const auto family : families()) {
      auto saved = ports_.firewall->save(family, table);
      if (!saved) {
        return saved.error();
      }
      if (!is_settled(family, table, *spec, parse_save(*saved))) {
        return Error(Errc::not_protected,
                     std::string("the ") + to_string(family) +
                         " redirect rules are not in place: call EnsureRedirect");
      }
    }
  }
  return {};
}

// Rules of a command that has just ended match nobody, and go with the next look.
bool Operations::is_settled(Family family,
                            Table table,
                            const RedirectSpec& spec,
                            const ObservedTable& observed) const {
  if (is_in_place(family, table, spec, observed)) {
    return true;
  }
  auto earlier = spec;
  earlier.scopes = to_rules(scopes_.recorded());
  return earlier.scopes != spec.scopes && is_in_place(family, table, earlier, observed);
}

Result<> Operations::verify_bundle() {
  auto bundle = ports_.trust->read_bundle();
  if (!bundle) {
    return bundle.error();
  }
  if (!*bundle) {
    return Error(Errc::not_protected, "there is no trust bundle: call EnsureTrustBundle");
  }
  auto ours = certificate_of_bundle(**bundle, ports_.now());
  if (!ours) {
    return ours.error();
  }
  return {};
}

Result<StartedServer> Operations::start_language_server(const StartRequest& request,
                                                        ServerStreams streams) {
  auto settings = ports_.settings();
  if (!settings) {
    return settings.error();
  }
  // Again: the configuration may have changed while somebody was asked for authorization.
  if (auto valid = validate(request, *settings); !valid) {
    return valid.error();
  }
  auto lock = ports_.trust->lock();
  if (!lock) {
    return lock.error();
  }
  const auto& binary = settings->binaries[request.binary_index];
  if (auto usable = ports_.programs->check(binary); !usable) {
    return usable.error();
  }
  if (auto in_place = verify_redirect(); !in_place) {
    return in_place.error();
  }
  if (auto in_place = verify_bundle(); !in_place) {
    return in_place.error();
  }
  if (auto room = check_room(); !room) {
    return room.error();
  }
  auto flags = flags_of(binary);
  if (!flags) {
    return flags.error();
  }
  auto plan = plan_start(request, *settings, *flags);
  if (!plan) {
    return Error(Errc::no_binary, binary + ": " + plan.error().context);
  }
  return launch(binary, *plan, streams);
}

Result<> Operations::check_room() {
  auto loaded = ports_.units->language_servers();
  if (!loaded) {
    return loaded.error();
  }
  std::size_t running = 0;
  for (const auto& unit : *loaded) {
    running += is_running(unit.active_state) ? 1 : 0;
  }
  if (running >= kMaxLanguageServers) {
    return Error(Errc::limits, "4 language servers are running: stop one of them");
  }
  return {};
}

Result<ProgramFlags> Operations::flags_of(const std::string& binary) {
  auto identity = ports_.programs->identity(binary);
  if (!identity) {
    return identity.error();
  }
  const auto known = known_flags_.find(binary);
  if (known != known_flags_.end() && known->second.identity == *identity) {
    return known->second.flags;
  }
  auto id = ports_.fresh_id();
  if (!id) {
    return id.error();
  }
  auto help = ports_.units->run(help_unit(*id, binary, ports_.trust->bundle_path(), kHelpLimit),
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

Result<StartedServer> Operations::launch(const std::string& binary,
                                         const StartPlan& plan,
                                         const ServerStreams& streams) {
  auto id = ports_.fresh_id();
  if (!id) {
    return id.error();
  }
  auto secrets = ports_.secrets->put(plan.secrets);
  if (!secrets) {
    return secrets.error();
  }
  const auto unit = language_server_unit(*id, binary, plan, ports_.trust->bundle_path(), *secrets,
                                         {streams.input.get(), streams.log.get()});
  auto started = ports_.units->start(unit);
  // The job has ended: the service manager has read the file, or never will.
  (void)ports_.secrets->remove_secrets();  // the next start replaces it, and release() removes it
  if (!started) {
    return started.error();
  }
  return StartedServer{*id, unit.name, plan.has_one_token};
}

Result<> Operations::stop_language_server(const std::string& id) {
  if (auto valid = validate_id(id); !valid) {
    return valid.error();
  }
  return ports_.units->stop(unit_of(id));
}

Result<> Operations::stop_all() {
  auto loaded = ports_.units->language_servers();
  if (!loaded) {
    return loaded.error();
  }
  Result<> outcome;
  for (const auto& unit : *loaded) {
    auto stopped = ports_.units->stop(unit.unit);
    if (!stopped && outcome) {
      outcome = stopped.error();
    }
  }
  return outcome;
}

Result<> Operations::check_capture(uid_t user, const std::string& id) {
  if (auto valid = validate_id(id); !valid) {
    return valid.error();
  }
  const auto accounts = ports_.accounts->look_up();
  if (!accounts.language_server || !accounts.daemon || user == *accounts.language_server ||
      user == *accounts.daemon) {
    return Error(Errc::invalid_argument, "the accounts of the service itself cannot be captured");
  }
  auto found = scopes_.find(user, id);
  if (!found) {
    return found.error();
  }
  return {};
}

Result<std::string> Operations::capture_scope(uid_t user, const std::string& id) {
  // Again: the command may have ended while somebody was asked for authorization.
  if (auto sound = check_capture(user, id); !sound) {
    return sound.error();
  }
  auto lock = ports_.trust->lock();
  if (!lock) {
    return lock.error();
  }
  if (auto in_place = verify_redirect(); !in_place) {
    return in_place.error();
  }
  if (auto in_place = verify_bundle(); !in_place) {
    return in_place.error();
  }
  auto found = scopes_.find(user, id);
  if (!found) {
    return found.error();
  }
  const auto before = scopes_.living();
  auto wanted = before;
  if (std::find(before.begin(), before.end(), *found) == before.end()) {
    if (auto room = check_scope_room(before, user); !room) {
      return room.error();
    }
    wanted.push_back(*found);
  }
  // The record first: a helper that is killed in between leaves a rule that its successor knows.
  auto done = scopes_.record(wanted);
  if (done) {
    auto applied = apply_desired();
    done = applied ? Result<>() : Result<>(applied.error());
  }
  if (!done) {
    (void)scopes_.record(before);  // the error that is returned is the one that led here
    (void)apply_desired();         // the same
    return done.error();
  }
  return ports_.trust->bundle_path();
}

bool Operations::forget_ended_scopes() {
  const auto recorded = scopes_.recorded();
  const auto living = scopes_.living();
  if (living.size() == recorded.size()) {
    return !living.empty();
  }
  auto lock = ports_.trust->lock();
  if (!lock) {
    return true;  // tried again at the next look
  }
  // Where the redirect was taken back, or is broken, nothing is put in here.
  if (verify_redirect()) {
    return !apply_desired() || !living.empty();
  }
  return !scopes_.record(living) || !living.empty();
}

std::string Operations::redirect_state(Family family, const Result<RedirectSpec>& spec) {
  if (!ports_.firewall->is_present(family)) {
    return "not_present";
  }
  bool is_complete = spec.has_value();
  bool is_empty = true;
  for (const auto table : kEnsureOrder) {
    auto saved = ports_.firewall->save(family, table);
    if (!saved) {
      return "unavailable";
    }
    const auto observed = parse_save(*saved);
    is_complete = is_complete && is_settled(family, table, *spec, observed);
    is_empty = is_empty && observed.is_empty();
  }
  return state_word(is_complete, is_empty);
}

StatusReport Operations::status() {
  StatusReport report;
  const auto note = [&report](const Error& error) {
    report.problems.push_back(error.text());
  };
  auto settings = ports_.settings();
  if (!settings) {
    note(settings.error());
  } else {
    report.ports = settings->ports;
    for (std::uint32_t i = 0; i < settings->binaries.size(); ++i) {
      auto usable = ports_.programs->check(settings->binaries[i]);
      report.binaries.push_back({i, settings->binaries[i], usable.has_value(),
                                 usable ? std::string() : usable.error().context});
    }
  }
  const auto spec = desired_redirect();
  if (!spec && settings) {
    note(spec.error());
  }
  if (auto probe = ports_.firewall->save(Family::ipv4, Table::nat); !probe) {
    note(probe.error());
  }
  report.redirect_ipv4 = redirect_state(Family::ipv4, spec);
  report.redirect_ipv6 = redirect_state(Family::ipv6, spec);
  for (const auto* state : {&report.redirect_ipv4, &report.redirect_ipv6}) {
    if (*state == "partial") {
      report.problems.push_back(
          "redirect rules are incomplete: systemctl restart antigravity-proxy puts them back");
      break;
    }
  }

  report.bundle_path = ports_.trust->bundle_path();
  auto bundle = ports_.trust->read_bundle();
  if (!bundle) {
    note(bundle.error());
  } else if (*bundle) {
    report.bundle_sha256 = sha256_hex(**bundle);
    auto ours = certificate_of_bundle(**bundle, ports_.now());
    if (ours) {
      report.bundle_not_after = ours->not_after;
    } else {
      note(ours.error());
    }
  }

  report.captured_scopes = scopes_.living();

  auto units = ports_.units->language_servers();
  if (!units) {
    note(units.error());
  } else {
    for (const auto& unit : *units) {
      report.language_servers.push_back({id_of(unit.unit), unit.unit, unit.active_state});
    }
  }
  return report;
}

WatchReport Operations::watch(bool verify) {
  WatchReport report;
  for (const auto& exit : ports_.units->take_exits()) {
    report.exits.push_back({id_of(exit.unit), exit.result, exit.status});
  }
  if (auto loaded = ports_.units->language_servers()) {
    for (const auto& unit : *loaded) {
      report.servers_run = report.servers_run || is_running(unit.active_state);
    }
  }
  report.scopes_run = forget_ended_scopes();
  if (!verify || !report.servers_run) {
    return report;
  }
  auto lock = ports_.trust->lock();
  if (!lock || verify_redirect()) {
    return report;
  }
  // Established connections are not redirected after the fact, so the server cannot stay.
  (void)stop_all();  // its end is reported as an exit like any other
  report.redirect_repaired = apply_desired().has_value();
  return report;
}

Result<> Operations::release() {
  Result<> outcome;
  const auto keep_first = [&outcome](const auto& result) {
    if (!result && outcome) {
      outcome = result.error();
    }
  };
  auto lock = ports_.trust->lock();
  keep_first(lock);
  keep_first(stop_all());
  keep_first(remove_rules());
  keep_first(ports_.secrets->remove_secrets());
  if (ports_.scope_records != nullptr) {
    keep_first(scopes_.record({}));
  }
  keep_first(ports_.trust->remove_bundle());
  return outcome;
}

}  // namespace agp::core
