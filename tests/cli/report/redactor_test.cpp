#include "cli/report/redactor.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::cli::report {
namespace {

Redactor redactor() {
  Redactor out({"api.openai.com", "machine.disk"});
  out.add("heidi", "<user>");
  out.add("workstation", "<machine>");
  return out;
}

TEST(Redactor, ConfigurationKeepsItsShapeAndNoSecret) {
  auto redact = redactor();
  const std::string yaml = R"(# tried: hunter2hunter2
capture:
  mode: service
  inspect:
    - api.openai.com
    - models.secret.example
ledger:
  raw_days: 30
http:
  - host: api.openai.com
    edits:
      set:
        X-Api-Key: "correct horse"
)";
  EXPECT_EQ(redact.configuration(yaml), R"(capture:
  mode: service
  inspect:
    - api.openai.com
    - <redacted>
ledger:
  raw_days: 30
http:
  - host: api.openai.com
    edits:
      set:
        X-Api-Key: <redacted>
)");
  // What was a secret there is one everywhere.
  EXPECT_EQ(redact.text("rule for \"correct horse\" failed"), "rule for \"<redacted>\" failed");
}

TEST(Redactor, EachValueOfALineIsASecret) {
  auto redact = redactor();
  EXPECT_EQ(redact.configuration("headers:\n  - {set: X-Team, value: \"blue team\"}\n"),
            "headers:\n  - {set: <redacted>\n");
  EXPECT_EQ(redact.text("set to blue team"), "set to <redacted>");
}

TEST(Redactor, NothingPrivateIsLeftInText) {
  const auto redact = redactor();
  for (const char* secret :
       {"heidi", "/home/heidi/work/plan.txt", "/home/someone", "workstation",
        "0f8fad5b-d9cb-469f-a165-70867728950e", "ya29a0AfH6SMBx3", "sk-proj-abc123def456",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln", "10.1.2.3", "2001:db8:1::10",
        "fe80:0:0:1:2:3:4:5", "vault.corp.example", "http://user:pass@proxy.corp.example:3128",
        "abcdefghijklmnopqrstuvwxyzabcdef"}) {
    const auto text = redact.text("before " + std::string(secret) + " after");
    EXPECT_EQ(text.find(secret), std::string::npos) << text;
    EXPECT_EQ(text.find("pass"), std::string::npos) << text;
    EXPECT_TRUE(text.starts_with("before ")) << text;
    EXPECT_TRUE(text.ends_with(" after")) << text;
  }
}

TEST(Redactor, WhatHelpsIsKept) {
  const auto redact = redactor();
  for (const char* text :
       {"machine.disk: /var/lib/antigravity-proxy has 3 MiB left", "api.openai.com answers",
        "see: journalctl -u antigravity-proxy-helper.service", "127.0.0.1:8741 is taken",
        "[::1]:8741 at 10:20:30", "2026-11-23T08:36:38Z ready",
        "helper.yaml:2:12: expected auto"}) {
    EXPECT_EQ(redact.text(text), text);
  }
}

}  // namespace
}  // namespace agp::cli::report
