#include "cli/doctor/bounded_child.h"

#include <string>
#include <variant>

#include <gtest/gtest.h>
#include <unistd.h>

namespace agp::cli::doctor {
namespace {

using std::chrono::milliseconds;

TEST(BoundedChild, ReturnsTheWholeText) {
  const std::string text(300'000, 'x');  // more than a pipe holds
  const auto answer = run_bounded([&] { return text; }, milliseconds(20'000));
  ASSERT_TRUE(std::holds_alternative<std::string>(answer));
  EXPECT_EQ(std::get<std::string>(answer), text);
}

TEST(BoundedChild, WhatHangsIsEndedAtTheLimit) {
  const auto answer = run_bounded(
      []() -> std::string {
        while (true) {
          ::pause();
        }
      },
      milliseconds(50));
  const auto* failure = std::get_if<Failure>(&answer);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->code, "too_slow");
}

TEST(BoundedChild, AnEarlyEndIsNoAnswer) {
  const auto answer = run_bounded([]() -> std::string { ::_exit(3); }, milliseconds(20'000));
  const auto* failure = std::get_if<Failure>(&answer);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->code, "no_process");
}

TEST(BoundedChild, AnAccountIsBecomeOrNothingRuns) {
  const auto answer = run_bounded([] { return std::to_string(::getuid()); }, milliseconds(20'000),
                                  ChildAccount{65534, 65534});
  if (::geteuid() == 0) {
    ASSERT_TRUE(std::holds_alternative<std::string>(answer));
    EXPECT_EQ(std::get<std::string>(answer), "65534");
  } else {
    ASSERT_TRUE(std::holds_alternative<Failure>(answer));
    EXPECT_NE(std::get<Failure>(answer).message.find("cannot become"), std::string::npos);
  }
}

}  // namespace
}  // namespace agp::cli::doctor
