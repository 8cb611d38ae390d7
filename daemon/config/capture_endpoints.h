#pragma once

#include "common/config/fault.h"
#include "common/config/schema.h"
#include "daemon/config/config.h"

#include <string>
#include <vector>

/// The ports of the explicit capture modes, `capture.connect` and `capture.reverse`.
namespace agp::daemon_config {

/// An element of `capture.reverse` as written.
struct RawReverse {
  std::string listen;
  std::string upstream;
};

void describe_reverse(config::Schema& element, RawReverse* into);

/// Judges what the tables cannot: loopback only, no port twice, and upstream as `https://HOST` or
/// `https://HOST:PORT` of a host that is inspected. Fills `config->capture_reverse`.
void check_capture_endpoints(Config* config,
                             const std::vector<RawReverse>& reverse,
                             const config::Schema& schema,
                             const std::string& file,
                             config::Faults& faults);

}  // namespace agp::daemon_config
