#include "common/config/document.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::config {
namespace {

std::string faults_of(std::string_view text) {
  Faults faults;
  (void)parse(text, "f.yaml", faults);  // only the faults matter here
  return faults.text();
}

class Directory {
 public:
  Directory() {
    std::string name = ::testing::TempDir() + "agp-config-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + '/' + name; }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(*this / name).parent_path());
    std::ofstream(*this / name) << text;
  }

 private:
  std::string path_;
};

TEST(Document, KnowsWhereKeysAndValuesStand) {
  Faults faults;
  const auto document = parse("a: 1\nb:\n  c: [x, yy]\n", "f.yaml", faults);
  ASSERT_TRUE(faults.empty()) << faults.text();
  ASSERT_EQ(document.root.members.size(), 2U);
  const auto& a = document.root.members[0];
  EXPECT_EQ(a.key, "a");
  EXPECT_EQ(a.line, 1);
  EXPECT_EQ(a.column, 1);
  EXPECT_EQ(a.value.line, 1);
  EXPECT_EQ(a.value.column, 4);
  const auto& c = document.root.members[1].value.members.at(0);
  EXPECT_EQ(c.line, 3);
  EXPECT_EQ(c.column, 3);
  ASSERT_EQ(c.value.items.size(), 2U);
  EXPECT_EQ(c.value.items[1].scalar, "yy");
  EXPECT_EQ(c.value.items[1].column, 10);
}

TEST(Document, EmptyFilesAreEmpty) {
  for (const auto* text : {"", "\n", "# only a comment\n", "---\n"}) {
    Faults faults;
    EXPECT_TRUE(parse(text, "f.yaml", faults).root.members.empty());
    EXPECT_TRUE(faults.empty()) << text << faults.text();
  }
}

TEST(Document, ReportsEveryRepeatedKeyWithBothLines) {
  EXPECT_EQ(faults_of("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n"),
            "f.yaml:4:3: c: key is repeated; it is already set in line 3\n"
            "f.yaml:5:1: a: key is repeated; it is already set in line 1\n");
}

TEST(Document, SyntaxErrorsHaveAPosition) {
  EXPECT_EQ(faults_of("a: 1\nb: [1, 2\nc: 3\n").substr(0, 9), "f.yaml:3:");
  EXPECT_EQ(faults_of("a: \"open\nb: 1\n\n").substr(0, 9), "f.yaml:2:");
  EXPECT_EQ(faults_of("\ta: 1\n").substr(0, 9), "f.yaml:1:");
}

TEST(Document, RefusesWhatHidesMistakes) {
  EXPECT_EQ(faults_of("a: &x 1\nb: *x\n"),
            "f.yaml:2:4: aliases (*name) are not supported; write the value again\n");
  EXPECT_EQ(faults_of("a: !secret 1\n").substr(0, 17), "f.yaml:1:4: tags ");
  EXPECT_EQ(faults_of("a: 1\n---\nb: 1\n").substr(0, 9), "f.yaml:2:");
  EXPECT_EQ(faults_of("a: \"\\x1b[0m\"\n"),
            "f.yaml:1:4: control characters are not allowed in values\n");
  EXPECT_EQ(faults_of("[a, b]: 1\n").substr(0, 7), "f.yaml:");
  EXPECT_EQ(faults_of("? \"a b\"\n: 1\n"),
            "f.yaml:1:3: a key is a word of letters, digits, '_', '-' and '.'\n");
}

TEST(Document, RefusesARootThatIsNoMap) {
  EXPECT_EQ(faults_of("- a\n"), "f.yaml:1:1: expected \"key: value\" lines\n");
  EXPECT_EQ(faults_of("word\n"), "f.yaml:1:1: expected \"key: value\" lines\n");
}

TEST(Document, RefusesDeepNesting) {
  const auto nested = [](std::size_t depth) {
    return "a: " + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "\n";
  };
  EXPECT_EQ(faults_of(nested(kMaxDepth)), "");
  EXPECT_NE(faults_of(nested(kMaxDepth + 1)).find("nested deeper"), std::string::npos);
  // yaml-cpp itself must not run out of stack before the limit is seen.
  EXPECT_NE(faults_of("a: " + std::string(200'000, '[')), "");
}

TEST(Document, RefusesTooManyValues) {
  std::string text = "a: [";
  for (std::size_t i = 0; i < kMaxNodes; ++i) {
    text += "1,";
  }
  EXPECT_NE(faults_of(text + "1]\n").find("more than"), std::string::npos);
}

TEST(Document, RefusesTextOverTheSizeLimit) {
  EXPECT_EQ(faults_of('#' + std::string(kMaxFileBytes - 1, 'x')), "");
  EXPECT_EQ(faults_of('#' + std::string(kMaxFileBytes, 'x')), "f.yaml: is larger than 1 MiB\n");
}

TEST(ReadFiles, TakesDropInsInNameOrderAfterTheMainFile) {
  const Directory dir;
  dir.write("p.yaml", "a: 1\n");
  dir.write("p.yaml.d/20-b.yaml", "a: 3\n");
  dir.write("p.yaml.d/10-a.yaml", "a: 2\n");
  dir.write("p.yaml.d/.hidden.yaml", "a: 9\n");
  dir.write("p.yaml.d/30-c.yaml.dpkg-old", "a: 9\n");
  const auto documents = read_files(dir / "p.yaml", Missing::is_fault);
  ASSERT_TRUE(documents.faults.empty()) << documents.faults.text();
  ASSERT_EQ(documents.list.size(), 3U);
  EXPECT_EQ(documents.list[0].file, dir / "p.yaml");
  EXPECT_EQ(documents.list[1].file, dir / "p.yaml.d/10-a.yaml");
  EXPECT_EQ(documents.list[2].file, dir / "p.yaml.d/20-b.yaml");
}

TEST(ReadFiles, AMissingMainFileIsAFaultOnlyWhenAsked) {
  const Directory dir;
  EXPECT_TRUE(read_files(dir / "p.yaml", Missing::is_empty).faults.empty());
  EXPECT_EQ(read_files(dir / "p.yaml", Missing::is_fault).faults.text(),
            (dir / "p.yaml") + ": cannot be read: No such file or directory\n");
}

TEST(ReadFiles, DropInsCountWithoutAMainFile) {
  const Directory dir;
  dir.write("p.yaml.d/a.yaml", "a: 1\n");
  EXPECT_EQ(read_files(dir / "p.yaml", Missing::is_empty).list.size(), 1U);
}

TEST(ReadFiles, ReportsTheFaultsOfAllFiles) {
  const Directory dir;
  dir.write("p.yaml", "a: [\n");
  dir.write("p.yaml.d/a.yaml", "b: 1\nb: 2\n");
  dir.write("p.yaml.d/b.yaml", '#' + std::string(kMaxFileBytes, 'x'));
  std::filesystem::create_directories(dir / "p.yaml.d/c.yaml");
  const auto faults = read_files(dir / "p.yaml", Missing::is_fault).faults;
  ASSERT_EQ(faults.list.size(), 4U) << faults.text();
  EXPECT_EQ(faults.list[1].key, "b");
  EXPECT_EQ(faults.list[2].message, "is larger than 1 MiB");
  EXPECT_EQ(faults.list[3].message, "is not a regular file");
}

TEST(ReadFiles, DoesNotHangOnAFifo) {
  const Directory dir;
  ASSERT_EQ(::mkfifo((dir / "p.yaml").c_str(), 0600), 0);
  const auto faults = read_files(dir / "p.yaml", Missing::is_fault).faults;
  ASSERT_EQ(faults.list.size(), 1U);
  EXPECT_EQ(faults.list[0].message, "is not a regular file");
}

TEST(ReadFiles, LimitsTheNumberOfDropIns) {
  const Directory dir;
  for (std::size_t i = 0; i <= kMaxDropIns; ++i) {
    dir.write("p.yaml.d/" + std::to_string(i) + ".yaml", "a: 1\n");
  }
  const auto faults = read_files(dir / "p.yaml", Missing::is_empty).faults;
  ASSERT_EQ(faults.list.size(), 1U);
  EXPECT_EQ(faults.list[0].message, "holds more than 256 files");
}

}  // namespace
}  // namespace agp::config
