#include "helper/core/public_text.h"

#include "helper/core/errc.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace agp::core {
namespace {

constexpr Errc kAll[] = {Errc::invalid_argument,
                         Errc::configuration,
                         Errc::accounts,
                         Errc::firewall_missing,
                         Errc::firewall,
                         Errc::certificate,
                         Errc::file,
                         Errc::not_protected,
                         Errc::no_binary,
                         Errc::unit,
                         Errc::service_manager,
                         Errc::limits};

bool has(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

// threat-model 14
TEST(PublicText, NamesNoPathWhateverTheKind) {
  for (const auto code : kAll) {
    const auto text = public_text(Error(code, "/opt/secret/place is a symbolic link"));
    EXPECT_FALSE(has(text, "/") || has(text, "secret")) << text;
    EXPECT_GT(text.size(), 20U);
  }
}

TEST(PublicText, HasNoTextOfTheSystem) {
  EXPECT_EQ(public_text(errno_error(ENOENT, "opening x")),
            "failed: the journal of the helper says why");
}

TEST(PublicText, HasNoTextOfFilesAndOtherPrograms) {
  for (const auto code : {Errc::configuration, Errc::firewall, Errc::service_manager}) {
    const auto text = public_text(Error(code, "helper.yaml:1:2: expected a size, got \"lots\""));
    EXPECT_FALSE(has(text, "lots") || has(text, "1:2")) << text;
    EXPECT_TRUE(has(text, "journal")) << text;
  }
}

TEST(PublicText, KeepsWhatSaysWhatToDo) {
  EXPECT_EQ(public_text(Error(Errc::limits, "4 language servers are running: stop one of them")),
            "4 language servers are running: stop one of them: limit reached");
  EXPECT_TRUE(has(public_text(Error(Errc::firewall_missing, "install the package iptables")),
                  "install the package iptables"));
}

}  // namespace
}  // namespace agp::core
