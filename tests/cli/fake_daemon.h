#pragma once

#include "cli/daemon_client.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

namespace agp::cli {

class FakeDaemon final : public Daemon {
 public:
  Answer<std::string> status() override { return status_answer; }
  Answer<std::string> usage(const std::map<std::string, std::string>& query) override {
    asked = query;
    return usage_answer;
  }
  Answer<std::string> records(const std::map<std::string, std::string>& query) override {
    asked = query;
    return records_answer;
  }
  Answer<std::uint64_t> export_records(const std::map<std::string, std::string>& query,
                                       int into) override {
    asked = query;
    const auto size = ::write(into, exported.data(), exported.size());
    if (size != static_cast<ssize_t>(exported.size())) {
      return Failure{Exit::failed, "cannot_write", "test", ""};
    }
    return export_answer;
  }
  Answer<std::string> quota() override { return quota_answer; }
  Answer<std::string> why(const std::map<std::string, std::string>& query) override {
    asked = query;
    return why_answer;
  }
  Answer<std::string> models() override { return models_answer; }
  Answer<std::string> sessions() override { return sessions_answer; }
  Answer<std::string> policy() override { return policy_answer; }
  Answer<std::string> check_policy(const std::string& host,
                                   const std::string& method,
                                   const std::string& path) override {
    checked = {host, method, path};
    return check_answer;
  }
  Answer<std::string> reload_policy() override { return reload_answer; }
  Answer<std::string> ide_patch_status() override { return ide_patch_answer; }
  Answer<std::string> change_ide_patch(IdePatchChange change) override {
    ide_patch_change = change;
    return ide_patch_answer;
  }
  Answer<std::string> language_server() override { return ordered("status"); }
  Answer<std::string> start_language_server() override { return ordered("start"); }
  Answer<std::string> stop_language_server() override { return ordered("stop"); }
  Answer<std::string> restart_language_server() override { return ordered("restart"); }

  Answer<std::string> capture() override { return capture_ordered("status"); }
  Answer<std::string> start_capture() override { return capture_ordered("on"); }
  Answer<std::string> stop_capture() override { return capture_ordered("off"); }
  Answer<std::string> ca() override { return ca_ordered("show"); }
  Answer<std::string> rotate_ca() override { return ca_ordered("rotate"); }

  Answer<std::string> status_answer = R"({"state":"ok","version":"1.0","problems":[]})";
  Answer<std::string> usage_answer =
      R"({"timezone":"UTC","since":null,"until":null,"totals":{"calls":0},"groups":[]})";
  Answer<std::string> records_answer = R"({"records":[],"next_cursor":null})";
  std::string exported;
  Answer<std::uint64_t> export_answer = std::uint64_t{0};
  Answer<std::string> quota_answer = R"({"state":"current","problem":null,"models":[]})";
  Answer<std::string> models_answer = R"({"object":"list","data":[]})";
  Answer<std::string> why_answer = R"({"measured":{"calls":0},"quotas":[],"notes":[]})";
  Answer<std::string> sessions_answer = R"({"sessions":[]})";
  Answer<std::string> policy_answer;
  Answer<std::string> check_answer;
  Answer<std::string> reload_answer;
  Answer<std::string> ide_patch_answer = R"({"changed":false,"files":[]})";
  std::optional<IdePatchChange> ide_patch_change;
  Answer<std::string> server_answer;
  Answer<std::string> capture_answer;
  Answer<std::string> ca_answer;
  std::vector<std::string> orders;
  std::map<std::string, std::string> asked;
  std::vector<std::string> checked;

 private:
  Answer<std::string> ordered(const std::string& order) {
    orders.push_back(order);
    return server_answer;
  }
  Answer<std::string> ca_ordered(const std::string& order) {
    orders.push_back(order);
    return ca_answer;
  }
  Answer<std::string> capture_ordered(const std::string& order) {
    orders.push_back(order);
    return capture_answer;
  }
};

}  // namespace agp::cli
