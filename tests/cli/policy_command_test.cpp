#include "cli/command.h"
#include "tests/cli/fake_daemon.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace agp::cli {
namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* kPolicyYaml = R"(unnamed: block
hosts:
  - {match: llm.example, action: inspect, on_client_refusal: {tunnel_after: 3}}
  - {match: bad.example, action: block}
http:
  - match: llm.example
    rules:
      - {methods: [POST], path: "/v1/files*", action: block, reason: no uploads}
    headers: [{direction: request, set: X-Key, value: s3cret}]
    accept_encoding: decodable
    request: {system_instruction: {add: hidden words}, map_model: [{from: big, to: small}]}
)";

class PolicyCommand : public ::testing::Test {
 protected:
  PolicyCommand() {
    std::string name = ::testing::TempDir() + "agp-cli-policy-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    write("proxy.yaml", "");
    write("policy.yaml", kPolicyYaml);
  }
  ~PolicyCommand() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  Output run_words(std::vector<std::string> words) { return run(words, daemon_, false); }
  /// With the files of the test instead of a daemon.
  Output run_files(std::vector<std::string> words) {
    words.insert(words.end(), {"--config", (folder_ / "proxy.yaml").string()});
    return run_words(std::move(words));
  }

  std::filesystem::path folder_;
  FakeDaemon daemon_;
};

TEST_F(PolicyCommand, CheckNamesTheRuleThatBlocks) {
  const auto output = run_files({"policy", "check", "llm.example", "POST", "/v1/fil%65s"});
  EXPECT_EQ(output.exit, Exit::failed);
  EXPECT_TRUE(has(output.out, "llm.example: inspect  (policy.yaml:3)\n")) << output.out;
  EXPECT_TRUE(has(output.out, "tunnelled after 3 refusals")) << output.out;
  EXPECT_TRUE(has(output.out, "relayed by rewriting")) << output.out;
  EXPECT_TRUE(has(output.out, "POST /v1/fil%65s: blocked: no uploads  (policy.yaml:8)\n"))
      << output.out;
}

TEST_F(PolicyCommand, CheckSaysWhatIsChangedWithoutShowingSecrets) {
  const auto output = run_files({"policy", "check", "llm.example", "GET", "/v1/models"});
  EXPECT_EQ(output.exit, Exit::ok);
  for (const auto* part :
       {"request header x-key is set  (policy.yaml:9)", "Accept-Encoding is limited",
        "REQUEST RULE: the system instruction is added to, 12 octets  (policy.yaml:11)",
        "REQUEST RULE: model big becomes small  (policy.yaml:11)",
        "GET /v1/models: allowed, no rule matches"}) {
    EXPECT_TRUE(has(output.out, part)) << part << "\n" << output.out;
  }
  for (const auto* json : {"", "--json"}) {
    std::vector<std::string> words = {"policy", "show"};
    if (*json != '\0') {
      words.emplace_back(json);
    }
    const auto shown = run_files(words);
    EXPECT_EQ(shown.exit, Exit::ok);
    EXPECT_FALSE(has(shown.out, "s3cret")) << shown.out;
    EXPECT_FALSE(has(shown.out, "hidden words")) << shown.out;
  }
}

TEST_F(PolicyCommand, CheckOfAHostAlone) {
  EXPECT_EQ(run_files({"policy", "check", "bad.example"}).exit, Exit::failed);
  EXPECT_EQ(run_files({"policy", "check", "-"}).exit, Exit::failed);
  EXPECT_EQ(run_files({"policy", "check", "192.0.2.1"}).exit, Exit::failed);
  const auto other = run_files({"policy", "check", "other.example", "GET", "/"});
  EXPECT_EQ(other.exit, Exit::ok);
  EXPECT_TRUE(has(other.out, "other.example: tunnel  (built-in)\nGET /: passes unseen\n"))
      << other.out;
  const auto blocked = run_files({"policy", "check", "bad.example", "GET", "/"});
  EXPECT_EQ(blocked.exit, Exit::failed);
  EXPECT_TRUE(has(blocked.out, "GET /: blocked with its connection")) << blocked.out;
}

TEST_F(PolicyCommand, JsonIsOneDocument) {
  const auto output = run_files({"policy", "check", "llm.example", "POST", "/v1/files", "--json"});
  EXPECT_EQ(output.exit, Exit::failed);
  for (const auto* part :
       {"\"schema\":\"antigravity-proxy.policy-check.v1\"", "\"action\":\"inspect\"",
        "\"where\":\"policy.yaml:8\"", "\"reason\":\"no uploads\"", "\"allowed\":false",
        "\"rewriting\":true"}) {
    EXPECT_TRUE(has(output.out, part)) << part << "\n" << output.out;
  }
}

TEST_F(PolicyCommand, ShowListsEverythingWithItsPlace) {
  const auto output = run_files({"policy", "show"});
  EXPECT_EQ(output.exit, Exit::ok);
  for (const auto* part : {"default: tunnel  (built-in)\n", "unnamed: block  (policy.yaml:1)\n",
                           "  inspect api.openai.com  (built-in)\n",
                           "  inspect llm.example, tunnelled after 3 refusals  (policy.yaml:3)\n",
                           "    block POST /v1/files*: no uploads  (policy.yaml:8)\n"}) {
    EXPECT_TRUE(has(output.out, part)) << part << "\n" << output.out;
  }
}

