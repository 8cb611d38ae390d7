#pragma once

#include "cli/daemon_client.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// Where doctor gets its facts from, besides what the service says of itself.
namespace agp::cli::doctor {

inline constexpr const char* kServiceUnit = "antigravity-proxy.service";
inline constexpr const char* kHelperUnit = "antigravity-proxy-helper.service";
inline constexpr const char* kRunAsRoot = "run as root: sudo antigravity-proxy doctor";

struct FileSystem {
  std::string path;     // that was asked about
  std::string problem;  // why nothing is known of it; else empty
  std::uint64_t free_bytes = 0;
  std::uint64_t files = 0;  // inodes; 0: it does not count them
  std::uint64_t free_files = 0;
  bool is_read_only = false;
};

struct FileFacts {
  std::string path;
  bool is_there = false;
  std::uint32_t owner = 0;
  std::uint32_t mode = 0;  // permission bits
};

/// The machine below the service.
struct Machine {
  std::vector<std::string> missing_accounts;
  bool has_cgroup2 = false;
  bool has_ipv6 = false;
  bool has_iptables = false;
  std::string hidepid;                  // of the mount of /proc, as written there; empty: off
  std::int64_t now = 0;                 // Unix time
  std::optional<bool> is_synchronized;  // as timedate1 says, where it answers
  std::vector<FileSystem> file_systems;
  std::vector<FileFacts> programs;  // of the package
};

/// What the system bus offers.
struct SystemBus {
  bool starts_helper = false;  // its D-Bus service file is there
  std::string polkit_problem;  // why polkit does not answer; empty: it does
  bool has_our_actions = false;
};

/// A unit as the service manager sees it; its own words.
struct Unit {
  std::string name;
  std::string load_state;
  std::string load_error;
  std::string active_state;
  std::string result;
  bool needs_reload = false;  // its files changed since they were read
  std::uint32_t restarts = 0;
};

/// Who listens on a TCP port.
struct Listener {
  std::string address;  // "127.0.0.1:8741"
  std::uint16_t port = 0;
  std::uint32_t uid = 0;
  std::string program;  // empty where /proc does not tell
};

/// The files of /etc/antigravity-proxy, read as the daemon and the helper read them.
struct Configuration {
  std::vector<std::string> faults;  // of proxy.yaml, policy.yaml, corp.yaml: file:line:column: what
  std::vector<std::string> warnings;
  std::optional<std::string> helper_fault;
  std::vector<std::string> binaries;  // that helper.yaml allows
  bool is_captured = true;            // capture.mode
  std::string inspected_host;         // the first exact one that is opened; empty: none
  std::optional<std::string> extra_ca_file;
  std::optional<std::string> proxy_host;  // of upstream.proxy
  std::uint16_t proxy_port = 0;
};

/// One way to the HTTP API.
struct Endpoint {
  std::string name;  // "127.0.0.1:8741"
  int status = 0;    // of the answer; 0: none
  std::string problem;
};

struct StartableBinary {
  std::string path;
  bool is_usable = false;
  std::string reason;
};

/// Status of Helper1.
struct Helper {
  std::string redirect_ipv4;
  std::string redirect_ipv6;
  std::string firewall_backend;
  std::string firewall_reason;
  std::string egress;
  std::string egress_guard;
  std::uint64_t repairs = 0;
  std::int64_t last_repair = 0;
  std::vector<std::string> last_lost;
  std::vector<StartableBinary> binaries;
  std::vector<std::string> problems;
};

/// The bundle that the language server trusts, and what it was made of.
struct Trust {
  FileFacts bundle;
  std::string bundle_problem;   // why our certificate cannot be taken from it; empty: it can
  std::int64_t not_before = 0;  // of our certificate in it
  std::int64_t not_after = 0;
  std::size_t others = 0;  // certificates in it besides ours
  std::size_t in_system_store = 0;
  /// Only root can look: the key, the certificate, and whether it is the one of the bundle.
  std::optional<FileFacts> key;
  std::uint32_t key_owner = 0;  // who has to own it
  std::optional<bool> is_bundle_ours;
};

/// A try to reach an address with TLS; no request is sent.
struct Reach {
  enum class Stage { route, connect, handshake, verify, done };  // where it ended
  std::string family;                                            // "IPv4", "IPv6"
  std::string address;
  Stage stage = Stage::route;
  std::string problem;
  bool is_ours = false;                 // the certificate is of our authority
  std::string issuer;                   // of the certificate
  std::optional<bool> is_quic_refused;  // at once, as it has to be
  std::string quic;                     // what a datagram came to
};

struct Reaches {
  std::string problem;  // why there is none: the name does not resolve, or nobody may look
  std::vector<Reach> list;
};

/// Asks the machine. Nothing of it changes anything; what waits for others has a limit.
class Sources {
 public:
  Sources() = default;
  Sources(const Sources&) = delete;
  Sources& operator=(const Sources&) = delete;
  Sources(Sources&&) = delete;
  Sources& operator=(Sources&&) = delete;
  virtual ~Sources() = default;

  [[nodiscard]] virtual bool is_root() = 0;
  [[nodiscard]] virtual Machine machine() = 0;
  [[nodiscard]] virtual Answer<SystemBus> system_bus() = 0;
  [[nodiscard]] virtual Answer<std::vector<Unit>> units() = 0;
  [[nodiscard]] virtual std::vector<Listener> listeners() = 0;
  [[nodiscard]] virtual Configuration configuration() = 0;
  /// The service is on the bus, but answers nothing within a few seconds.
  [[nodiscard]] virtual bool is_service_hung() = 0;
  [[nodiscard]] virtual std::vector<Endpoint> endpoints() = 0;
  [[nodiscard]] virtual Answer<Helper> helper() = 0;
  [[nodiscard]] virtual Trust trust() = 0;
  /// As the service's account, or this user where that is not possible, verified against the
  /// system's certificates: whether there is a way to a host.
  [[nodiscard]] virtual Reaches upstream(const Configuration& configuration) = 0;
  /// As the language server's account, verified against the bundle alone. Needs root.
  [[nodiscard]] virtual Reaches captured(const Configuration& configuration) = 0;
};

}  // namespace agp::cli::doctor
