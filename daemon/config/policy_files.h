#pragma once

#include "common/config/fault.h"
#include "common/config/schema.h"
#include "daemon/policy/policy.h"

#include <cstdint>
#include <string>
#include <vector>

namespace agp::daemon_config {

/// A host of capture.inspect and where it was written.
struct InspectedHost {
  config::HostPattern match;
  std::string where;
};

struct PolicyFiles {
  std::string policy_file;
  config::Missing missing_policy = config::Missing::is_empty;
  std::string corp_file;
  std::uint32_t corp_owner = 0;
};

struct PolicyResult {
  policy::Parts parts;
  std::vector<std::string> locked;
  std::vector<std::string> warnings;
};

/// Reads policy.yaml and corp.yaml over the list of inspected hosts; without that list (its file is
/// faulty) the result serves for its faults only, and nothing is said about what is inspected.
///
/// corp.yaml wins. `default` and `unnamed`: its value, where it has one. `hosts` and `http`: its
/// element takes the place of the one with the same `match`, and of that one stays what it does not
/// set itself; all other elements of both files add up. What it locks is ignored in policy.yaml,
/// with a warning.
[[nodiscard]] config::Checked<PolicyResult> load_policy(const std::vector<InspectedHost>* inspected,
                                                        const PolicyFiles& files);

/// A position as users see it: relative to the folder that the files are in, without the column.
[[nodiscard]] std::string where_text(const config::Position& at, const std::string& main_file);

/// Whether a pattern may be inspected: what the certificate authority is allowed to sign for
/// follows from it, and a whole top-level domain would make it one for half of the internet.
[[nodiscard]] bool can_be_inspected(const config::HostPattern& pattern);
inline constexpr const char* kTooWide =
    "too wide to inspect; name at least two labels after the star, as in *.example.com";

[[nodiscard]] std::vector<config::Row> rows_of_policy();
[[nodiscard]] std::vector<config::Row> rows_of_corp();

}  // namespace agp::daemon_config
