#pragma once

#include "helper/core/arguments.h"
#include "helper/core/captured_scopes.h"
#include "helper/core/ports.h"
#include "helper/core/redirector.h"
#include "helper/core/server_launcher.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

/// The operations of the interface: observe, plan, apply, read back. No state between calls.
namespace agp::core {

struct BundleOutcome {
  std::string path;
  std::string sha256;
  bool changed = false;
};

struct ServerState {
  std::string id;
  std::string unit;
  std::string active_state;
};

struct BinaryState {
  std::uint32_t index = 0;
  std::string path;
  bool usable = false;
  std::string reason;
};

struct StatusReport {
  std::string redirect_ipv4;
  std::string redirect_ipv6;
  std::string firewall_backend;
  std::string firewall_reason;
  std::string bundle_path;
  std::string bundle_sha256;
  std::int64_t bundle_not_after = 0;
  std::vector<ServerState> language_servers;
  std::vector<BinaryState> binaries;
  PortRange ports;
  std::vector<GrantedScope> captured_scopes;
  std::string egress;            // "metered", "strict"; empty: the configuration is faulty
  std::string egress_guard;      // as the interface says
  std::uint64_t repairs = 0;     // since the helper started
  std::int64_t last_repair = 0;  // Unix time; 0: none
  std::vector<std::string> last_lost;
  std::optional<bool> limits_enforced;  // of memory and tasks; nothing: not known
  std::string watching;  // how losses are noticed: "announcements", "looks"; empty: not at all
  std::vector<std::string> problems;
};

/// Rules of ours that somebody else had removed, and that are back.
struct Repair {
  std::vector<std::string> lost;  // "IPv4 nat", ...
  /// Without the filter a connection may have left unmetered, so language servers were stopped.
  bool stopped_servers = false;
};

/// What a periodic look found.
struct WatchReport {
  struct Exit {
    std::string id;
    std::string result;
    std::int32_t status = 0;
  };
  std::vector<Exit> exits;
  bool servers_run = false;
  bool scopes_run = false;      // commands that are captured
  std::vector<Repair> repairs;  // since the last report, whoever noticed
  /// The rules were lost and could not be put back: language servers were stopped, and nothing of
  /// the redirect is left.
  std::optional<Error> loss;
};

/// What the bus adaptor drives; a fake in its tests.
class HelperOperations {
 public:
  virtual ~HelperOperations() = default;
  [[nodiscard]] virtual Result<> validate_start(const StartRequest& request) = 0;
  [[nodiscard]] virtual Result<bool> ensure_redirect() = 0;
  [[nodiscard]] virtual Result<bool> remove_redirect() = 0;
  [[nodiscard]] virtual Result<BundleOutcome> ensure_trust_bundle(const std::string& pem) = 0;
  [[nodiscard]] virtual Result<StartedServer> start_language_server(const StartRequest& request,
                                                                    ServerStreams streams) = 0;
  [[nodiscard]] virtual Result<> stop_language_server(const std::string& id) = 0;
  /// Whether this user has such a scope, and may have one; cheap, and changes nothing.
  [[nodiscard]] virtual Result<> check_capture(uid_t user, const std::string& id) = 0;
  /// @return path of the trust bundle.
  [[nodiscard]] virtual Result<std::string> capture_scope(uid_t user, const std::string& id) = 0;
  [[nodiscard]] virtual StatusReport status() = 0;
  /// @param verify also compare the rules that shall be there, and put back what is missing.
  [[nodiscard]] virtual WatchReport watch(bool verify) = 0;
};

struct Ports {
  Firewall* firewall;
  TrustStore* trust;
  AccountDatabase* accounts;
  Programs* programs;
  UnitManager* units;
  StartSecrets* secrets;
  std::function<Result<Settings>()> settings;             // read again for every operation
  std::function<std::int64_t()> now;                      // Unix time
  std::function<Result<std::string>()> fresh_id;          // 32 hexadecimal digits
  std::function<std::vector<std::string>()> resolvers{};  // for Egress::strict; none: loopback's
  ScopeTree* scope_tree = nullptr;                        // both or none: no commands are captured
  ScopeRecords* scope_records = nullptr;
  std::function<bool()> hears_changes{};  // of netfilter, unasked; none: no
  Firewall* other_firewall = nullptr;     // iptables of the other kind
  OwnerTable* owner_table = nullptr;      // none: iptables alone
};

class Operations final : public HelperOperations {
 public:
  /// @param ports what they point to outlives this object.
  explicit Operations(Ports ports)
      : ports_(std::move(ports)),
        scopes_(ports_.scope_tree, ports_.scope_records),
        redirector_({ports_.firewall, ports_.other_firewall, ports_.owner_table}),
        launcher_(ports_.units, ports_.programs, ports_.secrets, ports_.trust, ports_.fresh_id) {}

