#pragma once

#include "helper/core/arguments.h"
#include "helper/core/settings.h"

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

using PropertyValue = std::variant<bool,
                                   std::int32_t,
                                   std::uint32_t,
                                   std::uint64_t,
                                   std::string,
                                   std::vector<std::string>,
                                   FilterList,
                                   Command,
                                   Descriptor>;

struct Property {
  std::string name;
  PropertyValue value;
};

struct UnitSpec {
  std::string name;
  std::vector<Property> properties;
};

/// @param bundle_path what the language server and its children trust.
/// @param stdin_fd    borrowed until the unit has been started.
[[nodiscard]] UnitSpec language_server_unit(const std::string& id,
                                            const StartRequest& request,
                                            const Settings& settings,
                                            const std::string& bundle_path,
                                            int stdin_fd);

/// The arguments after the program's name. Source: ls-protocol reference, section 2.3, era E1.
[[nodiscard]] std::vector<std::string> language_server_arguments(const StartRequest& request,
                                                                 const Settings& settings);

}  // namespace agp::core