TEST_F(PolicyCommand, TheDaemonIsAskedWhenItIsThere) {
  daemon_.check_answer =
      R"({"schema":"antigravity-proxy.policy-check.v1","host":"a.example","action":"tunnel",)"
      R"("where":"policy.yaml:2","request":null,"allowed":true})";
  const auto output = run_words({"policy", "check", "a.example", "GET", "/x"});
  EXPECT_EQ(output.exit, Exit::ok);
  EXPECT_EQ(output.out, "a.example: tunnel  (policy.yaml:2)\n");
  EXPECT_EQ(daemon_.checked, (std::vector<std::string>{"a.example", "GET", "/x"}));
}

TEST_F(PolicyCommand, WithoutADaemonTheFilesAnswerAndThatIsSaid) {
  daemon_.policy_answer = Failure{Exit::not_active, "not_active", "not running", "start it"};
  const auto output = run_words({"policy", "show"});
  EXPECT_TRUE(has(output.err, "this is what the files say")) << output.err;
}

TEST_F(PolicyCommand, ARefusalIsNoReasonToReadTheFiles) {
  daemon_.policy_answer = Failure{Exit::refused, "refused", "no access", ""};
  const auto output = run_words({"policy", "show"});
  EXPECT_EQ(output.exit, Exit::refused);
  EXPECT_EQ(output.out, "");
}

TEST_F(PolicyCommand, FaultyFilesAreBadData) {
  write("policy.yaml", "hosts: [{match: x.example}]\nfoo: 1\n");
  const auto shown = run_files({"policy", "show"});
  EXPECT_EQ(shown.exit, Exit::data);
  EXPECT_TRUE(has(shown.err, "hosts[0].action: is required")) << shown.err;
  EXPECT_TRUE(has(shown.err, "foo: unknown key")) << shown.err;
  const auto checked = run_files({"config", "check"});
  EXPECT_EQ(checked.exit, Exit::data);
  EXPECT_TRUE(has(checked.out, "foo: unknown key")) << checked.out;
  EXPECT_TRUE(has(run_files({"config", "check", "--json"}).out, "\"valid\":false"));
}

TEST_F(PolicyCommand, AValidConfigurationIsSaidToBe) {
  const auto output = run_files({"config", "check"});
  EXPECT_EQ(output.exit, Exit::ok);
  EXPECT_EQ(output.out, "configuration is valid\n");
}

TEST_F(PolicyCommand, FilesThatTheServiceDoesNotSeeAreWarnedOf) {
  write("proxy.yaml",
        "upstream:\n  extra_ca_file: /home/dev/ca.pem\n"
        "api:\n  keys_file: /etc/antigravity-proxy/keys\n");
  const auto output = run_files({"config", "check"});
  EXPECT_EQ(output.exit, Exit::ok);
  EXPECT_TRUE(has(output.out, "upstream.extra_ca_file: /home/dev/ca.pem is out of the service's"))
      << output.out;
  EXPECT_FALSE(has(output.out, "keys_file")) << output.out;
}

TEST_F(PolicyCommand, AReloadShowsTheNewGenerationOrTheFaults) {
  daemon_.reload_answer =
      R"({"schema":"antigravity-proxy.policy-reload.v1","reloaded":true,"generation":4,)"
      R"("faults":[],"warnings":["w"],"takes_effect_at_restart":["workers"]})";
  const auto good = run_words({"policy", "reload"});
  EXPECT_EQ(good.exit, Exit::ok);
  EXPECT_EQ(good.out, "policy 4 loaded\nWarning: w\nTakes effect at restart: workers\n");
  daemon_.reload_answer =
      R"({"schema":"antigravity-proxy.policy-reload.v1","reloaded":false,"generation":4,)"
      R"("faults":["policy.yaml:1:1: foo: unknown key"]})";
  const auto bad = run_words({"policy", "reload"});
  EXPECT_EQ(bad.exit, Exit::data);
  EXPECT_EQ(bad.out,
            "Fault: policy.yaml:1:1: foo: unknown key\npolicy 4 stays; nothing was changed\n");
}

TEST_F(PolicyCommand, WrongLinesAreNamed) {
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"policy"},
                                             {"policy", "frobnicate"},
                                             {"policy", "check"},
                                             {"policy", "check", "a", "GET"},
                                             {"policy", "show", "x"},
                                             {"policy", "reload", "--offline"},
                                             {"policy", "show", "--offline", "--offline"},
                                             {"policy", "show", "--colour"},
                                             {"policy", "show", "--config"},
                                             {"config"},
                                             {"config", "show"}}) {
    const auto output = run_words(words);
    EXPECT_EQ(output.exit, Exit::usage) << words.back();
    EXPECT_TRUE(has(output.err, "see: antigravity-proxy " + words[0])) << output.err;
  }
  EXPECT_TRUE(has(run_words({"policy", "--help"}).out, "policy check HOST"));
  EXPECT_TRUE(has(run_words({"config", "--help"}).out, "config check"));
}

TEST_F(PolicyCommand, AnAnswerOfAnotherKindIsNotGuessedAt) {
  daemon_.policy_answer = "{}";
  EXPECT_EQ(run_words({"policy", "show"}).exit, Exit::data);
  daemon_.policy_answer = "no json";
  EXPECT_EQ(run_words({"policy", "show", "--json"}).exit, Exit::data);
}

}  // namespace
}  // namespace agp::cli