  Result<> validate_start(const StartRequest& request) override;
  Result<bool> ensure_redirect() override;
  Result<bool> remove_redirect() override;
  Result<BundleOutcome> ensure_trust_bundle(const std::string& pem) override;
  Result<StartedServer> start_language_server(const StartRequest& request,
                                              ServerStreams streams) override;
  Result<> stop_language_server(const std::string& id) override;
  Result<> check_capture(uid_t user, const std::string& id) override;
  Result<std::string> capture_scope(uid_t user, const std::string& id) override;
  StatusReport status() override;
  WatchReport watch(bool verify) override;

  /// For the start of a process: rules that an earlier one left are kept in place from now on.
  void adopt();
  /// Whether there are rules that this process shall keep in place: it has to stay for them.
  [[nodiscard]] bool keeps_rules() { return in_place_.has_value() || holds_rules(); }
  /// Whether the rules go when this process goes.
  [[nodiscard]] bool holds_rules() { return redirector_.holds_by_process(); }
  /// Before this process lets go of rules that it holds: no language server outlives them.
  [[nodiscard]] Result<> let_go() { return holds_rules() ? stop_all() : Result<>(); }

  /// Every language server. Goes on after a failure and reports the first.
  [[nodiscard]] Result<> stop_all();
  /// Everything back: servers, rules, bundle. Goes on after a failure and reports the first.
  [[nodiscard]] Result<> release();
  /// Whether release() would find rules, servers or a bundle. What cannot be seen counts as there.
  [[nodiscard]] bool is_anything_left();

 private:
  [[nodiscard]] Result<RedirectSpec> desired_redirect();
  [[nodiscard]] bool keeps_to_loopback(const Settings& settings);
  [[nodiscard]] std::string egress_guard(const Settings& settings);
  [[nodiscard]] FirewallBackend backend();
  /// Scopes come and go by themselves: those that live are taken, whatever the spec has.
  [[nodiscard]] Result<bool> apply_living(RedirectSpec spec);
  /// The same; when it fails nothing runs and no rule is left.
  [[nodiscard]] Result<bool> put_in_place(const RedirectSpec& spec);
  void note_repair(Loss loss);
  [[nodiscard]] std::optional<Error> verify_rules();
  [[nodiscard]] Result<> verify_redirect();
  [[nodiscard]] RedirectSpec as_recorded(RedirectSpec spec) const;
  [[nodiscard]] std::string redirect_state(Family family, const Result<RedirectSpec>& spec);
  /// @return whether any is left.
  [[nodiscard]] bool forget_ended_scopes();
  [[nodiscard]] Result<> verify_bundle();

  Ports ports_;
  ScopeBook scopes_;
  Redirector redirector_;
  ServerLauncher launcher_;
  // What this process put in place or found there. Lost with the process: adopt() reads it from the
  // kernel again.
  std::optional<RedirectSpec> in_place_;
  std::vector<Repair> unreported_;
  std::uint64_t repairs_ = 0;
  std::int64_t last_repair_ = 0;
  std::vector<std::string> last_lost_;
};

}  // namespace agp::core
