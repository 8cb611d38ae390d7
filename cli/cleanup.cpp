#include "cli/cleanup.h"

#include "helper/core/nft_rules.h"
#include "helper/core/redirect.h"

#include <algorithm>
#include <array>
#include <optional>

namespace agp::cli {
namespace {

using std::chrono::seconds;

constexpr const char* kHelper = "/usr/libexec/antigravity-proxy/antigravity-proxy-helper";
constexpr std::array kRuntimeDirectories{"/run/antigravity-proxy", "/run/antigravity-proxy-helper"};
constexpr const char* kService = "antigravity-proxy.service";

constexpr seconds kLook{15};
// Live streams may end first, then the language server: the unit's own limit.
constexpr seconds kStop{150};

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::string first_line(const std::string& text) {
  const auto lines = lines_of(text);
  return lines.empty() ? std::string() : lines.front();
}

/// One table of what iptables-save shows of all.
struct SavedTable {
  core::Table table;
  core::ObservedTable observed;
};

// Saved without naming a table: asking for a legacy table by its name would make it.
std::vector<SavedTable> tables_of(const std::string& saved) {
  std::vector<SavedTable> tables;
  for (const auto table : {core::Table::filter, core::Table::nat}) {
    const std::string head = "*" + std::string(core::to_string(table)) + "\n";
    const auto start = saved.starts_with(head) ? 0 : saved.find("\n" + head);
    if (start == std::string::npos) {
      continue;
    }
    auto observed = core::parse_save(
        std::string_view(saved).substr(start, saved.find("\nCOMMIT", start) - start));
    if (!observed.is_empty()) {
      tables.push_back({table, std::move(observed)});
    }
  }
  return tables;
}

/// The rules of one family in one of the two variants of iptables.
struct Rules {
  std::string program;  // "/usr/sbin/iptables-nft", to which "-save" and "-restore" are added
  SavedTable saved;

  [[nodiscard]] Trace trace() const {
    return {"rules", program.substr(program.rfind('/') + 1) + " " + core::to_string(saved.table)};
  }
};

class Cleanup {
 public:
  explicit Cleanup(CleanupMachine& machine) : machine_(machine) {}

  CleanupReport run(bool only_look) {
    CleanupReport report;
    report.found = look();
    if (!only_look) {
      stop_units();
      release();
      remove_rules();
      remove_table();
      remove_files();
      report.left = look();
      for (const auto& trace : report.found) {
        if (std::find(report.left.begin(), report.left.end(), trace) == report.left.end()) {
          report.removed.push_back(trace);
        }
      }
    }
    report.is_certain = !is_blind_;
    report.problems = problems_;
    return report;
  }

 private:
  // A look that fails twice is told once.
  void problem(const std::string& text) {
    if (std::find(problems_.begin(), problems_.end(), text) == problems_.end()) {
      problems_.push_back(text);
    }
  }

