#include "helper/core/operations.h"

#include "helper/core/certificate.h"
#include "helper/core/errc.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace agp::core {
namespace {

std::vector<CapturedScope> to_rules(const std::vector<GrantedScope>& granted) {
  std::vector<CapturedScope> scopes;
  for (const auto& scope : granted) {
    scopes.push_back({scope.user, scope.cgroup});
  }
  return scopes;
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
  spec.egress = settings->egress;
  if (spec.egress == Egress::strict && ports_.resolvers) {
    spec.resolvers = ports_.resolvers();
  }
  spec.scopes = to_rules(scopes_.living());
  return spec;
}

/// The guard would cut a resolver off that is not on this machine.
bool Operations::keeps_to_loopback(const Settings& settings) {
  return settings.egress == Egress::strict && (!ports_.resolvers || ports_.resolvers().empty());
}

std::string Operations::egress_guard(const Settings& settings) {
  if (settings.egress == Egress::metered) {
    return "off";
  }
  if (!keeps_to_loopback(settings)) {
    return "resolver";
  }
  return ports_.units->can_restrict_interfaces() ? "loopback" : "unsupported";
}

FirewallBackend Operations::backend() {
  auto settings = ports_.settings();
  return settings ? settings->firewall : FirewallBackend::automatic;
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
  return put_in_place(*spec);
}

Result<bool> Operations::put_in_place(const RedirectSpec& spec) {
  auto changed = apply_living(spec);
  if (!changed) {
    // Half a redirect would let traffic out unmetered on the other half. Servers first: they must
    // not run without it.
    (void)stop_all();            // the error that is returned is the one that led here
    (void)redirector_.remove();  // the same
    in_place_.reset();
  }
  return changed;
}

Result<bool> Operations::apply_living(RedirectSpec spec) {
  Loss loss;
  Loss counted;  // what later attempts miss may be what earlier ones did
  for (auto* missed = &loss;; missed = &counted) {
    const auto granted = scopes_.living();
    spec.scopes = to_rules(granted);
    auto done = redirector_.ensure(backend(), spec, {in_place_ ? &*in_place_ : nullptr, missed},
                                   [this] { return stop_all(); });
    if (done) {
      if (granted.size() != scopes_.recorded().size()) {
        (void)scopes_.record(granted);  // what has ended is left out again next time
      }
      in_place_ = std::move(spec);
      note_repair(std::move(loss));
      return done;
    }
    // A scope that ended under our hands fails the table it is in: once more without it.
    if (scopes_.living().size() == granted.size()) {
      return done;
    }
  }
}

// The rules are back already. They cut off what got away without them: the filter looks at every
// packet, not only at those that open a connection. That nothing goes on unmetered does not rest on
// it, though.
void Operations::note_repair(Loss loss) {
  if (loss.lost.empty()) {
    return;
  }
  Repair repair{std::move(loss.lost), false};
  if (!loss.had_filter) {
    auto running = ports_.units->language_servers();
    repair.stopped_servers = !running || !running->empty();
    (void)stop_all();  // its end is reported as an exit like any other
  }
  ++repairs_;
  last_repair_ = ports_.now();
  last_lost_ = repair.lost;
  unreported_.push_back(std::move(repair));
}

Result<bool> Operations::remove_redirect() {
  auto lock = ports_.trust->lock();
  if (!lock) {
    return lock.error();
  }
  if (auto stopped = stop_all(); !stopped) {
    return stopped.error();
  }
  in_place_.reset();
  return redirector_.remove();
}

Result<BundleOutcome> Operations::ensure_trust_bundle(const std::string& pem) {
  auto certificates = check_certificates(pem, ports_.now());
  if (!certificates) {
    return certificates.error();
  }
  auto system = ports_.trust->system_certificates();
  if (!system) {
    return system.error();
  }
  auto lock = ports_.trust->lock();
  if (!lock) {
    return lock.error();
  }
  const std::string wanted = compose_bundle(*certificates, *system);
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
  auto seen = redirector_.verify(backend(), *spec);
  if (seen || seen.error().code != Errc::not_protected) {
    return seen;
  }
  const auto earlier = as_recorded(*spec);
  return earlier.scopes == spec->scopes ? seen : redirector_.verify(backend(), earlier);
}

// Rules of a command that has just ended match nobody, and go with the next look.
RedirectSpec Operations::as_recorded(RedirectSpec spec) const {
  spec.scopes = to_rules(scopes_.recorded());
  return spec;
}

std::string Operations::redirect_state(Family family, const Result<RedirectSpec>& spec) {
  const auto word = redirector_.state(backend(), family, spec ? &*spec : nullptr);
  if (!spec || word != "partial") {
    return word;
  }
  const auto earlier = as_recorded(*spec);
  return earlier.scopes == spec->scopes ? word : redirector_.state(backend(), family, &earlier);
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
  if (auto room = launcher_.check_room(); !room) {
    return room.error();
  }
  auto flags = launcher_.flags_of(binary);
  if (!flags) {
    return flags.error();
  }
  auto plan = plan_start(request, *settings, *flags);
  if (!plan) {
    return plan.error();
  }
  return launcher_.launch(binary, *plan, streams,
                          keeps_to_loopback(*settings) ? Interfaces::loopback : Interfaces::all);
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
  auto spec = desired_redirect();
  if (!spec) {
    return spec.error();
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
    auto applied = apply_living(*spec);
    done = applied ? Result<>() : Result<>(applied.error());
  }
  if (!done) {
    (void)scopes_.record(before);  // the error that is returned is the one that led here
    (void)apply_living(*spec);     // the same
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
  auto spec = desired_redirect();
  if (spec && verify_redirect()) {
    return !apply_living(std::move(*spec)) || !living.empty();
  }
  return !scopes_.record(living) || !living.empty();
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
    report.egress = to_string(settings->egress);
    report.egress_guard = egress_guard(*settings);
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
  const auto choice = redirector_.choose(backend());
  report.firewall_backend = to_string(choice.backend);
  report.firewall_reason = choice.reason;
  if (choice.backend == FirewallBackend::iptables) {
    if (auto probe = ports_.firewall->save(Family::ipv4, Table::nat); !probe) {
      note(probe.error());
    }
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

  report.limits_enforced = ports_.units->enforces_limits();
  report.repairs = repairs_;
  report.last_repair = last_repair_;
  report.last_lost = last_lost_;
  if (in_place_) {
    report.watching = ports_.hears_changes && ports_.hears_changes() ? "announcements" : "looks";
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
  report.scopes_run = forget_ended_scopes();
  if (verify && in_place_) {
    report.loss = verify_rules();
  }
  if (auto loaded = ports_.units->language_servers()) {
    for (const auto& unit : *loaded) {
      report.servers_run = report.servers_run || unit.is_running();
    }
  }
  report.repairs = std::exchange(unreported_, {});
  return report;
}

std::optional<Error> Operations::verify_rules() {
  auto lock = ports_.trust->lock();
  if (!lock) {
    return std::nullopt;  // the next look tries again
  }
  // Somebody may be in the middle of an edit of the configuration: what was in place still counts.
  auto spec = desired_redirect();
  auto done = put_in_place(spec ? *spec : RedirectSpec(*in_place_));
  return done ? std::nullopt : std::optional(done.error());
}

void Operations::adopt() {
  auto spec = desired_redirect();
  if (!spec) {
    return;
  }
  auto servers = ports_.units->language_servers();
  // A server that runs was started behind rules: if they are gone, that is a loss.
  if ((servers && !servers->empty()) || redirector_.has_rules()) {
    in_place_ = as_recorded(std::move(*spec));
  }
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
  keep_first(redirector_.remove());
  keep_first(ports_.secrets->remove_secrets());
  if (ports_.scope_records != nullptr) {
    keep_first(scopes_.record({}));
  }
  keep_first(ports_.trust->remove_bundle());
  return outcome;
}

bool Operations::is_anything_left() {
  const auto servers = ports_.units->language_servers();
  const auto bundle = ports_.trust->read_bundle();
  return !servers || !servers->empty() || !bundle || *bundle || redirector_.has_rules();
}

}  // namespace agp::core
