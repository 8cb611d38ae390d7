#pragma once

#include "cli/daemon_client.h"

#include <map>
#include <string>
#include <vector>

namespace agp::cli {

class FakeDaemon final : public Daemon {
 public:
  Answer<std::string> status() override { return status_answer; }
  Answer<std::string> usage(const std::map<std::string, std::string>& query) override {
    asked = query;
    return usage_answer;
  }
  Answer<std::string> policy() override { return policy_answer; }
  Answer<std::string> check_policy(const std::string& host,
                                   const std::string& method,
                                   const std::string& path) override {
    checked = {host, method, path};
    return check_answer;
  }
  Answer<std::string> reload_policy() override { return reload_answer; }

  Answer<std::string> status_answer = R"({"state":"ok","version":"1.0","problems":[]})";
  Answer<std::string> usage_answer =
      R"({"timezone":"UTC","since":null,"until":null,"totals":{"calls":0},"groups":[]})";
  Answer<std::string> policy_answer;
  Answer<std::string> check_answer;
  Answer<std::string> reload_answer;
  std::map<std::string, std::string> asked;
  std::vector<std::string> checked;
};

}  // namespace agp::cli
