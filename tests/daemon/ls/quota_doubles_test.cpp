// Quota and models of the Go doubles, in each era. AGP_DOUBLES names the folder with the built
// doubles.

#include "common/base/unique_fd.h"
#include "daemon/ls/errors.h"
#include "daemon/ls/json_path.h"
#include "daemon/ls/quota_reader.h"
#include "tests/daemon/ls/temp_dir.h"

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace agp::ls {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Words = std::vector<std::string>;

constexpr const char* kReset = "2038-01-01T00:00:00Z";

/// A fake-ide with its language server; both end with it.
class Ide {
 public:
  Ide(const Words& words, const std::vector<std::pair<std::string, std::string>>& environment) {
    std::vector<char*> argv;
    for (const auto& word : words) {
      argv.push_back(const_cast<char*>(word.c_str()));
    }
    argv.push_back(nullptr);
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      ::dup2(ends[1], STDOUT_FILENO);
      for (const auto& [name, value] : environment) {
        ::setenv(name.c_str(), value.c_str(), 1);
      }
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    out_.reset(ends[0]);
  }
  Ide(const Ide&) = delete;
  Ide& operator=(const Ide&) = delete;
  ~Ide() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }

  /// Where its language server listens.
  std::shared_ptr<const Endpoint> endpoint() {
    auto out = std::make_shared<Endpoint>();
    std::string line;
    for (char c = 0; ::read(out_.get(), &c, 1) == 1;) {
      if (c != '\n') {
        line += c;
        continue;
      }
      boost::system::error_code ec;
      const auto event = boost::json::parse(line, ec);
      line.clear();
      if (!ec && event.is_object() && text_at(event.get_object(), "event") == "ready") {
        out->instance = "own";
        out->port = static_cast<std::uint16_t>(count_at(event.get_object(), "https_port"));
        out->csrf_token = Secret<std::string>(text_at(event.get_object(), "csrf_token"));
        break;
      }
    }
    return out;
  }

 private:
  pid_t pid_ = -1;
  UniqueFd out_;
};

class OneEndpoint final : public EndpointSource {
 public:
  [[nodiscard]] std::shared_ptr<const Endpoint> endpoint() const override { return there; }
  [[nodiscard]] std::string unavailable_reason() const override { return ""; }
  std::shared_ptr<const Endpoint> there;
};

class QuotaOfDoubles : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("AGP_DOUBLES");
    if (folder == nullptr || !fs::exists(fs::path(folder) / "fake-language-server")) {
      GTEST_SKIP() << "build the doubles (tests/fakes/build DIR) and set AGP_DOUBLES=DIR";
    }
    from_ = folder;
    const auto bin = dir_.path() / "antigravity/resources/app/extensions/antigravity/bin";
    fs::create_directories(bin);
    fs::create_directories(dir_.path() / "home");
    binary_ = (bin / "language_server_linux_x64").string();
    fs::copy_file(from_ / "fake-language-server", binary_);
  }
  void start(std::vector<std::pair<std::string, std::string>> knobs, const Words& more = {}) {
    knobs.emplace_back("HOME", dir_.path() / "home");
    knobs.emplace_back("FAKE_LS_ERA", GetParam());
    knobs.emplace_back("FAKE_LS_AUX", "off");
    knobs.emplace_back("FAKE_LS_UPSTREAM", "off");
    knobs.emplace_back("FAKE_LS_QUOTA_RESET", kReset);
    Words words = {from_ / "fake-ide", "--era", GetParam(), "--ls-binary", binary_};
    words.insert(words.end(), more.begin(), more.end());
    ide_.emplace(words, knobs);
    source_.there = ide_->endpoint();
    ASSERT_NE(source_.there->port, 0) << "fake-ide did not start";
    QuotaReader::Options options;
    options.pace = {0s, 0s};
    options.call_limit = limit_;
    reader_.emplace(io_.get_executor(), &source_, std::move(options));
  }
  Result<QuotaReading> read() {
    std::optional<Result<QuotaReading>> out;
    io_.restart();  // it stops whenever it has nothing to do
    asio::co_spawn(io_, reader_->read(),
                   [&](std::exception_ptr, auto value) { out.emplace(std::move(value)); });
    while (!out) {
      io_.run_one();
    }
    return std::move(*out);
  }
  /// The login arrives a moment after the port, perhaps between two methods: the first has the
  /// plan.
  Account account() {
    while (true) {
      const auto reading = read();
      if (reading && !reading->account->plan.name.empty()) {
        return *reading->account;
      }
      if (!reading && reading.error().code != Errc::failed_precondition) {
        ADD_FAILURE() << reading.error().text();
        return {};
      }
    }
  }

  fs::path from_;
  TempDir dir_;
  std::string binary_;
  std::chrono::steady_clock::duration limit_ = 10s;
  std::optional<Ide> ide_;
  asio::io_context io_;
  OneEndpoint source_;
  std::optional<QuotaReader> reader_;
};

