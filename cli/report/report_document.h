#pragma once

#include "cli/doctor.h"
#include "cli/report/redactor.h"

#include <map>
#include <string>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace agp::cli::report {

/// What the machine says besides doctor's facts; all of it unredacted.
struct Surroundings {
  std::map<std::string, std::string> system;  // "kernel", "os", "systemd", ...: versions, no names
  std::vector<std::string> users;
  std::string machine_name;
  std::map<std::string, std::string> configuration;  // path -> content
  std::vector<std::string> journal;                  // empty when it may not be read
};

/// antigravity-proxy.report.v1
[[nodiscard]] boost::json::object report_document(Facts& facts,
                                                  const Surroundings& surroundings,
                                                  const std::string& generated_at);

/// As people read it: one member or element on a line.
[[nodiscard]] std::string indented(const boost::json::value& value);

}  // namespace agp::cli::report
