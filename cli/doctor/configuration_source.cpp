#include "cli/doctor/configuration_source.h"

#include "daemon/config/config.h"
#include "helper/config.h"

#include <utility>

namespace agp::cli::doctor {

Configuration read_configuration(const std::string& folder) {
  Configuration out;
  daemon_config::Files files;
  files.proxy_file = folder + "/proxy.yaml";
  const auto config = daemon_config::load(files);
  if (!config) {
    for (const auto& fault : config.error().list) {
      out.faults.push_back(fault.text());
    }
  } else {
    out.warnings = config->warnings;
    out.is_captured = config->capture_mode == daemon_config::CaptureMode::service;
    out.extra_ca_file = config->upstream.extra_ca_file;
    if (config->upstream.proxy) {
      out.proxy_host = config->upstream.proxy->host;
      out.proxy_port = config->upstream.proxy->port;
    }
    for (const auto& pattern : config->inspect) {
      if (out.inspected_host.empty() && pattern.is_exact() &&
          config->policy->decide(pattern.text()).action == policy::Action::inspect) {
        out.inspected_host = pattern.text();
      }
    }
  }
  auto settings = helper::load_settings(folder + "/helper.yaml");
  if (settings) {
    out.binaries = std::move(settings->binaries);
  } else {
    out.helper_fault = settings.error().text();
  }
  return out;
}

}  // namespace agp::cli::doctor
