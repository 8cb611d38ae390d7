#pragma once

#include "cli/cleanup.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/system/errc.hpp>

namespace agp::cli {

/// A machine with whatever is put into it: programs do what they are known for.
class FakeMachine final : public CleanupMachine {
 public:
  static constexpr const char* kHelper = "/usr/libexec/antigravity-proxy/antigravity-proxy-helper";

  bool is_root_user = true;
  std::set<std::string> paths{"/usr/bin/systemctl",
                              "/run/systemd/system",
                              kHelper,
                              "/usr/sbin/iptables-nft-save",
                              "/usr/sbin/iptables-legacy-save",
                              "/usr/sbin/ip6tables-nft-save",
                              "/usr/sbin/ip6tables-legacy-save"};
  std::vector<std::string> units;
  std::set<std::string> unstoppable;
  std::map<std::string, std::string> saved;  // by variant, as "/usr/sbin/iptables-nft"
  bool table = false;
  bool table_is_held = false;  // by a process that nobody stops
  bool has_service_manager = true;
  bool helper_works = true;

  /// Each command line with its input behind " < ".
  std::vector<std::string> ran;

  [[nodiscard]] bool did(const std::string& start) const {
    return std::any_of(ran.begin(), ran.end(),
                       [&start](const auto& line) { return line.starts_with(start); });
  }

  bool is_root() override { return is_root_user; }
  bool exists(const std::string& path) override { return paths.contains(path); }
  Result<> remove(const std::string& path) override {
    paths.erase(path);
    return {};
  }

  bool has_table() override { return table; }
  Result<> remove_table() override {
    if (table_is_held) {
      return Error(make_error_code(boost::system::errc::operation_not_permitted), "nf_tables");
    }
    table = false;
    return {};
  }

  Result<Ran> run(const std::string& program,
                  const std::vector<std::string>& arguments,
                  std::string_view input,
                  std::chrono::seconds /*limit*/) override {
    std::string line = program;
    for (const auto& argument : arguments) {
      line += " " + argument;
    }
    ran.push_back(line + (input.empty() ? "" : " < " + std::string(input)));
    if (program.ends_with("systemctl")) {
      return systemctl(arguments);
    }
    if (program == kHelper) {
      return helper_works ? release() : Ran{1, "", "the bus is gone\n"};
    }
    if (program.ends_with("-save")) {
      return Ran{0, saved[program.substr(0, program.size() - 5)], ""};
    }
    if (program.ends_with("-restore")) {
      saved.erase(program.substr(0, program.size() - 8));
      return Ran{0, "", ""};
    }
    return Error(make_error_code(boost::system::errc::no_such_file_or_directory), program);
  }

 private:
  Ran systemctl(const std::vector<std::string>& arguments) {
    if (!has_service_manager) {
      return {1, "", "Failed to connect to bus: Connection refused\n"};
    }
    std::string listed;
    for (const auto& unit : units) {
      listed += unit + " loaded active running A unit\n";
    }
    if (arguments.front() == "list-units") {
      return {0, listed, ""};
    }
    if (arguments.front() == "stop") {
      const auto stops = [&arguments](const char* unit) {
        return std::find(arguments.begin(), arguments.end(), unit) != arguments.end();
      };
      // What the helper holds ends with its unit.
      table = table && (table_is_held || !stops("antigravity-proxy-helper.service"));
      std::erase_if(units, [&](const auto& unit) {
        return !unstoppable.contains(unit) &&
               std::find(arguments.begin(), arguments.end(), unit) != arguments.end();
      });
    }
    return {0, "", ""};
  }

  // What a whole installation does: its own variant of iptables, and its directory.
  Ran release() {
    saved.erase("/usr/sbin/iptables-nft");
    saved.erase("/usr/sbin/ip6tables-nft");
    paths.erase("/run/antigravity-proxy-helper");
    return {0, "", ""};
  }
};

}  // namespace agp::cli
