#include "helper/os/unit_message.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace agp::os {
namespace {

// Writes one PropertyValue as a variant. sd-bus remembers the first failure in the message, so the
// last result tells.
struct Appender {
  sd_bus_message* message;

  int strings(const std::vector<std::string>& list) const {
    sd_bus_message_open_container(message, 'a', "s");
    for (const auto& text : list) {
      sd_bus_message_append(message, "s", text.c_str());
    }
    return sd_bus_message_close_container(message);
  }

  int operator()(bool value) const {
    return sd_bus_message_append(message, "v", "b", value ? 1 : 0);
  }
  int operator()(std::int32_t value) const {
    return sd_bus_message_append(message, "v", "i", value);
  }
  int operator()(std::uint32_t value) const {
    return sd_bus_message_append(message, "v", "u", value);
  }
  int operator()(std::uint64_t value) const {
    return sd_bus_message_append(message, "v", "t", value);
  }
  int operator()(const std::string& value) const {
    return sd_bus_message_append(message, "v", "s", value.c_str());
  }
  int operator()(core::Descriptor value) const {
    return sd_bus_message_append(message, "v", "h", value.fd);
  }
  int operator()(const std::vector<std::string>& list) const {
    sd_bus_message_open_container(message, 'v', "as");
    strings(list);
    return sd_bus_message_close_container(message);
  }
  int operator()(const core::FilterList& filter) const {
    sd_bus_message_open_container(message, 'v', "(bas)");
    sd_bus_message_open_container(message, 'r', "bas");
    sd_bus_message_append(message, "b", filter.is_allow_list ? 1 : 0);
    strings(filter.names);
    sd_bus_message_close_container(message);
    return sd_bus_message_close_container(message);
  }
  int operator()(const core::EnvironmentFiles& files) const {
    sd_bus_message_open_container(message, 'v', "a(sb)");
    sd_bus_message_open_container(message, 'a', "(sb)");
    for (const auto& path : files.paths) {
      sd_bus_message_append(message, "(sb)", path.c_str(), 0);
    }
    sd_bus_message_close_container(message);
    return sd_bus_message_close_container(message);
  }
  int operator()(const core::Command& command) const {
    const bool is_plain = command.flags.empty();
    sd_bus_message_open_container(message, 'v', is_plain ? "a(sasb)" : "a(sasas)");
    sd_bus_message_open_container(message, 'a', is_plain ? "(sasb)" : "(sasas)");
    sd_bus_message_open_container(message, 'r', is_plain ? "sasb" : "sasas");
    sd_bus_message_append(message, "s", command.program.c_str());
    strings(command.argv);
    if (is_plain) {
      sd_bus_message_append(message, "b", 0);  // its failure counts
    } else {
      strings(command.flags);
    }
    sd_bus_message_close_container(message);
    sd_bus_message_close_container(message);
    return sd_bus_message_close_container(message);
  }
};

}  // namespace

int append_unit(sd_bus_message* message, const core::UnitSpec& spec) {
  sd_bus_message_append(message, "ss", spec.name.c_str(), "fail");
  sd_bus_message_open_container(message, 'a', "(sv)");
  for (const auto& property : spec.properties) {
    sd_bus_message_open_container(message, 'r', "sv");
    sd_bus_message_append(message, "s", property.name.c_str());
    std::visit(Appender{message}, property.value);
    sd_bus_message_close_container(message);
  }
  sd_bus_message_close_container(message);
  return sd_bus_message_append(message, "a(sa(sv))", 0);
}

}  // namespace agp::os
