#include "daemon/config/policy_files.h"

#include "config_folder.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <sys/stat.h>

namespace agp::daemon_config {
namespace {

using policy::Action;
using policy::HeaderEdit;
using policy::SystemInstruction;

using Policy = ConfigFolder;

constexpr const char* kPolicy = R"(
unnamed: block
hosts:
  - match: llm.example
    action: inspect
    on_client_refusal: {tunnel_after: 3}
  - {match: "*.corp.example", action: inspect}
http:
  - match: llm.example
    rules:
      - {methods: [GET, HEAD], path: /v1/models, action: allow}
      - {path: "/v1/*", action: block, reason: not at work}
    headers:
      - {direction: request, set: X-Team, value: "blue team"}
      - {direction: response, remove: server}
    accept_encoding: decodable
    request:
      system_instruction: {add: Answer in English.}
      map_model:
        - {from: big, to: small}
)";

TEST_F(Policy, EveryKeyHasItsEffectAndItsPlace) {
  write("policy.yaml", kPolicy);
  const auto config = read();
  ASSERT_TRUE(config) << config.error().text();
  const auto& policy = *config->policy;
  EXPECT_EQ(policy.decide(std::nullopt),
            (policy::Decision{Action::block, false, 0, "policy.yaml:2"}));
  EXPECT_EQ(policy.decide("llm.example"),
            (policy::Decision{Action::inspect, true, 3, "policy.yaml:4"}));
  EXPECT_EQ(policy.decide("a.corp.example"),
            (policy::Decision{Action::inspect, false, 0, "policy.yaml:7"}));
  EXPECT_EQ(policy.decide("api.openai.com").where, policy::kBuiltIn);
  EXPECT_EQ(policy.check("llm.example", "GET", "/v1/models"),
            (policy::HttpVerdict{true, "", "policy.yaml:11"}));
  EXPECT_EQ(policy.check("llm.example", "POST", "/v1/models"),
            (policy::HttpVerdict{false, "not at work", "policy.yaml:12"}));
  const auto* edits = policy.edits("llm.example");
  ASSERT_NE(edits, nullptr);
  const std::vector<HeaderEdit> headers = {
      {HeaderEdit::Direction::request, HeaderEdit::Op::set, "x-team", "blue team",
       "policy.yaml:14"},
      {HeaderEdit::Direction::response, HeaderEdit::Op::remove, "server", "", "policy.yaml:15"}};
  EXPECT_EQ(edits->headers, headers);
  EXPECT_TRUE(edits->limit_accept_encoding);
  EXPECT_EQ(edits->limit_accept_encoding_where, "policy.yaml:16");
  EXPECT_EQ(edits->system_instruction, (SystemInstruction{SystemInstruction::Mode::add,
                                                          "Answer in English.", "policy.yaml:18"}));
  EXPECT_EQ(edits->map_model, (std::vector<policy::ModelMap>{{"big", "small", "policy.yaml:20"}}));
}

TEST_F(Policy, NothingIsRewrittenWithoutASpecialRequest) {
  const auto config = read();
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->policy->parts().http.empty());
  for (const auto& rule : config->policy->parts().hosts) {
    EXPECT_EQ(rule.tunnel_after_refusals, 0U);
  }
}

TEST_F(Policy, TheManualsKnowEveryKeyAndWhatItIsAbout) {
  const auto plain = [](std::string text) {
    text.erase(std::remove(text.begin(), text.end(), '\\'), text.end());
    return text;
  };
  const auto expect_rows = [&](const char* name, const std::vector<config::Row>& rows) {
    std::ifstream file(name);
    ASSERT_TRUE(file) << name;
    const auto manual = plain(std::string(std::istreambuf_iterator<char>(file), {}));
    for (const auto& row : rows) {
      const auto at = manual.find("\n.TP\n.B " + row.key + "\n");
      ASSERT_NE(at, std::string::npos) << row.key;
      const auto entry = manual.substr(at, manual.find("\n.", manual.find(".br\n", at) + 4) - at);
      EXPECT_NE(entry.find(row.about), std::string::npos) << row.key;
      EXPECT_NE(entry.find(row.fallback), std::string::npos) << row.key;
      EXPECT_NE(entry.find(row.range), std::string::npos) << row.key;
    }
  };
  expect_rows(AGP_POLICY_MANUAL, corp_rows());
  expect_rows(AGP_PROXY_MANUAL, proxy_rows());
}

