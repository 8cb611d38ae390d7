#pragma once

#include "daemon/usage/record.h"

#include <optional>
#include <string>
#include <vector>

/// What is told of the certificate authority. Never its key.
namespace agp::api {

struct CaReport {
  struct Certificate {
    std::string subject;
    std::string sha256;  // of the certificate, lower-case hex
    usage::Micros not_before{};
    usage::Micros not_after{};
  };
  Certificate certificate;  // of the authority in use
  usage::Micros renew_at{};
  std::vector<std::string> permitted;  // domains, each with everything below it
  std::string file;                    // the certificate alone
  std::string bundle;                  // it and the system's; empty where there is no helper
  struct Rotation {
    std::string step;
    std::optional<Certificate> next;
  };
  std::optional<Rotation> rotation;  // while it is being replaced
  std::string problem;               // of the last attempt; empty when it did not fail
};

/// The document antigravity-proxy.ca.v1.
[[nodiscard]] std::string render_ca(const CaReport& report, usage::Micros now);

}  // namespace agp::api
