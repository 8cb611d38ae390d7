#include "common/config/schema.h"

#include <gtest/gtest.h>

namespace agp::config {
namespace {

using namespace std::chrono_literals;

enum class Mode { service, off };

struct Rule {
  HostPattern match;
  Mode action = Mode::off;
};

struct Values {
  std::string name;
  bool is_on = false;
  std::uint64_t max_body = 0;
  std::chrono::milliseconds wait{};
  int workers = -1;
  Mode mode = Mode::off;
  std::optional<std::string> extra;
  std::optional<ProxyUrl> proxy;
  std::vector<std::string> words;
  std::vector<std::string> files;
  std::vector<HostPattern> hosts;
  std::vector<Network> networks;
  std::vector<Endpoint> endpoints;
  std::vector<Rule> rules;
};

const Choices<Mode> kModes = {{"service", Mode::service}, {"off", Mode::off}};

Schema schema_of(Values& values) {
  Schema schema;
  schema.text("user.name", &values.name, "auto", "Name.");
  schema.boolean("user.is_on", &values.is_on, true, "On.");
  schema.size("max_body", &values.max_body, "64KiB", 1, 1U << 20U, "Size.");
  schema.duration("limits.wait", &values.wait, "10s", 1s, 10min, "Wait.");
  schema.integer("workers", &values.workers, 0, 0, 64, "Workers.");
  schema.choice("capture.mode", &values.mode, "service", kModes, "Mode.");
  schema.path("upstream.extra", &values.extra, "Extra.");
  schema.proxy_url("upstream.proxy", &values.proxy, "Proxy.");
  schema.texts("words", &values.words, {}, "Words.");
  schema.paths("files", &values.files, {"/usr/bin/true"}, "Files.");
  schema.hosts("capture.inspect", &values.hosts, {"a.example", "*.b.example"}, "Hosts.");
  schema.networks("upstream.networks", &values.networks, {}, "Networks.");
  schema.endpoints("listen", &values.endpoints, {}, "Listen.");
  schema.objects<Rule>(
      "rules", &values.rules,
      [](Schema& element, Rule* rule) {
        element.host("match", &rule->match, "Match.");
        element.require();
        element.choice("action", &rule->action, "off", kModes, "Action.");
      },
      "Rules.");
  return schema;
}

std::string apply(Values& values, const std::vector<std::string>& files) {
  auto schema = schema_of(values);
  schema.set_defaults();
  Faults faults;
  int n = 0;
  for (const auto& text : files) {
    const auto document = parse(text, 'f' + std::to_string(++n), faults);
    faults.append(schema.apply(document));
  }
  return faults.text();
}

TEST(Schema, DefaultsComeFromTheTable) {
  Values values;
  EXPECT_EQ(apply(values, {""}), "");
  EXPECT_EQ(values.name, "auto");
  EXPECT_TRUE(values.is_on);
  EXPECT_EQ(values.max_body, 65'536U);
  EXPECT_EQ(values.wait, 10s);
  EXPECT_EQ(values.workers, 0);
  EXPECT_EQ(values.mode, Mode::service);
  EXPECT_FALSE(values.extra);
  EXPECT_EQ(values.files, std::vector<std::string>{"/usr/bin/true"});
  ASSERT_EQ(values.hosts.size(), 2U);
  EXPECT_EQ(values.hosts[1].text(), "*.b.example");
}

TEST(Schema, ReadsEveryType) {
  Values values;
  EXPECT_EQ(apply(values, {R"(
user: {name: alice, is_on: no}
max_body: 1MiB
limits:
  wait: 2m
workers: 8
capture:
  mode: off
  inspect: [c.example]
upstream:
  extra: /etc/x.pem
  proxy: socks5://127.0.0.1:1080
  networks: [10.0.0.0/8, "fd00::/8"]
words: [a, b]
files: []
listen: ["127.0.0.1:1", "[::1]:2"]
rules:
  - match: "*.x.example"
    action: service
  - {match: y.example}
)"}),
            "");
  EXPECT_EQ(values.name, "alice");
  EXPECT_FALSE(values.is_on);
  EXPECT_EQ(values.max_body, 1U << 20U);
  EXPECT_EQ(values.wait, 2min);
  EXPECT_EQ(values.workers, 8);
  EXPECT_EQ(values.mode, Mode::off);
  ASSERT_EQ(values.hosts.size(), 1U);
  EXPECT_EQ(values.extra, "/etc/x.pem");
  ASSERT_TRUE(values.proxy);
  EXPECT_EQ(values.networks.size(), 2U);
  EXPECT_EQ(values.words.size(), 2U);
  EXPECT_TRUE(values.files.empty());
  EXPECT_EQ(values.endpoints.size(), 2U);
  ASSERT_EQ(values.rules.size(), 2U);
  EXPECT_EQ(values.rules[0].match.text(), "*.x.example");
  EXPECT_EQ(values.rules[0].action, Mode::service);
  EXPECT_EQ(values.rules[1].action, Mode::off);
}

TEST(Schema, ReportsEveryFaultAtItsPlace) {
  Values values;
  EXPECT_EQ(apply(values, {"max_body: lots\n"
                           "limits:\n"
                           "  wait: 0s\n"
                           "  wiat: 1s\n"
                           "workers: 65\n"
                           "capture:\n"
                           "  mode: sevrice\n"
                           "  inspect: [a.example, '*', {x: y}]\n"
                           "upstream:\n"
                           "  extra: relative.pem\n"
                           "nonsense: 1\n"}),
            "f1:1:11: max_body: expected a size such as 64KiB, got \"lots\"\n"
            "f1:3:9: limits.wait: expected a duration from 1s to 10m, got \"0s\"\n"
            "f1:4:3: limits.wiat: unknown key; did you mean limits.wait?\n"
            "f1:5:10: workers: expected a whole number from 0 to 64, got \"65\"\n"
            "f1:7:9: capture.mode: expected one of: service, off, got \"sevrice\"\n"
            "f1:8:24: capture.inspect[1]: expected a host name or a pattern such as *.example.com, "
            "got \"*\"\n"
            "f1:8:29: capture.inspect[2]: expected a single value, got a section\n"
            "f1:10:10: upstream.extra: expected an absolute path such as /etc/ssl/extra.pem, got "
            "\"relative.pem\"\n"
            "f1:11:1: nonsense: unknown key\n");
}

TEST(Schema, WrongShapesAreFaults) {
  Values values;
  EXPECT_EQ(apply(values, {"workers: [1]\nwords: x\nuser: 3\nlimits:\nmax_body:\nrules: [1]\n"}),
            "f1:1:10: workers: expected a single value, got a list\n"
            "f1:2:8: words: expected a list, got a single value\n"
            "f1:3:7: user: expected a section of keys, got a single value\n"
            "f1:5:1: max_body: has no value; give it one or remove the line\n"
            "f1:6:9: rules[0]: expected a section of keys, got a single value\n");
}

TEST(Schema, ADottedKeyIsNotASection) {
  Values values;
  EXPECT_EQ(
      apply(values, {"limits.wait: 1s\n"}),
      "f1:1:1: limits.wait: unknown key; write each part before a dot as a section of its own\n");
}

TEST(Schema, ElementsOfAListOfSectionsAreChecked) {
  Values values;
  EXPECT_EQ(apply(values, {"rules:\n  - action: nope\n  - match: y.example\n    extra: 1\n"}),
            "f1:2:13: rules[0].action: expected one of: service, off, got \"nope\"\n"
            "f1:2:5: rules[0].match: is required\n"
            "f1:4:5: rules[1].extra: unknown key\n");
}

TEST(Schema, LaterFilesWinKeyByKeyAndListsAreReplaced) {
  Values values;
  EXPECT_EQ(apply(values, {"user: {name: alice, is_on: false}\nwords: [a, b]\n",
                           "user: {name: bob}\nwords: [c]\n"}),
            "");
  EXPECT_EQ(values.name, "bob");
  EXPECT_FALSE(values.is_on);
  EXPECT_EQ(values.words, std::vector<std::string>{"c"});
}

TEST(Schema, AnOverriddenValueIsStillChecked) {
  Values values;
  EXPECT_EQ(apply(values, {"workers: many\n", "workers: 2\n"}),
            "f1:1:10: workers: expected a whole number from 0 to 64, got \"many\"\n");
}

TEST(Schema, ARepeatedKeyDoesNotHideOtherFaults) {
  Values values;
  EXPECT_EQ(apply(values, {"workers: 1\nworkers: 2\nmax_body: lots\n"}),
            "f1:2:1: workers: key is repeated; it is already set in line 1\n"
            "f1:3:11: max_body: expected a size such as 64KiB, got \"lots\"\n");
}

TEST(Schema, KnowsWhereAValueCameFrom) {
  Values values;
  auto schema = schema_of(values);
  schema.set_defaults();
  Faults faults;
  EXPECT_TRUE(schema.apply(parse("workers: 3\nwords: [a, b]\nrules:\n- match: a.b\n", "f", faults))
                  .empty());
  EXPECT_EQ(schema.position("workers")->text(), "f:1:10");
  EXPECT_EQ(schema.position("words[1]")->text(), "f:2:12");
  EXPECT_EQ(schema.position("rules[0].match")->text(), "f:4:10");
  EXPECT_FALSE(schema.position("max_body"));
  EXPECT_TRUE(schema.apply(parse("words: [c]\n", "g", faults)).empty());
  EXPECT_FALSE(schema.position("words[1]"));
  EXPECT_EQ(schema.fault("workers", "is odd", "f").text(), "f:1:10: workers: is odd");
  EXPECT_EQ(schema.fault("max_body", "is odd", "f").text(), "f: max_body: is odd");
}

TEST(Schema, RowsAreTheManual) {
  Values values;
  const auto rows = schema_of(values).rows();
  ASSERT_EQ(rows.size(), 16U);
  EXPECT_EQ(rows[3].key, "limits.wait");
  EXPECT_EQ(rows[3].type, "duration");
  EXPECT_EQ(rows[3].fallback, "10s");
  EXPECT_EQ(rows[3].range, "1s to 10m");
  EXPECT_EQ(rows[3].about, "Wait.");
  EXPECT_EQ(rows[10].fallback, "a.example, *.b.example");
  EXPECT_EQ(rows[13].key, "rules");
  EXPECT_EQ(rows[14].key, "rules[].match");
}

}  // namespace
}  // namespace agp::config
