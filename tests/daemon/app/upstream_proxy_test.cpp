#include "daemon/app/upstream_proxy.h"

#include "tests/daemon/config/config_folder.h"

#include <sys/stat.h>

namespace agp::app {
namespace {

class UpstreamProxyTest : public daemon_config::ConfigFolder {
 protected:
  UpstreamProxyTest() { upstream_.proxy = config::ProxyUrl::parse("http://proxy.example:3128"); }
  void write_credentials(const std::string& text, mode_t mode = 0640) {
    write("credentials", text);
    const std::string file = directory_ / "credentials";
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
    upstream_.proxy_credentials_file = file;
  }

  daemon_config::Upstream upstream_;
};

TEST_F(UpstreamProxyTest, NoneIsConfiguredAndNoneIsUsed) {
  const auto loaded = load_upstream_proxy({});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(*loaded, nullptr);
}

TEST_F(UpstreamProxyTest, WithoutCredentialsItIsAskedWithoutAny) {
  upstream_.proxy_target = daemon_config::ProxyTarget::address;
  const auto loaded = load_upstream_proxy(upstream_);
  ASSERT_TRUE(loaded);
  EXPECT_EQ((*loaded)->url.host, "proxy.example");
  EXPECT_TRUE((*loaded)->user.empty());
  EXPECT_FALSE((*loaded)->by_name);
}

TEST_F(UpstreamProxyTest, CredentialsComeFromTheFile) {
  write_credentials("me:pass:word\n");
  const auto loaded = load_upstream_proxy(upstream_);
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ((*loaded)->user.expose(), "me");
  EXPECT_EQ((*loaded)->password.expose(), "pass:word");
  EXPECT_TRUE((*loaded)->by_name);
}

TEST_F(UpstreamProxyTest, AFileThatEverybodyMayReadIsRefusedWithTheRemedy) {
  write_credentials("me:hush\n", 0644);
  const auto loaded = load_upstream_proxy(upstream_);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, boost::system::errc::permission_denied);
  EXPECT_NE(loaded.error().text().find("chmod 0640"), std::string::npos);
}

TEST_F(UpstreamProxyTest, AFaultNamesTheFileAndNeverWhatIsInIt) {
  for (const std::string& text :
       {std::string("hush-no-colon"), std::string(":hush"), "hush:" + std::string(300, 'x'),
        std::string("me:hush\nmore"), std::string(5000, 'h')}) {
    write_credentials(text);
    const auto loaded = load_upstream_proxy(upstream_);
    ASSERT_FALSE(loaded) << text.size();
    EXPECT_NE(loaded.error().text().find("/credentials"), std::string::npos);
    EXPECT_EQ(loaded.error().text().find("hush"), std::string::npos);
  }
}

TEST_F(UpstreamProxyTest, WhatIsNoFileIsRefusedWithoutWaitingForIt) {
  const std::string pipe = directory_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const auto& path : {pipe, directory_.string(), (directory_ / "missing").string()}) {
    upstream_.proxy_credentials_file = path;
    EXPECT_FALSE(load_upstream_proxy(upstream_)) << path;
  }
}

}  // namespace
}  // namespace agp::app
