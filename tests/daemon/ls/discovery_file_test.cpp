#include "daemon/ls/discovery_file.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

const std::string kFile =
    R"({"pid":7,"httpsPort":4001,"httpPort":4002,"lspPort":4003,"csrfToken":"t","lsVersion":"1.20.6"})";

Session session() {
  Session session;
  session.pid = 7;
  session.app_data_dir = "antigravity";
  return session;
}

TEST(DiscoveryPath, IsNamedByTheHashOfTheWorkspace) {
  // SHA-256("") begins with e3b0c44298fc1c14.
  EXPECT_EQ(discovery_path(session(), "/home/ada"),
            "/home/ada/.gemini/antigravity/daemon/ls_e3b0c44298fc1c14.json");
  auto other = session();
  other.workspace_id = "abc";  // ba7816bf8f01cfea
  other.gemini_dir = "g";
  EXPECT_EQ(discovery_path(other, "/home/ada"),
            "/home/ada/g/antigravity/daemon/ls_ba7816bf8f01cfea.json");
  other.gemini_dir = "/abs";
  EXPECT_EQ(discovery_path(other, ""), "/abs/antigravity/daemon/ls_ba7816bf8f01cfea.json");
}

TEST(DiscoveryPath, IsUnknownWithoutHomeOrDataDirectory) {
  EXPECT_EQ(discovery_path(session(), ""), "");
  auto nameless = session();
  nameless.app_data_dir.clear();
  EXPECT_EQ(discovery_path(nameless, "/home/ada"), "");
}

TEST(ParseDiscovery, ReadsAllFields) {
  const auto file = parse_discovery(kFile);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->pid, 7);
  EXPECT_EQ(file->https_port, 4001);
  EXPECT_EQ(file->http_port, 4002);
  EXPECT_EQ(file->lsp_port, 4003);
  EXPECT_EQ(file->csrf_token.expose(), "t");
  EXPECT_EQ(file->version, "1.20.6");
}

TEST(ParseDiscovery, RefusesWhatNamesNoProcessAndLeavesOutWhatIsNoPort) {
  for (const char* text : {"", "[]", "{}", R"({"pid":"7"})", R"({"pid":-1})", R"({"pid":1e99})"}) {
    EXPECT_FALSE(parse_discovery(text)) << text;
  }
  const auto odd = parse_discovery(R"({"pid":7,"httpsPort":70000,"httpPort":"1","csrfToken":1})");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->https_port, 0);
  EXPECT_EQ(odd->http_port, 0);
  EXPECT_TRUE(odd->csrf_token.empty());
}

TEST(ParseDiscovery, RefusesAFileCutAnywhere) {
  for (std::size_t cut = 0; cut < kFile.size(); ++cut) {
    EXPECT_FALSE(parse_discovery(std::string_view(kFile).substr(0, cut)));
  }
}

TEST(Complete, FillsWhatTheCommandLineLeavesOpen) {
  auto bare = session();
  EXPECT_TRUE(complete(&bare, *parse_discovery(kFile)));
  EXPECT_EQ(bare.csrf_token.expose(), "t");
  EXPECT_EQ(bare.version, "1.20.6");
  EXPECT_EQ(bare.https_port, 4001);
  auto told = session();
  told.csrf_token = Secret<std::string>("mine");
  EXPECT_TRUE(complete(&told, *parse_discovery(kFile)));
  EXPECT_EQ(told.csrf_token.expose(), "mine");
}

TEST(Complete, IgnoresTheFileOfAnotherProcessButTakesTheWrappers) {
  auto other = session();
  other.pid = 8;
  EXPECT_FALSE(complete(&other, *parse_discovery(kFile)));
  EXPECT_TRUE(other.csrf_token.empty());
  other.wrappers = {7};
  EXPECT_TRUE(complete(&other, *parse_discovery(kFile)));
}

}  // namespace
}  // namespace agp::ls
