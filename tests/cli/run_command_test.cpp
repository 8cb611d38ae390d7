#include "cli/run_command.h"

#include "tests/cli/fake_daemon.h"

#include <cerrno>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

constexpr char kBundle[] = "/run/antigravity-proxy-helper/ca-bundle.pem";

class FakeHost final : public RunHost {
 public:
  uid_t uid() const override { return own_uid; }
  std::optional<RunUser> user_named(const std::string& name) const override {
    return name == "ci" ? std::optional(RunUser{1234, 1234, "ci", "/home/ci", "/bin/sh"})
                        : std::nullopt;
  }
  std::string fresh_id() override { return std::string(32, 'a'); }
  std::optional<Failure> enter_scope(const std::string& id, uid_t user) override {
    steps.push_back("scope " + id + " " + std::to_string(user));
    return scope_failure;
  }
  Answer<std::string> capture_scope(const std::string& id, uid_t user) override {
    steps.push_back("capture " + id + " " + std::to_string(user));
    return captured;
  }
  std::optional<std::string> environment(const std::string& name) const override {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  }
  void set_environment(const std::string& name, const std::string& value) override {
    variables[name] = value;
  }
  std::optional<Failure> become(const RunUser& user) override {
    steps.push_back("become " + user.name);
    return become_failure;
  }
  void say(const std::string& text) override { said += text; }
  int execute(const std::vector<std::string>& command) override {
    executed = command;
    steps.push_back("execute");
    return ENOENT;  // the real one does not come back
  }

  uid_t own_uid = 1000;
  std::vector<std::string> steps;
  std::vector<std::string> executed;
  std::map<std::string, std::string> variables;
  std::string said;
  std::optional<Failure> scope_failure;
  std::optional<Failure> become_failure;
  Answer<std::string> captured = std::string(kBundle);
};

class RunCommand : public ::testing::Test {
 protected:
  Output go(const std::vector<std::string>& words) {
    return run_program(parse_line(words), daemon, host);
  }
  void SetUp() override {
    daemon.status_answer = R"({"capture":{"mode":"service","active":true}})";
  }

  const std::string id = std::string(32, 'a');
  FakeDaemon daemon;
  FakeHost host;
};

TEST_F(RunCommand, CapturesBeforeItBecomesTheProgram) {
  (void)go({"run", "--", "curl", "--json", "--", "-h"});
  EXPECT_EQ(host.steps, (std::vector<std::string>{"scope " + id + " 1000",
                                                  "capture " + id + " 1000", "execute"}));
  EXPECT_EQ(host.executed, (std::vector<std::string>{"curl", "--json", "--", "-h"}));
  for (const char* name : {"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE",
                           "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "DENO_CERT"}) {
    EXPECT_EQ(host.variables[name], kBundle) << name;
  }
  EXPECT_EQ(host.variables["SSL_CERT_DIR"], "/dev/null");
  EXPECT_EQ(host.variables.size(), 7U);
  EXPECT_EQ(host.said, "");
}

TEST_F(RunCommand, TheFirstWordIsTheProgramAndItsOptionsAreItsOwn) {
  (void)go({"run", "env", "--help", "--user"});
  EXPECT_EQ(host.executed, (std::vector<std::string>{"env", "--help", "--user"}));
  (void)go({"run", "--unmetered-ok", "--", "--odd-name"});
  EXPECT_EQ(host.executed, (std::vector<std::string>{"--odd-name"}));
}

TEST_F(RunCommand, SaysWhatItReplacesInTheEnvironment) {
  host.variables["NODE_EXTRA_CA_CERTS"] = "/etc/company.pem";
  host.variables["CURL_CA_BUNDLE"] = "";
  host.variables["DENO_CERT"] = kBundle;  // of a run around this one
  (void)go({"run", "true"});
  EXPECT_EQ(host.said,
            "antigravity-proxy: replaced in the environment of the program: NODE_EXTRA_CA_CERTS\n");
}

TEST_F(RunCommand, AProgramThatIsNotThereEndsAsInAShell) {
  const auto output = go({"run", "no-such-program"});
  EXPECT_EQ(output.exit, Exit::not_found);
  EXPECT_NE(output.err.find("no-such-program: No such file"), std::string::npos);
}

TEST_F(RunCommand, NothingIsStartedUnmetered) {
  const Failure failure{Exit::refused, "refused", "not allowed", "ask somebody"};
  for (int step = 0; step < 4; ++step) {
    SCOPED_TRACE(step);
    FakeDaemon broken;
    FakeHost other;
    broken.status_answer = daemon.status_answer;
    if (step == 0) {
      broken.status_answer = Failure{Exit::not_active, "not_active", "not running", "start it"};
    } else if (step == 1) {
      broken.status_answer = R"({"capture":{"mode":"off","active":false}})";
    } else if (step == 2) {
      other.scope_failure = failure;
    } else {
      other.captured = failure;
    }
    const auto output = run_program(parse_line({"run", "true"}), broken, other);
    EXPECT_EQ(output.exit, step < 2 ? Exit::unavailable : Exit::refused);
    EXPECT_NE(output.err.find("not started"), std::string::npos);
    EXPECT_TRUE(other.executed.empty());
    EXPECT_TRUE(other.variables.empty());

    const auto anyway = run_program(parse_line({"run", "--unmetered-ok", "true"}), broken, other);
    EXPECT_EQ(other.executed, std::vector<std::string>{"true"});
    EXPECT_NE(other.said.find("unmetered"), std::string::npos);
    EXPECT_TRUE(other.variables.empty());
  }
}

TEST_F(RunCommand, FailuresAreOneDocumentWithJson) {
  daemon.status_answer = R"({"capture":{"mode":"off","active":false}})";
  const auto output = go({"--json", "run", "true"});
  EXPECT_EQ(output.exit, Exit::unavailable);
  EXPECT_TRUE(output.out.starts_with("{\"error\":")) << output.out;
  EXPECT_EQ(output.err, "");
}

TEST_F(RunCommand, RootRunsItForAnother) {
  host.own_uid = 0;
  (void)go({"run", "--user", "ci", "--", "make"});
  EXPECT_EQ(host.steps,
            (std::vector<std::string>{"scope " + id + " 1234", "capture " + id + " 1234",
                                      "become ci", "execute"}));
  EXPECT_EQ(host.variables["HOME"], "/home/ci");
  EXPECT_EQ(host.variables["USER"], "ci");
  EXPECT_EQ(go({"run", "--user=nobody-at-all", "make"}).exit, Exit::data);
}

TEST_F(RunCommand, WhoCannotBecomeTheUserStartsNothing) {
  host.own_uid = 0;
  host.become_failure = Failure{Exit::failed, "cannot_become", "no", ""};
  EXPECT_EQ(go({"run", "--user", "ci", "--", "make"}).exit, Exit::failed);
  EXPECT_TRUE(host.executed.empty());
}

TEST_F(RunCommand, OnlyRootNamesAUser) {
  EXPECT_EQ(go({"run", "--user", "ci", "--", "make"}).exit, Exit::refused);
  EXPECT_TRUE(host.steps.empty());
}

}  // namespace
}  // namespace agp::cli
