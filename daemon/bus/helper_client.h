#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

/// The daemon's ends on the message bus.
namespace agp::bus {

class Connection;

struct HelperBundle {
  std::string path;
  bool changed = false;
};

struct HelperServer {
  std::string id;
  std::string unit;
  std::string active_state;    // empty in the answer to a start
  bool has_one_token = false;  // only in the answer to a start
};

struct HelperBinary {
  std::uint32_t index = 0;
  std::string path;
  bool usable = false;
  std::string reason;
};

/// The answer of Status; the XML says what each field means.
struct HelperStatus {
  std::string version;
  std::string redirect_ipv4;
  std::string redirect_ipv6;
  std::string bundle_path;
  std::string bundle_sha256;
  std::int64_t bundle_not_after = 0;
  std::vector<HelperServer> language_servers;
  std::vector<HelperBinary> binaries;
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0;
  std::string egress;
  std::string egress_guard;
  std::uint64_t repairs = 0;
  std::int64_t last_repair = 0;
  std::vector<std::string> last_lost;
  std::string watching;
  std::string firewall_backend;  // "nftables", "iptables"
  std::string firewall_reason;
  std::string limits;  // "enforced", "not_enforced", "unknown"
  std::vector<std::string> problems;
};

struct HelperStart {
  std::uint16_t server_port = 0;
  std::uint16_t lsp_port = 0;
  std::uint16_t extension_server_port = 0;
  std::string csrf_token;
  std::string extension_csrf_token;  // empty: the same
  std::string workspace_id;          // empty: not passed on
  std::uint32_t binary_index = 0;
  std::uint16_t http_port = 0;  // 0: left to the language server
};

/// Called from the connection's executor. Any may be empty.
struct HelperEvents {
  std::function<void(bool active)> redirect_changed;
  std::function<void(std::vector<std::string> lost, bool servers_stopped)> redirect_repaired;
  std::function<void(std::string sha256)> trust_bundle_changed;
  std::function<void(std::string id, std::string result, std::int32_t status)>
      language_server_exited;
  /// The helper left the bus, idle or killed. What it had set up is still there.
  std::function<void()> helper_gone;
};

/// org.antigravityproxy.Helper1 as seen by the daemon. Each call starts the helper when it does not
/// run and ends within 30 seconds; errors are bus::Errc with the helper's own text.
class HelperClient {
 public:
  /// @param connection outlives this object, and so do calls that are under way.
  [[nodiscard]] static Result<std::unique_ptr<HelperClient>> open(Connection* connection,
                                                                  HelperEvents events);
  HelperClient(const HelperClient&) = delete;
  HelperClient& operator=(const HelperClient&) = delete;
  ~HelperClient();

  [[nodiscard]] boost::asio::awaitable<Result<bool>> ensure_redirect();
  [[nodiscard]] boost::asio::awaitable<Result<bool>> remove_redirect();
  [[nodiscard]] boost::asio::awaitable<Result<HelperBundle>> ensure_trust_bundle(std::string pem);
  /// @param input, log closed here once the helper has its copies.
  [[nodiscard]] boost::asio::awaitable<Result<HelperServer>> start_language_server(
      HelperStart request, UniqueFd input, UniqueFd log);
  [[nodiscard]] boost::asio::awaitable<Result<>> stop_language_server(std::string id);
  [[nodiscard]] boost::asio::awaitable<Result<HelperStatus>> status();

 private:
  struct Impl;
  explicit HelperClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace agp::bus