TEST_F(Policy, UnnamedFollowsTheDefaultUnlessItIsSet) {
  write("policy.yaml", "default: block\n");
  EXPECT_EQ(read()->policy->decide(std::nullopt).action, Action::block);
  write("policy.yaml", "default: block\nunnamed: tunnel\n");
  EXPECT_EQ(read()->policy->decide(std::nullopt).action, Action::tunnel);
}

TEST_F(Policy, MethodsMayBeOneWord) {
  write("policy.yaml",
        "http: [{match: api.openai.com, rules: [{methods: any, path: /a, action: block}, "
        "{methods: POST, path: /b, action: block}]}]\n");
  const auto config = read();
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_FALSE(config->policy->check("api.openai.com", "X", "/a").allowed);
  EXPECT_FALSE(config->policy->check("api.openai.com", "POST", "/b").allowed);
  EXPECT_TRUE(config->policy->check("api.openai.com", "GET", "/b").allowed);
}

TEST_F(Policy, EveryFaultIsReportedWithItsPlaceAndNoValueOfAHeader) {
  write("policy.yaml", R"(
unnamed: inspect
hosts:
  - {match: a.example, action: tunnel, on_client_refusal: {tunnel_after: 2}}
http:
  - match: api.openai.com
    rules:
      - {methods: [any, GET], path: /a, action: allow}
      - {methods: ["G T"], path: "/a?b", action: block}
      - {path: /a/../b, action: block, reason: "two\nlines"}
    headers:
      - {direction: request, set: Host, value: x}
      - {direction: request, set: x-key, value: "secret\n"}
      - {direction: request}
      - {direction: response, set: x-key}
      - {direction: response, remove: "transfer-encoding"}
    request:
      system_instruction: {add: a, replace: b}
      map_model: [{from: a, to: b}, {from: a, to: c}, {from: "*", to: "*"}]
  - match: api.openai.com
)");
  const auto text = faults();
  for (const auto* part :
       {"policy.yaml:2:10: unnamed: cannot be inspect",
        "policy.yaml:4:74: hosts[0].on_client_refusal.tunnel_after: has a meaning",
        "policy.yaml:8:19: http[0].rules[0].methods: expected any alone",
        "policy.yaml:9:20: http[0].rules[1].methods[0]: expected a request method",
        "policy.yaml:9:34: http[0].rules[1].path: expected a path",
        "policy.yaml:10:16: http[0].rules[2].path: expected a path",
        "policy.yaml:10:48: http[0].rules[2].reason: expected one line",
        "policy.yaml:12:35: http[0].headers[0].set: \"Host\" frames",
        "policy.yaml:13:49: http[0].headers[1].value: expected one line of plain ASCII",
        "policy.yaml:14:9: http[0].headers[2]: expected one of set and remove",
        "policy.yaml:15:9: http[0].headers[3]: set needs a value",
        "policy.yaml:16:39: http[0].headers[4].remove: \"transfer-encoding\" frames",
        "policy.yaml:18:45: http[0].request.system_instruction.replace: add and replace",
        "policy.yaml:19:44: http[0].request.map_model[1].from: this model is already mapped in "
        "policy.yaml:19",
        "http[0].request.map_model[2].to: expected the name of one model",
        "policy.yaml:20:12: http[1].match: already has an element in policy.yaml:6"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_EQ(text.find("secret"), std::string::npos);
}

TEST_F(Policy, OnlyInspectedHostsCanHaveRules) {
  const auto with = [&](const std::string& hosts, const std::string& match) {
    write("policy.yaml", "hosts: [" + hosts + "]\nhttp: [{match: \"" + match +
                             "\", accept_encoding: decodable}]\n");
    return faults();
  };
  EXPECT_EQ(with("", "api.openai.com"), "");
  EXPECT_EQ(with("", "*-aiplatform.googleapis.com"), "");
  EXPECT_EQ(with("{match: '*.a.example', action: inspect}", "*.a.example"), "");
  EXPECT_NE(with("", "other.example"), "");
  EXPECT_NE(with("", "*.googleapis.com"), "");
  EXPECT_NE(with("{match: api.openai.com, action: tunnel}", "api.openai.com"), "");
  EXPECT_NE(with("{match: other.example, action: block}", "other.example")
                .find("policy.yaml:2:16: http[0].match: not all of its hosts are inspected"),
            std::string::npos);
}

TEST_F(Policy, AFaultyProxyFileCausesNoOtherFaults) {
  write("proxy.yaml", "capture: {inspect: [llm.example], mode: 7}\n");
  write("policy.yaml", "http: [{match: llm.example, accept_encoding: decodable}]\n");
  EXPECT_EQ(faults().find("policy.yaml"), std::string::npos) << faults();
}

// --- corp.yaml ------------------------------------------------------------------------------

TEST_F(Policy, CorpWinsFieldByField) {
  write("policy.yaml", kPolicy);
  write("corp.yaml", R"(
default: block
hosts:
  - {match: llm.example, action: inspect}
  - {match: "*.corp.example", action: block}
  - {match: new.example, action: inspect}
http:
  - match: llm.example
    headers: []
    request: {system_instruction: {replace: Be brief.}}
  - {match: new.example, accept_encoding: decodable}
)");
  const auto config = read();
  ASSERT_TRUE(config) << config.error().text();
  const auto& policy = *config->policy;
  EXPECT_EQ(policy.decide("x.example"), (policy::Decision{Action::block, false, 0, "corp.yaml:2"}));
  EXPECT_EQ(policy.decide(std::nullopt).where, "policy.yaml:2");
  EXPECT_EQ(policy.decide("llm.example"),
            (policy::Decision{Action::inspect, true, 3, "corp.yaml:4"}))
      << "what corp.yaml leaves open comes from policy.yaml";
  EXPECT_EQ(policy.decide("a.corp.example").action, Action::block);
  EXPECT_EQ(policy.decide("new.example"),
            (policy::Decision{Action::inspect, true, 0, "corp.yaml:6"}));
  EXPECT_EQ(policy.check("llm.example", "POST", "/v1/models").where, "policy.yaml:12");
  const auto* edits = policy.edits("llm.example");
  ASSERT_NE(edits, nullptr);
  EXPECT_TRUE(edits->headers.empty());
  EXPECT_TRUE(edits->limit_accept_encoding);
  EXPECT_EQ(edits->system_instruction->where, "corp.yaml:10");
  EXPECT_EQ(edits->system_instruction->mode, SystemInstruction::Mode::replace);
  EXPECT_EQ(edits->map_model.size(), 1U);
  EXPECT_TRUE(config->warnings.empty());
}

struct Locked {
  const char* key;
  const char* warning;  // the key of policy.yaml in it
};

class PolicyLock : public ConfigFolder, public ::testing::WithParamInterface<Locked> {};

TEST_P(PolicyLock, IsIgnoredInPolicyWithAWarningThatNamesBothPlaces) {
  write("policy.yaml", std::string("default: block\n") + kPolicy);
  // Where the hosts are locked, rules for them have to go as well.
  write("proxy.yaml", "capture: {inspect: [llm.example]}\n");
  write("corp.yaml", std::string("\nlock: [") + GetParam().key + "]\n");
  const auto config = read();
  ASSERT_TRUE(config) << config.error().text();
  ASSERT_FALSE(config->warnings.empty());
  const auto& warning = config->warnings.front();
  EXPECT_TRUE(warning.starts_with("policy.yaml:")) << warning;
  EXPECT_NE(warning.find(std::string(": ") + GetParam().warning + " is ignored"), std::string::npos)
      << warning;
  EXPECT_TRUE(warning.ends_with("it is locked by corp.yaml:2")) << warning;
  EXPECT_EQ(config->locked, std::vector<std::string>{GetParam().key});

  const auto& policy = *config->policy;
  const std::string key = GetParam().key;
  const auto* entry = policy.http_entry("llm.example");
  EXPECT_EQ(policy.decide("x.example").action == Action::tunnel, key == "default");
  EXPECT_EQ(policy.decide(std::nullopt).where == "policy.yaml:1", key == "unnamed");
  EXPECT_EQ(policy.decide("a.corp.example").action == Action::inspect, key != "hosts");
  EXPECT_EQ(entry == nullptr, key == "http");
  if (entry != nullptr) {
    EXPECT_EQ(entry->rules.empty(), key == "http.rules");
    EXPECT_EQ(entry->edits.headers.empty(), key == "http.headers");
    EXPECT_EQ(entry->edits.limit_accept_encoding, key != "http.accept_encoding");
    EXPECT_EQ(entry->edits.has_request_rules(), key != "http.request");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Keys,
    PolicyLock,
    ::testing::Values(Locked{"default", "default"},
                      Locked{"unnamed", "unnamed"},
                      Locked{"hosts", "hosts"},
                      Locked{"http", "http"},
                      Locked{"http.rules", "http[0].rules"},
                      Locked{"http.headers", "http[0].headers"},
                      Locked{"http.accept_encoding", "http[0].accept_encoding"},
                      Locked{"http.request", "http[0].request.system_instruction.add"}));

TEST_F(Policy, CorpItselfMaySetWhatItLocks) {
  write("policy.yaml",
        "default: tunnel\nhttp: [{match: api.openai.com, headers: [{direction: "
        "request, set: x-a, value: user}]}]\n");
  write("corp.yaml",
        "default: block\nlock: [default, http.headers]\nhttp: [{match: "
        "api.openai.com, headers: [{direction: request, set: x-a, value: corp}]}]\n");
  const auto config = read();
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->policy->decide("x.example").where, "corp.yaml:1");
  EXPECT_EQ(config->policy->edits("api.openai.com")->headers.at(0).value, "corp");
  EXPECT_EQ(config->warnings.size(), 2U);
}

TEST_F(Policy, ALockThatNothingHitsIsSilent) {
  write("corp.yaml", "lock: [default, hosts, http]\n");
  const auto config = read();
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->warnings.empty());
}

TEST_F(Policy, OnlyKnownKeysCanBeLockedAndOnlyByCorp) {
  write("corp.yaml", "lock: [capture.inspect]\n");
  EXPECT_NE(faults().find("corp.yaml:1:8: lock[0]: expected one of default"), std::string::npos);
  write("corp.yaml", "");
  write("policy.yaml", "lock: [hosts]\n");
  EXPECT_NE(faults().find("policy.yaml:1:1: lock: unknown key"), std::string::npos);
}

TEST_F(Policy, CorpMustBelongToRootAndBeWritableByNobodyElse) {
  write("corp.yaml", "default: block\n");
  corp_owner_ = ::geteuid() + 1;
  EXPECT_NE(faults().find("corp.yaml: must belong to uid"), std::string::npos) << faults();
  corp_owner_ = ::geteuid();
  for (const ::mode_t mode : {0664, 0646}) {
    ASSERT_EQ(::chmod((directory_ / "corp.yaml").c_str(), mode), 0);
    EXPECT_NE(faults().find("corp.yaml: must belong to uid"), std::string::npos) << faults();
  }
  ASSERT_EQ(::chmod((directory_ / "corp.yaml").c_str(), 0644), 0);
  EXPECT_EQ(faults(), "");
}

TEST_F(Policy, TheSameHoldsForDropInsOfCorp) {
  write("corp.yaml.d/10-all.yaml", "default: block\n");
  ASSERT_EQ(::chmod((directory_ / "corp.yaml.d/10-all.yaml").c_str(), 0644), 0);
  const auto config = read();
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->policy->decide("x.example").where, "corp.yaml.d/10-all.yaml:1");
  ASSERT_EQ(::chmod((directory_ / "corp.yaml.d/10-all.yaml").c_str(), 0666), 0);
  EXPECT_NE(faults(), "");
}

}  // namespace
}  // namespace agp::daemon_config
