#pragma once

#include "common/base/unique_fd.h"
#include "helper/core/arguments.h"
#include "helper/core/captured_scopes.h"
#include "helper/core/ports.h"

#include <cstdint>
#include <functional>
#include <map>
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

struct StartedServer {
  std::string id;
  std::string unit;
  bool has_one_token = false;  // as in StartPlan
};

/// Standard streams of a language server, taken over.
struct ServerStreams {
  UniqueFd input;
  UniqueFd log;  // not open: the journal
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
  std::string bundle_path;
  std::string bundle_sha256;
  std::int64_t bundle_not_after = 0;
  std::vector<ServerState> language_servers;
  std::vector<BinaryState> binaries;
  PortRange ports;
  std::vector<GrantedScope> captured_scopes;
  std::vector<std::string> problems;
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
  bool scopes_run = false;  // commands that are captured
  /// Rules were missing while a language server ran: it was stopped, the rules are back (true) or
  /// could not be put back (false). Nothing: all was well, or no server ran.
  std::optional<bool> redirect_repaired;
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
  /// @param verify also compare the rules while a language server runs.
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
};

class Operations final : public HelperOperations {
 public:
  /// @param ports what they point to outlives this object.
  explicit Operations(Ports ports)
      : ports_(std::move(ports)), scopes_(ports_.scope_tree, ports_.scope_records) {}

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

  /// Everything back: servers, rules, bundle. Goes on after a failure and reports the first.
  [[nodiscard]] Result<> release();

 private:
  [[nodiscard]] Result<RedirectSpec> desired_redirect();
  [[nodiscard]] std::vector<Family> families();
  /// What is desired, at the moment of each attempt.
  [[nodiscard]] Result<bool> apply_desired();
  [[nodiscard]] Result<bool> apply(const RedirectSpec& spec);
  [[nodiscard]] Result<bool> apply_table(Family family, Table table, const RedirectSpec& spec);
  [[nodiscard]] Result<bool> remove_rules();
  [[nodiscard]] Result<bool> remove_table(Family family, Table table);
  [[nodiscard]] Result<> verify_redirect();
  [[nodiscard]] bool is_settled(Family family,
                                Table table,
                                const RedirectSpec& spec,
                                const ObservedTable& observed) const;
  /// @return whether any is left.
  [[nodiscard]] bool forget_ended_scopes();
  [[nodiscard]] Result<> verify_bundle();
  [[nodiscard]] Result<> stop_all();
  [[nodiscard]] std::string redirect_state(Family family, const Result<RedirectSpec>& spec);
  [[nodiscard]] Result<> check_room();
  [[nodiscard]] Result<ProgramFlags> flags_of(const std::string& binary);
  [[nodiscard]] Result<StartedServer> launch(const std::string& binary,
                                             const StartPlan& plan,
                                             const ServerStreams& streams);

  struct KnownFlags {
    FileIdentity identity;
    ProgramFlags flags;
  };

  Ports ports_;
  ScopeBook scopes_;
  // By path. A cache: the program itself is the truth, and is asked again when its file changed.
  std::map<std::string, KnownFlags> known_flags_;
};

}  // namespace agp::core