TEST_P(QuotaOfDoubles, EachModelHasItsShare) {
  for (const char* omit : {"on", "off"}) {
    start({{"FAKE_LS_QUOTA", "MODEL_PLACEHOLDER_M18=0"}, {"FAKE_LS_OMIT_ZERO", omit}});
    const auto known = account();
    ASSERT_GT(known.models.size(), 1U);
    for (const auto& each : known.models) {
      const auto expected =
          each.model.enum_name == "MODEL_PLACEHOLDER_M18" ? Fraction::none() : Fraction::of(0.8);
      EXPECT_EQ(each.allowance.remaining, expected) << each.id;
      EXPECT_EQ(each.allowance.resets_at, kReset);
    }
    EXPECT_TRUE(known.pools.empty()) << "an IDE's language server names none";
  }
}

TEST_P(QuotaOfDoubles, WhatIsNoFigureIsNoNumber) {
  for (const auto& [answers, why] :
       {std::pair("placeholder", Unknown::placeholder), std::pair("none", Unknown::not_given)}) {
    start({{"FAKE_LS_QUOTA_ANSWERS", answers}});
    const auto known = account();
    ASSERT_FALSE(known.models.empty());
    for (const auto& each : known.models) {
      EXPECT_FALSE(each.allowance.remaining) << answers << " " << each.id;
      EXPECT_EQ(each.allowance.unknown, why) << answers << " " << each.id;
    }
  }
}

TEST_P(QuotaOfDoubles, PoolsAreReadWhereTheyAreNamed) {
  for (const char* nested : {"off", "on"}) {
    start({{"FAKE_LS_QUOTA_SUMMARY", "on"},
           {"FAKE_LS_QUOTA_NESTED", nested},
           {"FAKE_LS_QUOTA_BUCKETS", "gemini-5h=0.75,3p-weekly=0"}});
    const auto known = account();
    ASSERT_EQ(known.pools.size(), 2U);
    EXPECT_EQ(known.pools[0].buckets.at(0).window, "5h");
    EXPECT_EQ(known.pools[0].buckets.at(0).allowance.remaining, Fraction::of(0.75));
    EXPECT_EQ(known.pools[1].buckets.at(0).window, "weekly");
    EXPECT_EQ(known.pools[1].buckets.at(0).allowance.remaining, Fraction::none());
  }
}

TEST_P(QuotaOfDoubles, WithoutALoginThereIsNoneWhetherItFailsOrHangs) {
  for (const char* how : {"500", "hang"}) {
    // Long enough for the methods that do answer, however busy the machine is.
    limit_ = std::string(how) == "hang" ? std::chrono::steady_clock::duration(3s) : 10s;
    start({{"FAKE_LS_LOGGED_OUT", how}, {"FAKE_LS_OWN_LOGIN", "off"}}, {"--logged-out"});
    const auto reading = read();
    ASSERT_FALSE(reading) << how;
    EXPECT_EQ(reading.error().code, Errc::failed_precondition) << how;
  }
}

INSTANTIATE_TEST_SUITE_P(Eras, QuotaOfDoubles, ::testing::Values("e1", "e2", "e3"));

using QuotaOfTheHub = QuotaOfDoubles;

TEST_P(QuotaOfTheHub, HasPools) {
  start({}, {"--hub"});
  const auto known = account();
  ASSERT_EQ(known.pools.size(), 2U);
  EXPECT_EQ(known.pools[0].buckets.size(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Third, QuotaOfTheHub, ::testing::Values("e3"));

}  // namespace
}  // namespace agp::ls
