#include "cli/offline.h"

#include "daemon/config/config.h"
#include "daemon/policy/report.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

config::Checked<daemon_config::Config> load(const std::optional<std::string>& proxy_file) {
  daemon_config::Files files;
  if (proxy_file) {
    files.proxy_file = *proxy_file;
    files.missing_proxy = config::Missing::is_fault;
  }
  return daemon_config::load(files);
}

Failure faulty(const config::Faults& faults) {
  auto text = faults.text();
  if (text.ends_with('\n')) {
    text.pop_back();
  }
  return {Exit::data, "faulty_configuration", text,
          "correct it; antigravity-proxy config check shows what is left"};
}

// ProtectHome= of the unit. What the daemon finds there when somebody starts it by hand, the
// service does not.
std::vector<std::string> out_of_reach(const daemon_config::Config& config) {
  std::vector<std::string> warnings;
  for (const auto& [key, file] :
       {std::pair{"upstream.extra_ca_file", &config.upstream.extra_ca_file},
        std::pair{"upstream.proxy_credentials_file", &config.upstream.proxy_credentials_file},
        std::pair{"language_server.attach_token_file", &config.attached_ls.token_file},
        std::pair{"language_server.attach_certificate_file", &config.attached_ls.certificate_file},
        std::pair{"api.keys_file", &config.api_keys_file}}) {
    for (const std::string_view place : {"/home/", "/root/", "/run/user/"}) {
      if (*file && (*file)->starts_with(place)) {
        warnings.push_back(std::string(key) + ": " + **file +
                           " is out of the service's reach, as all below " +
                           std::string(place.substr(0, place.size() - 1)) +
                           "; put it below /etc/antigravity-proxy");
      }
    }
  }
  return warnings;
}

}  // namespace

Answer<std::string> offline_policy(const std::optional<std::string>& proxy_file) {
  const auto config = load(proxy_file);
  if (!config) {
    return faulty(config.error());
  }
  policy::Loaded loaded;
  loaded.locked = config->locked;
  loaded.warnings = config->warnings;
  return policy::render_policy(*config->policy, loaded);
}

Answer<std::string> offline_check(const std::optional<std::string>& proxy_file,
                                  const std::string& host,
                                  const std::string& method,
                                  const std::string& path) {
  const auto config = load(proxy_file);
  if (!config) {
    return faulty(config.error());
  }
  return policy::render_check(*config->policy, host, method, path);
}

std::string offline_config_check(const std::optional<std::string>& proxy_file) {
  const auto config = load(proxy_file);
  json::array faults;
  json::array warnings;
  if (!config) {
    for (const auto& fault : config.error().list) {
      faults.emplace_back(fault.text());
    }
  } else {
    for (const auto& warning : config->warnings) {
      warnings.emplace_back(warning);
    }
    for (const auto& warning : out_of_reach(*config)) {
      warnings.emplace_back(warning);
    }
  }
  json::object out;
  out["schema"] = "antigravity-proxy.config-check.v1";
  out["valid"] = config.has_value();
  out["faults"] = std::move(faults);
  out["warnings"] = std::move(warnings);
  return json::serialize(out) + "\n";
}

}  // namespace agp::cli
