#include "common/log/log.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <gtest/gtest.h>

namespace agp::log {
namespace {

class StderrSink : public ::testing::Test {
 protected:
  void SetUp() override {
    ::unsetenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe): one thread
    init("agp-test", Level::info);
  }
  static std::string output_of(void (*write_something)()) {
    ::testing::internal::CaptureStderr();
    write_something();
    return ::testing::internal::GetCapturedStderr();
  }
};

TEST_F(StderrSink, WritesOneLineWithLevelMessageAndFields) {
  EXPECT_EQ(output_of([] {
              warning("upstream handshake failed",
                      {{"SNI", "api.example"}, {"PORT", 443}, {"RETRY", true}});
            }),
            "agp-test: warning: upstream handshake failed SNI=api.example PORT=443 RETRY=yes\n");
}

TEST_F(StderrSink, NamesEveryLevel) {
  EXPECT_EQ(output_of([] {
              init("agp-test", Level::debug);
              err("a");
              warning("b");
              notice("c");
              info("d");
              debug("e");
            }),
            "agp-test: error: a\nagp-test: warning: b\nagp-test: notice: c\nagp-test: info: d\n"
            "agp-test: debug: e\n");
}

TEST_F(StderrSink, LeavesOutWhatIsMoreTalkativeThanAsked) {
  EXPECT_EQ(output_of([] { debug("hidden"); }), "");
}

TEST_F(StderrSink, AValueCannotForgeALineOrDriveTheTerminal) {
  const auto text = output_of([] {
    info("connection", {{"SNI", std::string("a\nagp-test: error: forged\r\x1b[2J\x7f\0z", 33)}});
  });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(
      text,
      "agp-test: info: connection SNI=a\\x0aagp-test: error: forged\\x0d\\x1b[2J\\x7f\\x00z\n");
}

TEST_F(StderrSink, ErrorsAreWrittenAsText) {
  EXPECT_EQ(output_of([] {
              err("start failed", {{"ERROR", errno_error(ENOENT, "opening /x")}});
            }),
            "agp-test: error: start failed ERROR=opening /x: No such file or directory\n");
}

TEST_F(StderrSink, AStaleJournalStreamIsNotBelieved) {
  ::setenv("JOURNAL_STREAM", "1:1", 1);  // NOLINT(concurrency-mt-unsafe): one thread
  init("agp-test");
  EXPECT_EQ(output_of([] { info("here"); }), "agp-test: info: here\n");
}

}  // namespace
}  // namespace agp::log
