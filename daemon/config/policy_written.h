#pragma once

#include "common/config/schema.h"
#include "common/config/values.h"
#include "daemon/policy/policy.h"

#include <cstdint>
#include <string>
#include <vector>

/// policy.yaml and corp.yaml as they are written, key by key; what follows from them is decided in
/// policy_files.
namespace agp::daemon_config {

struct WrittenHost {
  config::HostPattern match;
  policy::Action action = policy::Action::tunnel;
  std::uint32_t tunnel_after = 0;
};

struct WrittenRule {
  std::vector<std::string> methods;
  std::string path;
  bool is_allowed = true;
  std::string reason;
};

struct WrittenHeader {
  policy::HeaderEdit::Direction direction = policy::HeaderEdit::Direction::request;
  std::string set;
  std::string value;
  std::string remove;
};

struct WrittenModel {
  std::string from;
  std::string to;
};

struct WrittenHttp {
  config::HostPattern match;
  std::vector<WrittenRule> rules;
  std::vector<WrittenHeader> headers;
  bool is_decodable_only = false;
  std::string add;
  std::string replace;
  std::vector<WrittenModel> models;
};

/// One file with its drop-ins.
struct Written {
  policy::Action fallback = policy::Action::tunnel;
  policy::Action unnamed = policy::Action::tunnel;
  std::vector<WrittenHost> hosts;
  std::vector<WrittenHttp> http;
  std::vector<std::string> lock;
};

/// The keys of one of the files, which fill `file`. @param is_corp  corp.yaml can lock keys.
[[nodiscard]] config::Schema schema_of(Written* file, bool is_corp);

}  // namespace agp::daemon_config
