#include "daemon/config/capture_endpoints.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

namespace agp::daemon_config {
namespace {

constexpr const char* kNotLoopback =
    "must be a loopback address such as 127.0.0.1 or [::1]: whoever reaches this port uses the "
    "network as this service";

bool is_loopback(const config::Endpoint& endpoint) {
  return endpoint.address == "::1" || endpoint.address.starts_with("127.");
}

struct HostAndPort {
  std::string host;
  std::uint16_t port = 443;
};

std::optional<HostAndPort> parse_https(std::string_view text) {
  constexpr std::string_view kScheme = "https://";
  if (!text.starts_with(kScheme)) {
    return std::nullopt;
  }
  text.remove_prefix(kScheme.size());
  if (text.ends_with('/')) {
    text.remove_suffix(1);
  }
  HostAndPort made;
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    const auto digits = text.substr(colon + 1);
    const auto [stop, problem] =
        std::from_chars(digits.data(), digits.data() + digits.size(), made.port);
    if (problem != std::errc{} || stop != digits.data() + digits.size() || made.port == 0) {
      return std::nullopt;
    }
    text = text.substr(0, colon);
  }
  auto host = config::normal_host_name(text);
  if (!host) {
    return std::nullopt;
  }
  made.host = std::move(*host);
  return made;
}

}  // namespace

void describe_reverse(config::Schema& element, RawReverse* into) {
  element.text("listen", &into->listen, {},
               "Loopback address and port, as in 127.0.0.1:8743; clients speak cleartext "
               "HTTP/1.1 or HTTP/2 there.");
  element.require();
  element.text("upstream", &into->upstream, {},
               "Host that clients of this port mean, as in https://api.example.com; it must be "
               "one that is inspected.");
  element.require();
}

void check_capture_endpoints(Config* config,
                             const std::vector<RawReverse>& reverse,
                             const config::Schema& schema,
                             const std::string& file,
                             config::Faults& faults) {
  const auto complain = [&](const std::string& key, std::string message) {
    faults.list.push_back(schema.fault(key, std::move(message), file));
  };
  std::set<std::string> taken;
  const auto take = [&](const std::string& key, const config::Endpoint& endpoint) {
    if (!is_loopback(endpoint)) {
      complain(key, kNotLoopback);
    } else if (endpoint.port != 0 && !taken.insert(endpoint.text()).second) {
      complain(key, "another key has this address already");
    }
  };
  for (std::size_t i = 0; i < config->capture_connect.size(); ++i) {
    take("capture.connect[" + std::to_string(i) + ']', config->capture_connect[i]);
  }
  for (std::size_t i = 0; i < reverse.size(); ++i) {
    const std::string key = "capture.reverse[" + std::to_string(i) + ']';
    const auto listen = config::Endpoint::parse(reverse[i].listen);
    const auto upstream = parse_https(reverse[i].upstream);
    if (!listen) {
      complain(key + ".listen", "expected a loopback address:port such as 127.0.0.1:8743");
    } else {
      take(key + ".listen", *listen);
    }
    if (!upstream) {
      complain(key + ".upstream", "expected https://HOST or https://HOST:PORT without a path");
    } else if (config->policy->decide(upstream->host).action != policy::Action::inspect) {
      complain(key + ".upstream",
               upstream->host +
                   " is not inspected; add it to capture.inspect, or to hosts in "
                   "policy.yaml with action inspect");
    }
    if (listen && upstream) {
      config->capture_reverse.push_back({*listen, upstream->host, upstream->port});
    }
  }
}

}  // namespace agp::daemon_config
