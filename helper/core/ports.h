#pragma once

#include "common/base/result.h"
#include "helper/core/language_server_unit.h"
#include "helper/core/nft_rules.h"
#include "helper/core/redirect.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

/// What the operations need from the machine. helper/os implements these; tests have fakes.
namespace agp::core {

class Firewall {
 public:
  virtual ~Firewall() = default;
  /// Whether the kernel has this family at all.
  [[nodiscard]] virtual bool is_present(Family family) = 0;
  /// Output of `iptables-save -t TABLE` of that family.
  [[nodiscard]] virtual Result<std::string> save(Family family, Table table) = 0;
  /// Feeds `iptables-restore --noflush`. One transaction: all or nothing.
  [[nodiscard]] virtual Result<> restore(Family family, const std::string& input) = 0;
};

/// What there is of our table of nf_tables.
enum class TableState {
  absent,
  different,
  ours,        // as desired, and gone when this process lets go
  outlived,    // the same, and rules for cgroups that have ended, which match nobody
  of_another,  // as desired, held by another process
};

/// The table of nf_tables whose rules the kernel removes with the socket that made them.
class OwnerTable {
 public:
  virtual ~OwnerTable() = default;
  /// Tries it with a table of another name, to its end.
  [[nodiscard]] virtual Result<> check_kernel() = 0;
  /// Whether this process holds rules: when it ends for good, they are gone.
  [[nodiscard]] virtual bool holds() = 0;
  [[nodiscard]] virtual Result<TableState> compare(const nft::Rules& desired) = 0;
  /// Everything in one transaction: the rules before or these, never less.
  [[nodiscard]] virtual Result<> replace(const nft::Rules& desired) = 0;
  /// @return whether there was a table.
  [[nodiscard]] virtual Result<bool> remove() = 0;
};

class TrustStore {
 public:
  virtual ~TrustStore() = default;
  [[nodiscard]] virtual std::string bundle_path() const = 0;
  [[nodiscard]] virtual Result<std::string> system_certificates() = 0;
  /// Nothing when there is no bundle; an error when it is not root's own regular file.
  [[nodiscard]] virtual Result<std::optional<std::string>> read_bundle() = 0;
  /// Atomic: readers see the old or the new content.
  [[nodiscard]] virtual Result<> write_bundle(std::string_view content) = 0;
  /// @return whether there was one.
  [[nodiscard]] virtual Result<bool> remove_bundle() = 0;
  /// Only one process changes the machine at a time; held until the value dies.
  [[nodiscard]] virtual Result<std::shared_ptr<void>> lock() = 0;
};

struct Accounts {
  std::optional<uid_t> language_server;
  std::optional<uid_t> daemon;
};

class AccountDatabase {
 public:
  virtual ~AccountDatabase() = default;
  [[nodiscard]] virtual Accounts look_up() = 0;
};

/// Tells one state of a file from every other.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t changed_ns = 0;  // ctime: any write, and any replacement
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

class Programs {
 public:
  virtual ~Programs() = default;
  /// Whether the program may be started as it is now; the error says why not.
  [[nodiscard]] virtual Result<> check(const std::string& path) = 0;
  [[nodiscard]] virtual Result<FileIdentity> identity(const std::string& path) = 0;
};

/// A file for the time of one start, which only root and the service manager read.
class StartSecrets {
 public:
  virtual ~StartSecrets() = default;
  /// Replaces what a start that was cut short left there.
  /// @return its path.
  [[nodiscard]] virtual Result<std::string> put(std::string_view content) = 0;
  /// One that is gone already is a success.
  [[nodiscard]] virtual Result<> remove_secrets() = 0;
};

struct UnitState {
  std::string unit;
  std::string active_state;
  [[nodiscard]] bool is_running() const {
    return active_state != "inactive" && active_state != "failed";
  }
};

struct RunLimits {
  std::chrono::milliseconds time{5'000};
  std::size_t output_bytes = 0;
};

struct UnitExit {
  std::string unit;
  std::string result;
  std::int32_t status = 0;
};

class UnitManager {
 public:
  virtual ~UnitManager() = default;
  /// Starts a transient unit and waits for the result of the job.
  [[nodiscard]] virtual Result<> start(const UnitSpec& spec) = 0;
  /// Starts a transient unit, reads its standard output and error until it ends, or a limit ends
  /// it.
  /// @return what it wrote; cut off at the limit.
  [[nodiscard]] virtual Result<std::string> run(UnitSpec spec, const RunLimits& limits) = 0;
  /// Waits for the end; a unit that is not there is a success.
  [[nodiscard]] virtual Result<> stop(const std::string& unit) = 0;
  /// Language server units that are loaded, whoever started them.
  [[nodiscard]] virtual Result<std::vector<UnitState>> language_servers() = 0;
  /// Whether units can be kept to some network interfaces; the service manager ignores it silently
  /// where it cannot.
  [[nodiscard]] virtual bool can_restrict_interfaces() { return false; }
  /// Whether MemoryMax= and TasksMax= of units have an effect here; nothing: nobody says.
  [[nodiscard]] virtual std::optional<bool> enforces_limits() { return std::nullopt; }
  /// Ends since the last call, each once.
  [[nodiscard]] virtual std::vector<UnitExit> take_exits() = 0;
};

}  // namespace agp::core
