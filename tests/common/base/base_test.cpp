#include "common/base/account.h"
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/secret.h"
#include "common/base/ulid.h"
#include "common/base/unique_fd.h"

#include <cerrno>

#include <fcntl.h>
#include <gtest/gtest.h>

namespace agp {
namespace {

using namespace std::chrono_literals;

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) != -1;
}

UniqueFd open_null() {
  return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

TEST(Ulid, EncodesTimeAndRandomnessAsTheSpecificationDoes) {
  const std::array<std::uint8_t, 10> zero{};
  // The example of the specification: 1469918176385 ms is 01ARYZ6S41.
  EXPECT_EQ(make_ulid(std::chrono::system_clock::time_point(1'469'918'176'385ms), zero),
            "01ARYZ6S410000000000000000");
  std::array<std::uint8_t, 10> ones{};
  ones.fill(0xFF);
  EXPECT_EQ(make_ulid(std::chrono::system_clock::time_point(0ms), ones),
            "0000000000ZZZZZZZZZZZZZZZZ");
}

TEST(Ulid, SortsByTime) {
  std::array<std::uint8_t, 10> ones{};
  ones.fill(0xFF);
  const auto earlier = make_ulid(std::chrono::system_clock::time_point(1'000ms), ones);
  const auto later = make_ulid(std::chrono::system_clock::time_point(1'001ms), {});
  EXPECT_LT(earlier, later);
}

TEST(Ulid, OfTheSameInstantDiffer) {
  const std::chrono::system_clock::time_point at(5s);
  EXPECT_NE(make_ulid(at), make_ulid(at));
  EXPECT_EQ(make_ulid(at).size(), 26U);
}

// Observes the memory that Secret wipes: it must happen before the container lets go of it.
struct Watched {
  char* octets;
  std::size_t octet_count;
  [[nodiscard]] char* data() { return octets; }
  [[nodiscard]] std::size_t size() const { return octet_count; }
  [[nodiscard]] bool empty() const { return octet_count == 0; }
  void clear() { octet_count = 0; }
};

TEST(Secret, WipesItsMemoryWhenItEnds) {
  char memory[] = "hunter2";
  { const Secret<Watched> secret(Watched{memory, 7}); }
  EXPECT_EQ(std::string(memory, 7), std::string(7, '\0'));
}

TEST(Secret, MovesTheValueAway) {
  Secret<std::string> from(std::string("short"));
  const Secret<std::string> to(std::move(from));
  EXPECT_EQ(to.expose(), "short");
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): that is the contract
}

static_assert(!std::is_copy_constructible_v<Secret<std::string>>);
static_assert(!std::is_copy_assignable_v<Secret<std::string>>);

TEST(UniqueFd, ClosesWhenItEnds) {
  int number = -1;
  {
    const auto fd = open_null();
    number = fd.get();
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(UniqueFd, MovingHandsOverAndClosesTheOldOne) {
  auto a = open_null();
  auto b = open_null();
  const int number_a = a.get();
  const int number_b = b.get();
  b = std::move(a);
  EXPECT_EQ(b.get(), number_a);
  EXPECT_FALSE(is_open(number_b));
  EXPECT_FALSE(a.is_open());  // NOLINT(bugprone-use-after-move): that is the contract
}

TEST(UniqueFd, ReleaseGivesUpOwnership) {
  int number = -1;
  {
    auto fd = open_null();
    number = fd.release();
  }
  EXPECT_TRUE(is_open(number));
  UniqueFd(number).reset();
  EXPECT_FALSE(is_open(number));
}

TEST(Result, CarriesTheCodeForProgramsAndTheContextForPeople) {
  const Result<int> failed = errno_error(ENOENT, "opening /x");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, boost::system::errc::no_such_file_or_directory);
  EXPECT_EQ(failed.error().text(), "opening /x: No such file or directory");
}

TEST(Result, TextOfHalfAnErrorIsTheHalf) {
  EXPECT_EQ(Error({}, "context").text(), "context");
  EXPECT_EQ(errno_error(ENOENT, "").text(), "No such file or directory");
}

TEST(ResultDeathTest, TakingTheValueOfAFailureIsABug) {
  const Result<int> failed = errno_error(ENOENT, "opening /x");
  EXPECT_DEATH((void)failed.value(), "bug: value taken.*opening /x");
}

TEST(Bytes, AndTextAreTwoViewsOfTheSameOctets) {
  const std::string text = "a\xff";
  EXPECT_EQ(as_bytes(text).size(), 2U);
  EXPECT_EQ(as_bytes(text)[1], 0xFF);
  EXPECT_EQ(as_text(as_bytes(text)), text);
}

TEST(Account, IsFoundByNameAndByNumber) {
  const auto root = find_account("root");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->uid, 0U);
  EXPECT_EQ(root->home, "/root");
  ASSERT_TRUE(find_account(uid_t{0}));
  EXPECT_EQ(find_account(uid_t{0})->name, "root");
  EXPECT_EQ(find_uid("root"), uid_t{0});
}

TEST(Account, NobodyIsMadeUp) {
  EXPECT_FALSE(find_account("no such user"));
  EXPECT_FALSE(find_uid(""));
  EXPECT_FALSE(find_account(uid_t{3'999'999'999}));
}

}  // namespace
}  // namespace agp
