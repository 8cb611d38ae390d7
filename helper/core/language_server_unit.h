#pragma once

#include "helper/core/arguments.h"
#include "helper/core/settings.h"
#include "helper/core/start_plan.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

/// The transient unit in which a language server runs.
namespace agp::core {

/// systemd's (bas): a list of names that is allowed (or taken away).
struct FilterList {
  bool is_allow_list;
  std::vector<std::string> names;
};

/// systemd's a(sasas): program, arguments from argv[0] on, flags.
struct Command {
  std::string program;
  std::vector<std::string> argv;
  std::vector<std::string> flags;
};

/// A descriptor, borrowed for the call.
struct Descriptor {
  int fd;
};

/// systemd's a(sb) of files with NAME=value lines, none of which may be missing.
struct EnvironmentFiles {
  std::vector<std::string> paths;
};

using PropertyValue = std::variant<bool,
                                   std::int32_t,
                                   std::uint32_t,
                                   std::uint64_t,
                                   std::string,
                                   std::vector<std::string>,
                                   FilterList,
                                   Command,
                                   Descriptor,
                                   EnvironmentFiles>;

struct Property {
  std::string name;
  PropertyValue value;
};

struct UnitSpec {
  std::string name;
  std::vector<Property> properties;
};

/// The standard streams, borrowed until the unit has been started.
struct UnitStreams {
  int input = -1;
  int log = -1;  // standard output and error; -1: the journal
};

/// Whether the unit may use loopback only. Where the service manager cannot enforce it, it says
/// nothing and starts the unit all the same.
enum class Interfaces { all, loopback };

/// @param plan         arguments that name their secrets, as ${NAME}.
/// @param bundle_path  what the language server and its children trust.
/// @param secrets_path where the service manager finds what those names stand for.
[[nodiscard]] UnitSpec language_server_unit(const std::string& id,
                                            const std::string& binary,
                                            const StartPlan& plan,
                                            const std::string& bundle_path,
                                            const std::string& secrets_path,
                                            UnitStreams streams,
                                            Interfaces interfaces = Interfaces::all);

/// The unit that asks a language server for its flags: the same account and sandbox, no network,
/// and an end of its own after `limit`.
[[nodiscard]] UnitSpec help_unit(const std::string& id,
                                 const std::string& binary,
                                 const std::string& bundle_path,
                                 std::chrono::seconds limit);

}  // namespace agp::core
