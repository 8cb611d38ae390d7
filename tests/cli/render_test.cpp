#include "cli/render.h"

#include "tests/cli/screen_text.h"

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

TEST(Render, StatusNamesHostsWhoseCertificatesAreRefused) {
  const auto answer = render_status(
      R"({"state":"ok","version":"1.0","sockets":{"connect":["127.0.0.1:8745"],"reverse":[]},
          "interception":{"open":3,"intercepted":1200,"tunnelled":4,"blocked":0,"unparsed":0,
          "accept":{"paused":true},"refused_by_client":[{"host":"api.example.com","count":7,
          "last_at":"2026-11-22T04:00:00Z","remedy":"trust the bundle"}]},"problems":[]})",
      {});
  const auto* text = std::get_if<StatusText>(&answer);
  ASSERT_NE(text, nullptr);
  for (const auto* expected :
       {"3 open; since the start 1,200 measured, 4 tunnelled", "full, new ones wait",
        "api.example.com: programs refuse our certificate, 7 times", "Remedy: trust the bundle",
        "HTTP CONNECT     127.0.0.1:8745"}) {
    EXPECT_NE(text->text.find(expected), std::string::npos) << expected << "\n" << text->text;
  }
  EXPECT_EQ(text->text.find("Reverse"), std::string::npos);
}

TEST(Render, StatusSaysThatOthersRemoveRules) {
  const std::string document =
      R"({"state":"ok","version":"1.0","capture":{"mode":"service","active":true},
          "redirect":{"ipv4":true,"ipv6":true,"repairs":REPAIRS,
          "last_repair_at":"2026-11-22T04:00:00Z","last_lost":["IPv4 nat","IPv6 nat"]}})";
  const auto with = [&document](const char* repairs) {
    auto text = document;
    return std::get<StatusText>(render_status(text.replace(text.find("REPAIRS"), 7, repairs), {}))
        .text;
  };
  EXPECT_NE(with("1").find("active (mode service; IPv4 yes, IPv6 yes); other programs removed "
                           "rules 1 time, put back, last at 2026-11-22T04:00:00Z (IPv4 nat, IPv6 "
                           "nat)"),
            std::string::npos)
      << with("1");
  EXPECT_NE(with("1200").find("removed rules 1,200 times"), std::string::npos);
  EXPECT_EQ(with("0").find("other programs"), std::string::npos);
}

TEST(Render, StatusSaysWhatTheLanguageServerMaySend) {
  const auto with = [](const std::string& redirect) {
    return std::get<StatusText>(
               render_status(R"({"state":"ok","version":"1.0","redirect":)" + redirect + "}", {}))
        .text;
  };
  EXPECT_NE(with(R"({"egress":"metered","egress_guard":"off"})").find("metered: all but QUIC"),
            std::string::npos);
  EXPECT_NE(with(R"({"egress":"strict","egress_guard":"loopback"})").find("keeps it to loopback"),
            std::string::npos);
  EXPECT_NE(with(R"({"egress":"strict","egress_guard":"unsupported"})").find("systemd cannot"),
            std::string::npos);
  EXPECT_NE(with(R"({"egress":"strict","egress_guard":"resolver"})").find("another machine"),
            std::string::npos);
  EXPECT_EQ(with(R"({"egress":null})").find("Egress"), std::string::npos);
}

TEST(Render, StatusSaysWhoHoldsTheRulesAndWhatIsNotEnforced) {
  const auto with = [](const std::string& rest) {
    return std::get<StatusText>(render_status(R"({"state":"ok","version":"1.0",)" + rest + "}", {}))
        .text;
  };
  EXPECT_NE(with(R"("redirect":{"ipv4":true,"ipv6":true,"backend":"nftables"})")
                .find("IPv6 yes; held by nftables)"),
            std::string::npos);
  EXPECT_EQ(with(R"("helper":{"limits_enforced":true})").find("Limits"), std::string::npos);
  EXPECT_EQ(with(R"("helper":{"limits_enforced":null})").find("Limits"), std::string::npos);
  EXPECT_NE(with(R"("helper":{"limits_enforced":false})").find("Limits"), std::string::npos);
}

TEST(Render, StatusNamesProblemsWithTheirRemedies) {
  const auto answer = render_status(
      R"({"state":"degraded","version":"1.0","capture":{"mode":"service","active":false},
          "redirect":{"ipv4":null,"ipv6":true},
          "problems":[{"code":"x","message":"no iptables","remedy":"apt install iptables"}]})",
      {});
  const auto* text = std::get_if<StatusText>(&answer);
  ASSERT_NE(text, nullptr);
  EXPECT_TRUE(text->is_degraded);
  EXPECT_NE(text->text.find("not active (mode service; IPv4 unknown, IPv6 yes)"), std::string::npos)
      << text->text;
  EXPECT_NE(text->text.find("Problem (x): no iptables\n Remedy: apt install iptables\n"),
            std::string::npos);
  EXPECT_LT(text->text.find("Problem (x)"), text->text.find("Capture")) << "health comes first";
}

TEST(Render, WhatIsOnlyWaitedForIsNotCalledAProblem) {
  const auto answer = render_status(
      R"({"state":"waiting","version":"1.0","problems":[{"code":"ide","message":"waiting for the IDE",
          "remedy":"start the IDE","severity":"waiting"}]})",
      {});
  const auto* text = std::get_if<StatusText>(&answer);
  ASSERT_NE(text, nullptr);
  EXPECT_FALSE(text->is_degraded);
  EXPECT_NE(text->text.find("Waiting (ide): waiting for the IDE\n Remedy: start the IDE\n"),
            std::string::npos)
      << text->text;
  EXPECT_EQ(text->text.find("Problem "), std::string::npos) << text->text;
}

TEST(Render, StatusShowsThePolicyAndThatRequestsAreChanged) {
  const auto answer = render_status(
      R"({"state":"ok","version":"1.0","policy":{"generation":3,"loaded_at":"2026-11-22T08:00:00Z",
          "rewritten_hosts":["a.example","b.example"],"request_rules_hosts":["b.example"]}})",
      {});
  const auto* text = std::get_if<StatusText>(&answer);
  ASSERT_NE(text, nullptr);
  EXPECT_NE(text->text.find("3, loaded at 2026-11-22T08:00:00Z; rewritten: a.example, b.example\n"),
            std::string::npos)
      << text->text;
  EXPECT_NE(text->text.find("Request rules are on: requests to b.example are changed"),
            std::string::npos);
  const auto plain = render_status(
      R"({"state":"ok","policy":{"generation":1,"loaded_at":"x","request_rules_hosts":[]}})", {});
  EXPECT_EQ(std::get<StatusText>(plain).text.find("Request rules"), std::string::npos);
}

TEST(Render, StatusFitsTheTerminal) {
  const auto document =
      R"({"state":"ok","version":"1.0","policy":{"generation":3,"loaded_at":"2026-11-22T08:00:00Z",
          "rewritten_hosts":["a.example","b.example","c.example","d.example"]},
          "ledger":{"health":"ok","records":123456789012,"last_record_at":"2026-11-22T08:00:00Z",
          "lost":123456789012}})";
  const auto text = std::get<StatusText>(render_status(document, {false, 60})).text;
  EXPECT_LE(widest(text), 60U) << text;
  EXPECT_NE(text.find("last at\n                   2026-11-22T08:00:00Z"), std::string::npos)
      << text;
  EXPECT_GT(widest(std::get<StatusText>(render_status(document, {})).text), 80U);
}

TEST(Render, GroupsThousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
}

}  // namespace
}  // namespace agp::cli
