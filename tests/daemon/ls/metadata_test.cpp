#include "daemon/ls/metadata.h"

#include "tests/daemon/ls/temp_dir.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace agp::ls {
namespace {

TEST(Metadata, HasTheNumbersOfTheProtocol) {
  // Field and wire type, length, text: 1 ide_name, 4 locale, 7 ide_version, 12 extension_name,
  // 17 extension_path (two octets of tag).
  EXPECT_EQ(serialize({"1.2", "/x"}),
            "\x0a\x0b"
            "antigravity"
            "\x22\x02"
            "en"
            "\x3a\x03"
            "1.2"
            "\x62\x0b"
            "antigravity"
            "\x8a\x01\x02"
            "/x");
}

TEST(Metadata, ReadsTheVersionOfTheInstall) {
  EXPECT_EQ(ide_version_of(R"({"version":"1.107.0","ideVersion":"1.18.5"})"), "1.18.5");
  EXPECT_EQ(ide_version_of(R"({"version":"1.107.0"})"), "1.107.0");
  EXPECT_EQ(ide_version_of(R"({"version":7})"), "");
  EXPECT_EQ(ide_version_of("nonsense"), "");
}

TEST(Metadata, FindsProductAndCertificateBesideTheBinary) {
  const TempDir dir;
  const auto extension = dir.path() / "resources/app/extensions/antigravity";
  std::filesystem::create_directories(extension / "dist/languageServer");
  std::ofstream(dir.path() / "resources/app/product.json") << R"({"ideVersion":"1.16.9"})";
  std::ofstream(extension / "dist/languageServer/cert.pem") << "PEM";
  const std::string binary = extension / "bin/language_server_linux_x64";
  EXPECT_EQ(metadata_for(binary).ide_version, "1.16.9");
  EXPECT_EQ(metadata_for(binary).extension_path, extension.string());
  EXPECT_EQ(bundled_certificate(binary), "PEM");
}

TEST(Metadata, FallsBackWhereTheInstallSaysNothing) {
  EXPECT_EQ(metadata_for("/nowhere/language_server").ide_version, kDefaultIdeVersion);
  EXPECT_EQ(metadata_for("").ide_version, kDefaultIdeVersion);
  EXPECT_EQ(bundled_certificate("/nowhere/bin/language_server"), "");
}

TEST(Metadata, IgnoresAProductFileLargerThanTheLimit) {
  const TempDir dir;
  const auto extension = dir.path() / "extensions/antigravity";
  std::filesystem::create_directories(extension);
  std::ofstream(dir.path() / "product.json")
      << R"({"ideVersion":"9.9","x":")" << std::string(1024 * 1024, 'x') << "\"}";
  EXPECT_EQ(metadata_for(extension / "bin/language_server").ide_version, kDefaultIdeVersion);
}

TEST(SealedMemfd, CannotBeChangedAndIsReadFromItsStart) {
  const auto fd = sealed_memfd("content");
  ASSERT_TRUE(fd);
  char text[16] = {};
  EXPECT_EQ(::read(fd->get(), text, sizeof text), 7);
  EXPECT_STREQ(text, "content");
  EXPECT_EQ(::fcntl(fd->get(), F_GETFL) & O_ACCMODE, O_RDONLY);
  EXPECT_EQ(::fcntl(fd->get(), F_GET_SEALS),
            F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  EXPECT_EQ(::ftruncate(fd->get(), 0), -1);
}

}  // namespace
}  // namespace agp::ls
