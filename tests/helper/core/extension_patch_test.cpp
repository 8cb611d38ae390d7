#include "helper/core/extension_patch.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::core {
namespace {

// Made up, in the shape of a minified bundle with protobuf-es v1 classes.
const std::string kShipped =
    "class a extends m{constructor(t){super();this.x=0,this.detectAndUseProxy=pe.UNSPECIFIED,"
    "this.y=pe.UNSPECIFIED}}a.fields=[{no:34,name:\"detect_and_use_proxy\",kind:\"enum\"}];";

std::string text_of(const PatchedExtension& patched) {
  return std::string(patched.before) + std::string(patched.value) + std::string(patched.after);
}

TEST(ExtensionPatch, ReplacesTheValueOfTheOnlyInitialiser) {
  const auto patched = patched_extension(kShipped);
  ASSERT_TRUE(patched);
  std::string expected = kShipped;
  expected.replace(expected.find("pe.UNSPECIFIED"), 14, "1");
  EXPECT_EQ(text_of(*patched), expected);
  EXPECT_TRUE(patched->equals(expected));
  EXPECT_FALSE(patched->equals(kShipped));
  EXPECT_FALSE(patched->equals(expected + " "));
}

TEST(ExtensionPatch, TheNameOfTheEnumIsTheMinifiersOwn) {
  for (const char* name : {"pe", "Ae", "$t", "_", "a1", "DetectAndUseProxy"}) {
    const auto content = std::string("detectAndUseProxy=") + name + ".UNSPECIFIED;";
    EXPECT_EQ(scan_extension(content).unspecified, 1U) << name;
    ASSERT_TRUE(patched_extension(content)) << name;
    EXPECT_EQ(text_of(*patched_extension(content)), "detectAndUseProxy=1;");
  }
}

TEST(ExtensionPatch, LookAlikesAreNoInitialisers) {
  for (const char* content :
       {"", "detectAndUseProxy", "detectAndUseProxy=", "detectAndUseProxy==pe.UNSPECIFIED",
        "xdetectAndUseProxy=pe.UNSPECIFIED", "detectAndUseProxyX=pe.UNSPECIFIED",
        "detectAndUseProxy=.UNSPECIFIED", "detectAndUseProxy=pe.UNSPECIFIEDX",
        "detectAndUseProxy=pe.ENABLED", "detectAndUseProxy=pe", "detectAndUseProxy=10"}) {
    const auto scan = scan_extension(content);
    EXPECT_EQ(scan.unspecified, 0U) << content;
    EXPECT_EQ(scan.enabled, 0U) << content;
    EXPECT_EQ(judge_extension(content, std::nullopt), ExtensionState::not_applicable) << content;
  }
}

TEST(ExtensionPatch, AnotherNumberIsNotRecognised) {
  EXPECT_FALSE(patched_extension(kShipped + kShipped));
  EXPECT_EQ(judge_extension(kShipped + kShipped, std::nullopt), ExtensionState::unrecognised);
}

TEST(ExtensionPatch, TellsShippedPatchedAndUndone) {
  const auto ours = text_of(*patched_extension(kShipped));
  EXPECT_EQ(judge_extension(kShipped, std::nullopt), ExtensionState::applicable);
  EXPECT_EQ(judge_extension(ours, kShipped), ExtensionState::patched);
  EXPECT_EQ(judge_extension(ours, std::nullopt), ExtensionState::enabled);
  EXPECT_EQ(judge_extension(kShipped, kShipped), ExtensionState::undone);
  EXPECT_EQ(judge_extension("another version", kShipped), ExtensionState::undone);
  EXPECT_EQ(judge_extension(ours, "not one of ours"), ExtensionState::undone);
}

TEST(ExtensionPatch, EveryCutOfAFileIsReadWithinIt) {
  for (std::size_t cut = 0; cut <= kShipped.size(); ++cut) {
    const std::string part = kShipped.substr(0, cut);  // a copy: the sanitizer sees its end
    EXPECT_LE(scan_extension(part).unspecified, 1U);
  }
}

}  // namespace
}  // namespace agp::core