  std::optional<std::string> program(const std::string& name) {
    for (const char* place : {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/", "/usr/local/sbin/"}) {
      if (machine_.exists(place + name)) {
        return place + name;
      }
    }
    return std::nullopt;
  }

  // What a program wrote, when it could do what it was asked for.
  std::optional<std::string> ask(const std::string& path,
                                 const std::vector<std::string>& arguments,
                                 std::string_view input,
                                 seconds limit) {
    const auto ran = machine_.run(path, arguments, input, limit);
    if (!ran) {
      problem(ran.error().text());
      return std::nullopt;
    }
    if (ran->exit_status != 0) {
      problem(path + " failed with status " + std::to_string(ran->exit_status) + ": " +
              first_line(ran->diagnostics));
      return std::nullopt;
    }
    return ran->output;
  }

  std::optional<std::string> see(const std::string& path,
                                 const std::vector<std::string>& arguments) {
    auto seen = ask(path, arguments, {}, kLook);
    is_blind_ = is_blind_ || !seen;
    return seen;
  }

  std::vector<Trace> look() {
    is_blind_ = false;
    std::vector<Trace> traces;
    for (const auto& unit : units()) {
      traces.push_back({"unit", unit});
    }
    for (const auto& rules : rules()) {
      traces.push_back(rules.trace());
    }
    if (machine_.has_table()) {
      traces.push_back({"table", "inet " + std::string(core::nft::kTable)});
    }
    for (const char* path : kRuntimeDirectories) {
      if (machine_.exists(path)) {
        traces.push_back({"files", path});
      }
    }
    return traces;
  }

  // Root's systemctl asks the service manager itself, not the bus.
  std::vector<std::string> units() {
    const auto systemctl = program("systemctl");
    std::vector<std::string> found;
    if (!systemctl || !machine_.exists("/run/systemd/system")) {
      return found;
    }
    const auto listed =
        see(*systemctl, {"list-units", "--all", "--plain", "--no-legend", "--no-pager",
                         "--state=active,reloading,activating,deactivating,failed",
                         "antigravity-proxy*", "antigravity-ls-*.service"});
    for (const auto& line : lines_of(listed.value_or(""))) {
      if (const auto name = line.substr(0, line.find(' ')); !name.empty()) {
        found.push_back(name);
      }
    }
    return found;
  }

  void stop_units() {
    auto loaded = units();
    if (loaded.empty()) {
      return;
    }
    const auto systemctl = program("systemctl").value_or("");
    // The service goes first and takes the language server along; its sockets would start it again.
    (void)ask(
        systemctl,
        {"stop", kService, "antigravity-proxy-api.socket", "antigravity-proxy-intercept.socket",
         "antigravity-proxy-diagnosis.socket", "antigravity-proxy-finder.socket"},
        {}, kStop);
    std::vector<std::string> stop{"stop"};
    for (auto& unit : units()) {
      stop.push_back(std::move(unit));
    }
    if (stop.size() > 1) {
      (void)ask(systemctl, stop, {}, kStop);
    }
    // What failed is stopped already, and listed until it is forgotten.
    (void)machine_.run(systemctl,
                       {"reset-failed", "antigravity-proxy*", "antigravity-ls-*.service"}, {},
                       kLook);  // none that failed is no fault
  }

  // The helper's own way; what follows finds nothing then.
  void release() {
    if (!machine_.exists(kHelper)) {
      problem(std::string("the helper is not there (") + kHelper +
              "), so this command removed its rules and files by itself: install the package "
              "again, or purge it");
      return;
    }
    (void)ask(kHelper, {"--release"}, {}, kStop);
  }

  // Both variants, since somebody may have changed the alternative while rules were in place.
  std::vector<Rules> rules() {
    std::vector<Rules> found;
    for (const char* family : {"iptables", "ip6tables"}) {
      std::vector<std::string> variants;
      for (const char* variant : {"-nft", "-legacy"}) {
        if (const auto path = program(std::string(family) + variant + "-save")) {
          variants.push_back(path->substr(0, path->size() - 5));
        }
      }
      if (const auto path = program(std::string(family) + "-save"); variants.empty() && path) {
        variants.push_back(path->substr(0, path->size() - 5));
      }
      for (const auto& variant : variants) {
        const auto saved = see(variant + "-save", {});
        for (auto& table : tables_of(saved.value_or(""))) {
          found.push_back({variant, std::move(table)});
        }
      }
    }
    return found;
  }

  void remove_rules() {
    for (const auto& rules : rules()) {
      (void)ask(rules.program + "-restore", {"--noflush", "--wait", "5"},
                core::plan_remove(rules.saved.table, rules.saved.observed), kLook);
    }
  }

  // One with an owner has ended with the helper's unit; this is about one that has none any more.
  void remove_table() {
    if (!machine_.has_table()) {
      return;
    }
    if (const auto removed = machine_.remove_table(); !removed) {
      problem(removed.error().text() + ": the table inet " + std::string(core::nft::kTable) +
              " ends with the process that holds it");
    }
  }

  void remove_files() {
    for (const char* path : kRuntimeDirectories) {
      if (!machine_.exists(path)) {
        continue;
      }
      if (const auto removed = machine_.remove(path); !removed) {
        problem(removed.error().text());
      }
    }
  }

  CleanupMachine& machine_;
  std::vector<std::string> problems_;
  bool is_blind_ = false;
};

}  // namespace

CleanupReport clean_up(CleanupMachine& machine, bool only_look) {
  return Cleanup(machine).run(only_look);
}

}  // namespace agp::cli
