#include "daemon/bus/daemon_object.h"

#include "cli/daemon_client.h"
#include "common/base/unique_fd.h"
#include "common/bus/compat.h"
#include "common/bus/connection.h"
#include "polkit_adaptor.h"
#include "tests/daemon/api/fake_ledger.h"
#include "tests/daemon/api/fake_logins.h"
#include "tests/daemon/api/memory_ledger.h"
#include "tests/daemon/api/some_records.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

namespace agp::daemon_bus {
namespace {

using PolkitAnswer = sdbus::Struct<bool, bool, std::map<std::string, std::string>>;

/// A polkit that says what the test wants.
class FakePolkit final
    : public sdbus::AdaptorInterfaces<org::freedesktop::PolicyKit1::Authority_adaptor> {
 public:
  FakePolkit(bus::Connection* connection, bool says_yes)
      : AdaptorInterfaces(connection->raw(),
                          bus::compat::ObjectPath("/org/freedesktop/PolicyKit1/Authority")),
        connection_(connection),
        says_yes_(says_yes) {
    registerAdaptor();
  }
  FakePolkit(const FakePolkit&) = delete;
  FakePolkit& operator=(const FakePolkit&) = delete;
  FakePolkit(FakePolkit&&) = delete;
  FakePolkit& operator=(FakePolkit&&) = delete;
  ~FakePolkit() { unregisterAdaptor(); }

  std::vector<std::string> actions;
  std::vector<std::uint32_t> flags;
  bool is_silent = false;  // somebody looks for a password
  std::promise<void> asked;

 private:
  void CheckAuthorization(sdbus::Result<PolkitAnswer>&& reply,
                          sdbus::Struct<std::string, std::map<std::string, sdbus::Variant>>,
                          std::string action,
                          std::map<std::string, std::string>,
                          std::uint32_t flag,
                          std::string) override {
    actions.push_back(action);
    flags.push_back(flag);
    if (is_silent) {
      waiting_.push_back(std::move(reply));
      asked.set_value();
      return;
    }
    PolkitAnswer answer(says_yes_, false, {});
    reply.returnResults(answer);
    connection_->kick();
  }
  bus::Connection* connection_;
  bool says_yes_;
  std::vector<sdbus::Result<PolkitAnswer>> waiting_;
};

// Runs under dbus-run-session, whose bus is made the system bus by the environment.
class DaemonObjectTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(std::getenv("DBUS_SESSION_BUS_ADDRESS"), nullptr) << "run under dbus-run-session";
    ASSERT_EQ(::setenv("DBUS_SYSTEM_BUS_ADDRESS", std::getenv("DBUS_SESSION_BUS_ADDRESS"), 1), 0);
  }
  void start() {
    auto connection = bus::Connection::open_system(io_.get_executor(), [](Error) {});
    ASSERT_TRUE(connection) << connection.error().text();
    connection_ = std::move(*connection);
    DaemonPorts ports;
    ports.ledger = other_ledger_ != nullptr ? other_ledger_ : &ledger_;
    ports.pool = &pool_;
    ports.logins = has_logins_ ? &logins_ : nullptr;
    ports.status = [this] {
      api::StatusReport report;
      report.version = "1.2.3";
      report.language_server.state = orders_.empty() ? "running" : orders_;
      report.language_server.log = {"its last words"};
      report.problems = {{"language-server", "it ended", "see"}, {"other", "x", "y"}};
      report.policy = api::StatusReport::Policy();
      report.policy->generation = static_cast<std::uint64_t>(reloads_);
      report.ca_not_after = usage::Micros(std::chrono::seconds(1'800'000'000));
      report.capture_active = is_captured_;
      report.capture_released = !is_captured_;
      report.capture_is_settled = looks_until_settled_ == 0;
      report.language_server.is_settled = looks_until_settled_ == 0;
      looks_until_settled_ -= looks_until_settled_ > 0 ? 1 : 0;
      return report;
    };
    ports.order_language_server = [this](LanguageServerOrder order) {
      orders_ += order == LanguageServerOrder::start  ? "start "
                 : order == LanguageServerOrder::stop ? "stop "
                                                      : "restart ";
      looks_until_settled_ = 2;
    };
    ports.ca = [this] {
      api::CaReport report;
      report.certificate.sha256 = "ab12";
      report.problem = ca_problem_;
      if (looks_until_settled_ > 0) {
        --looks_until_settled_;
        report.rotation = api::CaReport::Rotation{"switching", std::nullopt};
      }
      return report;
    };
    ports.rotate_ca = [this] {
      ++rotations_;
      looks_until_settled_ = 2;
    };
    ports.order_capture = [this](bool wanted) {
      is_captured_ = wanted;
      looks_until_settled_ = 2;
    };
    ports.policy = [] {
      return std::string("the policy");
    };
    ports.check_policy = [](const std::string& host, const std::string& method,
                            const std::string& path) {
      return host + ' ' + method + ' ' + path;
    };
    ports.reload_policy = [this] {
      ++reloads_;
      return std::string("reloaded");
    };
    ports.visibility = rules_;
    ports.now = [] {
      return usage::Micros(std::chrono::seconds(1'795'320'000));
    };
    auto object = DaemonObject::create(connection_.get(), std::move(ports));
    ASSERT_TRUE(object) << object.error().text();
    object_ = std::move(*object);
    ASSERT_TRUE(connection_->request_name(kBusName));
    connection_->start();
    thread_ = std::thread([this] {
      const auto work = boost::asio::make_work_guard(io_);
      io_.run();
    });
  }
  /// Before start().
  void start_polkit(bool says_yes) {
    auto connection = bus::Connection::open_system(io_.get_executor(), [](Error) {});
    ASSERT_TRUE(connection) << connection.error().text();
    polkit_connection_ = std::move(*connection);
    polkit_.emplace(polkit_connection_.get(), says_yes);
    ASSERT_TRUE(polkit_connection_->request_name("org.freedesktop.PolicyKit1"));
    polkit_connection_->start();
  }
  void TearDown() override {
    if (thread_.joinable()) {
      boost::asio::post(io_, [this] {
        connection_->stop();
        if (polkit_connection_) {
          polkit_connection_->stop();
        }
        io_.stop();
      });
      thread_.join();
      object_->end_exports();
      pool_.join();
      io_.restart();
      io_.poll();
      object_->close();
      io_.restart();
      io_.poll();
    }
    object_.reset();
    connection_.reset();
    polkit_.reset();
    polkit_connection_.reset();
    pool_.join();
  }

  api::test::FakeLedger ledger_;
  ledger::Ledger* other_ledger_ = nullptr;
  api::test::FakeLogins logins_;
  bool has_logins_ = true;
  api::VisibilityRules rules_;
  boost::asio::io_context io_{1};
  boost::asio::thread_pool pool_{1};
  std::unique_ptr<bus::Connection> connection_;
  std::unique_ptr<DaemonObject> object_;
  std::unique_ptr<bus::Connection> polkit_connection_;
  std::optional<FakePolkit> polkit_;
  std::atomic<int> reloads_{0};
  bool is_captured_ = true;      // of the object's thread while that runs
  std::string ca_problem_;       // the same
  int rotations_ = 0;            // the same
  std::string orders_;           // of the object's thread while that runs
  int looks_until_settled_ = 0;  // the same
  std::thread thread_;
};

std::string document_of(const cli::Answer<std::string>& answer) {
  const auto* text = std::get_if<std::string>(&answer);
  return text == nullptr ? "failed: " + std::get<cli::Failure>(answer).message : *text;
}

// What a client of the bus sees, by the plain C library.
class Client {
 public:
  Client() { EXPECT_GE(sd_bus_open_system(&bus_), 0); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  Client(Client&&) = delete;
  Client& operator=(Client&&) = delete;
  ~Client() { sd_bus_flush_close_unref(bus_); }
  [[nodiscard]] sd_bus* get() const { return bus_; }

 private:
  sd_bus* bus_ = nullptr;
};

TEST_F(DaemonObjectTest, UsageIsTheDocumentOfTheApi) {
  ledger_.report = ledger::Report{api::test::some_sums(), {{{"flash"}, api::test::some_sums()}}};
  start();
  const auto document = document_of(cli::BusDaemon().usage({{"since", "-7d"}}));
  EXPECT_NE(document.find("\"key\":{\"model\":\"flash\"},\"calls\":2"), std::string::npos)
      << document;
  EXPECT_TRUE(ledger_.asked.filter.since.has_value());
}

TEST_F(DaemonObjectTest, QuotaModelsAndSessionsAreTheDocumentsOfTheApi) {
  rules_.daemon_uid = ::geteuid();
  api::QuotaAnswer quota;
  quota.account = std::make_shared<ls::Account>();
  quota.owner = 1000;
  logins_.quota_answer = quota;
  logins_.models_answer.models = {{"m", "M", false}};
  logins_.sessions_answer.sessions.resize(1);
  start();
  const auto document = document_of(cli::BusDaemon().quota());
  EXPECT_NE(document.find("antigravity-proxy.quota.v1"), std::string::npos) << document;
  EXPECT_NE(document_of(cli::BusDaemon().models()).find("\"id\":\"m\""), std::string::npos);
  EXPECT_NE(document_of(cli::BusDaemon().sessions()).find("\"kind\":\"ide\""), std::string::npos);
}

TEST_F(DaemonObjectTest, HowQuotasWentIsTheDocumentOfTheApiForTheSenderAlone) {
  rules_.daemon_uid = ::geteuid() + 1;
  ledger_.courses = std::vector<quota::Course>{
      {{1000, quota::Kind::model, "flash", "flash", ""}, {{usage::Micros(), 0.5, std::nullopt}}}};
  start();
  const Client client;
  sd_bus_message* reply = nullptr;
  ASSERT_GE(sd_bus_call_method(client.get(), kBusName, kObjectPath, kBusName, "QuotaHistory",
                               nullptr, &reply, "a{ss}", 1, "since", "-24h"),
            0);
  const char* history = nullptr;
  ASSERT_GE(sd_bus_message_read(reply, "s", &history), 0);
  EXPECT_NE(std::string(history).find("\"name\":\"flash\""), std::string::npos) << history;
  sd_bus_message_unref(reply);
  const auto owners =
      ::geteuid() == 0 ? std::nullopt : std::optional(std::vector<std::uint32_t>{::geteuid()});
  EXPECT_EQ(ledger_.asked_quota.owners, owners);
  const auto why = document_of(cli::BusDaemon().why({{"window", "1h"}}));
  EXPECT_NE(why.find("antigravity-proxy.why.v1"), std::string::npos) << why;
  EXPECT_EQ(ledger_.asked_page.filter.owners, owners);
  const auto wrong = cli::BusDaemon().why({{"window", "long"}});
  const auto* failure = std::get_if<cli::Failure>(&wrong);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->exit, cli::Exit::data);
  EXPECT_NE(failure->message.find("window"), std::string::npos) << failure->message;
}

TEST_F(DaemonObjectTest, WithoutALoginTheAnswerSaysWhatToDo) {
  rules_.daemon_uid = ::geteuid();
  start();
  const auto answer = cli::BusDaemon().quota();
  const auto* failure = std::get_if<cli::Failure>(&answer);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->exit, cli::Exit::failed);
  EXPECT_NE(failure->message.find("sign in in the IDE"), std::string::npos) << failure->message;
}

TEST_F(DaemonObjectTest, WithoutALanguageServerAllThreeSaySo) {
  rules_.daemon_uid = ::geteuid();
  has_logins_ = false;
  start();
  cli::BusDaemon daemon;
  for (const auto& answer : {daemon.quota(), daemon.models(), daemon.sessions()}) {
    const auto* failure = std::get_if<cli::Failure>(&answer);
    ASSERT_NE(failure, nullptr);
    EXPECT_NE(failure->message.find("language_server.mode"), std::string::npos) << failure->message;
  }
}

TEST_F(DaemonObjectTest, TheQuotaOfAnotherUserIsRefused) {
  if (::geteuid() == 0) {
    GTEST_SKIP() << "root sees all";
  }
  api::QuotaAnswer quota;
  quota.account = std::make_shared<ls::Account>();
  quota.owner = ::geteuid() + 1;
  logins_.quota_answer = quota;
  rules_.daemon_uid = ::geteuid() + 2;
  start();
  const auto answer = cli::BusDaemon().quota();
  const auto* failure = std::get_if<cli::Failure>(&answer);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->exit, cli::Exit::refused);
}

TEST_F(DaemonObjectTest, AWrongParameterIsNamed) {
  start();
  const auto answer = cli::BusDaemon().usage({{"colour", "red"}});
  const auto* failure = std::get_if<cli::Failure>(&answer);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->exit, cli::Exit::data);
  EXPECT_NE(failure->message.find("colour"), std::string::npos);
}

TEST_F(DaemonObjectTest, RecordsAreThePageOfTheApi) {
  ledger::Page page;
  page.records.emplace_back().id = "01A";
  page.next = "01A";
  ledger_.page = page;
  start();
  const auto document = document_of(cli::BusDaemon().records({{"limit", "1"}, {"model", "m"}}));
  EXPECT_NE(document.find("\"next_cursor\":\"01A\""), std::string::npos) << document;
  EXPECT_EQ(ledger_.asked_page.limit, 1U);
  EXPECT_EQ(ledger_.asked_page.filter.model, "m");
}

// The descriptor of an anonymous file, and what was written to it.
class Sink {
 public:
  Sink() : fd_(::memfd_create("export", MFD_CLOEXEC)) {}
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::string text() const {
    std::string out(static_cast<std::size_t>(::lseek(fd_.get(), 0, SEEK_END)), ' ');
    EXPECT_EQ(::pread(fd_.get(), out.data(), out.size(), 0), static_cast<ssize_t>(out.size()));
    return out;
  }

 private:
  UniqueFd fd_;
};

void fill(api::test::MemoryLedger& ledger, int count) {
  for (int i = 0; i < count; ++i) {
    auto record = api::test::full_record();
    record.id.clear();
    ledger.append(record);
  }
}

TEST_F(DaemonObjectTest, AnExportGoesThroughAPipe) {
  api::test::MemoryLedger kept;
  fill(kept, 1000);
  other_ledger_ = &kept;
  start();
  const Sink sink;
  const auto answer = cli::BusDaemon().export_records({{"format", "ndjson"}}, sink.fd());
  ASSERT_NE(std::get_if<std::uint64_t>(&answer), nullptr) << std::get<cli::Failure>(answer).message;
  EXPECT_EQ(std::get<std::uint64_t>(answer), 1000U);
  const auto text = sink.text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1000);
}

TEST_F(DaemonObjectTest, AnExportThatFailsHalfWayIsAFailure) {
  api::test::MemoryLedger kept;
  fill(kept, 1000);
  kept.fail_from(3);
  other_ledger_ = &kept;
  start();
  const Sink sink;
  const auto answer = cli::BusDaemon().export_records({{"format", "csv"}}, sink.fd());
  const auto* failure = std::get_if<cli::Failure>(&answer);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->exit, cli::Exit::failed);
  EXPECT_FALSE(sink.text().empty());
}

TEST_F(DaemonObjectTest, WhoCannotBeToldApartIsRefused) {
  rules_.overflow_uid = ::getuid();
  start();
  const auto refused = std::get<cli::Failure>(cli::BusDaemon().status());
  EXPECT_EQ(refused.exit, cli::Exit::refused);
  EXPECT_NE(refused.message.find("could not be told which user"), std::string::npos)
      << refused.message;
  EXPECT_EQ(std::get<cli::Failure>(cli::BusDaemon().usage({})).exit, cli::Exit::refused);
}

TEST_F(DaemonObjectTest, AnExportIsForPeopleWhoMaySeeIt) {
  rules_.ls_uid = ::getuid();
  start();
  const Sink sink;
  EXPECT_EQ(std::get<cli::Failure>(cli::BusDaemon().records({})).exit, cli::Exit::refused);
  const auto answer = cli::BusDaemon().export_records({{"format", "csv"}}, sink.fd());
  EXPECT_EQ(std::get<cli::Failure>(answer).exit, cli::Exit::refused);
  EXPECT_EQ(sink.text(), "");
}

TEST_F(DaemonObjectTest, AWrongExportIsNamed) {
  start();
  const Sink sink;
  const auto answer = cli::BusDaemon().export_records({{"format", "xlsx"}}, sink.fd());
  EXPECT_EQ(std::get<cli::Failure>(answer).exit, cli::Exit::data);
  EXPECT_NE(std::get<cli::Failure>(answer).message.find("ndjson"), std::string::npos);
}

// The error's name, or "" for an answer.
std::string export_into(sd_bus* bus, int fd) {
  sd_bus_error error = SD_BUS_ERROR_NULL;
  sd_bus_message* reply = nullptr;
  (void)sd_bus_call_method(bus, kBusName, kObjectPath, kBusName, "Export", &error, &reply, "a{ss}h",
                           1, "format", "csv", fd);
  std::string out = error.name == nullptr ? "" : error.name;
  sd_bus_error_free(&error);
  sd_bus_message_unref(reply);
  return out;
}

TEST_F(DaemonObjectTest, AnExportIsWrittenToPipesAndSocketsAlone) {
  start();
  const Client client;
  const Sink file;
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const UniqueFd reading(pipe[0]);
  UniqueFd writing(pipe[1]);
  int sockets[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  const UniqueFd mine(sockets[0]);
  const UniqueFd theirs(sockets[1]);
  EXPECT_EQ(export_into(client.get(), file.fd()), SD_BUS_ERROR_INVALID_ARGS);
  EXPECT_EQ(export_into(client.get(), reading.get()), SD_BUS_ERROR_INVALID_ARGS);
  EXPECT_EQ(export_into(client.get(), writing.get()), "");
  EXPECT_EQ(export_into(client.get(), theirs.get()), "");
}

TEST_F(DaemonObjectTest, AReaderThatLeavesEndsTheExport) {
  (void)::signal(SIGPIPE, SIG_IGN);  // as the daemon does
  api::test::MemoryLedger kept;
  fill(kept, 1000);
  other_ledger_ = &kept;
  start();
  const Client client;
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  UniqueFd reading(pipe[0]);
  const UniqueFd writing(pipe[1]);
  reading.reset();
  EXPECT_EQ(export_into(client.get(), writing.get()), SD_BUS_ERROR_FAILED);
}

TEST_F(DaemonObjectTest, AnExportThatNobodyReadsDoesNotOutliveTheObject) {
  api::test::MemoryLedger kept;
  fill(kept, 1000);
  other_ledger_ = &kept;
  start();
  const Client client;
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const UniqueFd reading(pipe[0]);
  const UniqueFd writing(pipe[1]);
  ASSERT_GE(sd_bus_call_method_async(
                client.get(), nullptr, kBusName, kObjectPath, kBusName, "Export",
                [](sd_bus_message*, void*, sd_bus_error*) { return 0; }, nullptr, "a{ss}h", 1,
                "format", "csv", writing.get()),
            0);
  ASSERT_GE(sd_bus_flush(client.get()), 0);
  char octet = 0;
  ASSERT_EQ(::read(reading.get(), &octet, 1), 1);  // it has begun; the rest does not fit
  // What is used too late or never freed is the sanitizers' to find in TearDown.
}

TEST_F(DaemonObjectTest, StatusIsTheDocumentOfTheApi) {
  start();
  const auto document = document_of(cli::BusDaemon().status());
  EXPECT_NE(document.find("\"version\":\"1.2.3\""), std::string::npos) << document;
}

TEST_F(DaemonObjectTest, TheAccountOfTheLanguageServerIsRefused) {
  rules_.ls_uid = ::getuid();
  start();
  for (const auto& answer :
       {cli::BusDaemon().status(), cli::BusDaemon().usage({}), cli::BusDaemon().policy(),
        cli::BusDaemon().check_policy("a", "", "")}) {
    const auto* failure = std::get_if<cli::Failure>(&answer);
    ASSERT_NE(failure, nullptr);
    EXPECT_EQ(failure->exit, cli::Exit::refused);
  }
}

TEST_F(DaemonObjectTest, ALedgerThatCannotBeReadIsAFailure) {
  ledger_.report = Error(ledger::Errc::damaged, "open");
  start();
  const auto answer = cli::BusDaemon().usage({});
  const auto* failure = std::get_if<cli::Failure>(&answer);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->exit, cli::Exit::failed);
}

TEST_F(DaemonObjectTest, TotalsAreTyped) {
  ledger_.report = ledger::Report{api::test::some_sums(), {}};
  start();
  const Client client;
  sd_bus_message* reply = nullptr;
  ASSERT_GE(sd_bus_call_method(client.get(), kBusName, kObjectPath, kBusName, "Totals", nullptr,
                               &reply, ""),
            0);
  std::map<std::string, std::uint64_t> totals;
  ASSERT_GE(sd_bus_message_enter_container(reply, 'a', "{st}"), 0);
  const char* key = nullptr;
  std::uint64_t value = 0;
  while (sd_bus_message_read(reply, "{st}", &key, &value) > 0) {
    totals[key] = value;
  }
  sd_bus_message_unref(reply);
  EXPECT_EQ(totals.at("total"), 123U);
  EXPECT_EQ(totals.at("calls"), 2U);
}

TEST_F(DaemonObjectTest, TellsOfARecordAndLeavesOutWhatIsUnknown) {
  start();
  const Client client;
  ASSERT_GE(sd_bus_match_signal(
                client.get(), nullptr, kBusName, kObjectPath, kBusName, "UsageRecorded",
                [](sd_bus_message*, void*, sd_bus_error*) { return 0; }, nullptr),
            0);
  usage::Record record;
  record.id = "01ABC";
  record.model = "flash";
  record.response_id = "bad\xFF";
  record.flags = {"bad_event"};
  ledger_.append(record);
  sd_bus_message* message = nullptr;
  while (message == nullptr) {
    const int result = sd_bus_process(client.get(), &message);
    ASSERT_GE(result, 0);
    if (result == 0) {
      ASSERT_GT(sd_bus_wait(client.get(), 60'000'000), 0) << "no signal came";
    }
    if (message != nullptr && sd_bus_message_is_signal(message, kBusName, "UsageRecorded") <= 0) {
      sd_bus_message_unref(message);
      message = nullptr;
    }
  }
  std::map<std::string, std::string> seen;
  ASSERT_GE(sd_bus_message_enter_container(message, 'a', "{sv}"), 0);
  while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
    const char* key = nullptr;
    const char* contents = nullptr;
    ASSERT_GE(sd_bus_message_read(message, "s", &key), 0);
    ASSERT_GE(sd_bus_message_peek_type(message, nullptr, &contents), 0);
    if (std::string_view(contents) == "s") {
      const char* text = nullptr;
      ASSERT_GE(sd_bus_message_read(message, "v", "s", &text), 0);
      seen[key] = text;
    } else {
      seen[key] = contents;
      ASSERT_GE(sd_bus_message_skip(message, "v"), 0);
    }
    ASSERT_GE(sd_bus_message_exit_container(message), 0);
  }
  sd_bus_message_unref(message);
  EXPECT_EQ(seen.at("id"), "01ABC");
  EXPECT_EQ(seen.at("cascade_source"), "none");
  EXPECT_EQ(seen.at("sequence"), "t");
  EXPECT_EQ(seen.at("flags"), "as");
  EXPECT_EQ(seen.at("response_id"), "bad\xEF\xBF\xBD") << "the bus carries UTF-8 alone";
  EXPECT_EQ(seen.count("cost_pico_usd_estimate"), 0U);
  EXPECT_EQ(seen.at("model"), "flash");
  EXPECT_EQ(seen.count("total"), 0U);
  EXPECT_EQ(seen.count("cascade_id"), 0U);
}

TEST_F(DaemonObjectTest, TellsOfClientsThatRefuseOurCertificate) {
  start();
  const Client client;
  ASSERT_GE(sd_bus_match_signal(
                client.get(), nullptr, kBusName, kObjectPath, kBusName, "ClientRefusedCertificate",
                [](sd_bus_message*, void*, sd_bus_error*) { return 0; }, nullptr),
            0);
  boost::asio::post(io_, [&] { object_->announce_refused_certificate("a.example", 4); });
  sd_bus_message* message = nullptr;
  while (message == nullptr) {
    const int result = sd_bus_process(client.get(), &message);
    ASSERT_GE(result, 0);
    if (result == 0) {
      ASSERT_GT(sd_bus_wait(client.get(), 60'000'000), 0) << "no signal came";
    }
    if (message != nullptr &&
        sd_bus_message_is_signal(message, kBusName, "ClientRefusedCertificate") <= 0) {
      sd_bus_message_unref(message);
      message = nullptr;
    }
  }
  const char* host = nullptr;
  std::uint64_t count = 0;
  EXPECT_GT(sd_bus_message_read(message, "st", &host, &count), 0);
  EXPECT_STREQ(host, "a.example");
  EXPECT_EQ(count, 4U);
  sd_bus_message_unref(message);
}

// Collects what PropertiesChanged says, by name.
class Watch {
 public:
  Watch() {
    EXPECT_GE(sd_bus_match_signal(client_.get(), nullptr, kBusName, kObjectPath,
                                  "org.freedesktop.DBus.Properties", "PropertiesChanged", on_signal,
                                  this),
              0);
  }
  /// Waits for a signal about `name`; false when none comes.
  bool comes(const std::string& name) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (seen_.count(name) == 0 && std::chrono::steady_clock::now() < end) {
      if (sd_bus_process(client_.get(), nullptr) == 0) {
        (void)sd_bus_wait(client_.get(), 100'000);
      }
    }
    return seen_.erase(name) > 0;
  }
  [[nodiscard]] const std::multiset<std::string>& others() const { return seen_; }
  [[nodiscard]] sd_bus* bus() const { return client_.get(); }

 private:
  static int on_signal(sd_bus_message* message, void* self, sd_bus_error*) {
    const char* interface = nullptr;
    EXPECT_GE(sd_bus_message_read(message, "s", &interface), 0);
    EXPECT_STREQ(interface, kBusName);
    EXPECT_GE(sd_bus_message_enter_container(message, 'a', "{sv}"), 0);
    while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
      const char* name = nullptr;
      EXPECT_GE(sd_bus_message_read(message, "s", &name), 0);
      EXPECT_GE(sd_bus_message_skip(message, "v"), 0);
      EXPECT_GE(sd_bus_message_exit_container(message), 0);
      static_cast<Watch*>(self)->seen_.insert(name);
    }
    return 0;
  }
  Client client_;
  std::multiset<std::string> seen_;
};

std::string text_property(sd_bus* bus, const char* name) {
  char* value = nullptr;
  EXPECT_GE(sd_bus_get_property_string(bus, kBusName, kObjectPath, kBusName, name, nullptr, &value),
            0);
  std::string out = value == nullptr ? "" : value;
  std::free(value);  // NOLINT(cppcoreguidelines-no-malloc): sd-bus allocates with malloc
  return out;
}

template <class Number>
Number number_property(sd_bus* bus, const char* name, char type) {
  Number value{};
  EXPECT_GE(sd_bus_get_property_trivial(bus, kBusName, kObjectPath, kBusName, name, nullptr, type,
                                        &value),
            0)
      << name;
  return value;
}

TEST_F(DaemonObjectTest, PropertiesAreValuesOfTheStatus) {
  start();
  const Client client;
  EXPECT_EQ(text_property(client.get(), "Version"), AGP_VERSION);
  EXPECT_EQ(text_property(client.get(), "State"), "ok");
  EXPECT_EQ(text_property(client.get(), "LanguageServerState"), "running");
  EXPECT_EQ(number_property<int>(client.get(), "CaptureActive", 'b'), 1);
  EXPECT_EQ(number_property<std::uint32_t>(client.get(), "Problems", 'u'), 2U);
  EXPECT_EQ(number_property<std::int64_t>(client.get(), "CaExpiry", 'x'), 1'800'000'000'000'000);
  EXPECT_EQ(number_property<std::uint64_t>(client.get(), "PolicyGeneration", 't'), 0U);
}

TEST_F(DaemonObjectTest, WhatChangedIsToldAndNothingElse) {
  start();
  Watch watch;
  boost::asio::post(io_, [&] {
    object_->tell_changes();  // of nothing
    is_captured_ = false;
    ++reloads_;
    orders_ = "stopped";
    object_->tell_changes();
  });
  for (const char* name : {"CaptureActive", "PolicyGeneration", "LanguageServerState"}) {
    EXPECT_TRUE(watch.comes(name)) << name;
  }
  EXPECT_TRUE(watch.others().empty()) << *watch.others().begin();
  EXPECT_EQ(number_property<int>(watch.bus(), "CaptureActive", 'b'), 0);
  EXPECT_EQ(text_property(watch.bus(), "LanguageServerState"), "stopped");
}

TEST_F(DaemonObjectTest, AChangeIsToldThoughSomebodyReadItBefore) {
  start();
  Watch watch;
  std::promise<void> changed;
  boost::asio::post(io_, [&] {
    is_captured_ = false;
    changed.set_value();
  });
  changed.get_future().get();
  EXPECT_EQ(number_property<int>(watch.bus(), "CaptureActive", 'b'), 0);
  boost::asio::post(io_, [&] { object_->tell_changes(); });
  EXPECT_TRUE(watch.comes("CaptureActive"));
}

TEST_F(DaemonObjectTest, PolkitDecidesAboutCaptureAndTheAnswerWaits) {
  start_polkit(true);
  start();
  const auto off = document_of(cli::BusDaemon().stop_capture());
  EXPECT_NE(off.find("antigravity-proxy.capture.v1"), std::string::npos) << off;
  EXPECT_NE(off.find("\"active\":false,\"switched_off\":true"), std::string::npos) << off;
  EXPECT_EQ(looks_until_settled_, 0) << "it was looked at until it was done";
  const auto on = document_of(cli::BusDaemon().start_capture());
  EXPECT_NE(on.find("\"active\":true,\"switched_off\":false"), std::string::npos) << on;
  EXPECT_EQ(polkit_->actions, std::vector<std::string>(2, "org.antigravityproxy.control-capture"));
}

TEST_F(DaemonObjectTest, APolkitThatSaysNoKeepsCaptureAsItIs) {
  rules_.is_member = [](std::uint32_t) {
    return true;  // that is enough to drive the language server, and not for this
  };
  start_polkit(false);
  start();
  for (const auto& answer : {cli::BusDaemon().stop_capture(), cli::BusDaemon().start_capture()}) {
    const auto* failure = std::get_if<cli::Failure>(&answer);
    ASSERT_NE(failure, nullptr);
    EXPECT_EQ(failure->exit, cli::Exit::refused);
  }
  EXPECT_NE(document_of(cli::BusDaemon().capture()).find("\"active\":true"), std::string::npos);
}

TEST_F(DaemonObjectTest, TheAuthorityIsShownAndPolkitDecidesWhetherItIsReplaced) {
  start_polkit(true);
  start();
  const auto shown = document_of(cli::BusDaemon().ca());
  EXPECT_NE(shown.find("antigravity-proxy.ca.v1"), std::string::npos) << shown;
  EXPECT_TRUE(polkit_->actions.empty());
  const auto rotated = document_of(cli::BusDaemon().rotate_ca());
  EXPECT_NE(rotated.find("\"rotation\":null"), std::string::npos) << "it waits: " << rotated;
  EXPECT_EQ(rotations_, 1);
  EXPECT_EQ(polkit_->actions, std::vector<std::string>{"org.antigravityproxy.rotate-ca"});
}

TEST_F(DaemonObjectTest, ARotationThatFailsIsAFailure) {
  ca_problem_ = "the disk is full";
  start_polkit(true);
  start();
  const auto answer = cli::BusDaemon().rotate_ca();
  const auto* failure = std::get_if<cli::Failure>(&answer);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->exit, cli::Exit::failed);
  EXPECT_NE(failure->message.find("the disk is full"), std::string::npos);
}

TEST_F(DaemonObjectTest, APolkitThatSaysNoKeepsTheAuthority) {
  start_polkit(false);
  start();
  const auto answer = cli::BusDaemon().rotate_ca();
  const auto* failure = std::get_if<cli::Failure>(&answer);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->exit, cli::Exit::refused);
  EXPECT_EQ(rotations_, 0);
}

TEST_F(DaemonObjectTest, ThePolicyIsShownAndAsked) {
  start();
  EXPECT_EQ(document_of(cli::BusDaemon().policy()), "the policy");
  EXPECT_EQ(document_of(cli::BusDaemon().check_policy("a.example", "GET", "/x")),
            "a.example GET /x");
  for (const auto& answer : {cli::BusDaemon().check_policy("a.example", "GET", ""),
                             cli::BusDaemon().check_policy("", "GET", std::string(40'000, 'x'))}) {
    const auto* failure = std::get_if<cli::Failure>(&answer);
    ASSERT_NE(failure, nullptr);
    EXPECT_EQ(failure->exit, cli::Exit::data);
  }
}

TEST_F(DaemonObjectTest, PolkitDecidesWhetherThePolicyIsReloaded) {
  start_polkit(true);
  start();
  EXPECT_EQ(document_of(cli::BusDaemon().reload_policy()), "reloaded");
  EXPECT_EQ(reloads_, 1);
  EXPECT_EQ(polkit_->actions, std::vector<std::string>{"org.antigravityproxy.reload-policy"});
  EXPECT_EQ(polkit_->flags, std::vector<std::uint32_t>{1}) << "a person may be asked";
}

TEST_F(DaemonObjectTest, APolkitThatSaysNoKeepsThePolicy) {
  start_polkit(false);
  start();
  const auto answer = cli::BusDaemon().reload_policy();
  const auto* failure = std::get_if<cli::Failure>(&answer);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->exit, cli::Exit::refused);
  EXPECT_EQ(reloads_, 0);
}

TEST_F(DaemonObjectTest, TheLanguageServersPartHasItsProblemsAlone) {
  rules_.is_member = [](std::uint32_t) {
    return true;
  };
  start();
  const auto document = document_of(cli::BusDaemon().language_server());
  EXPECT_NE(document.find("antigravity-proxy.language-server.v1"), std::string::npos) << document;
  EXPECT_NE(document.find("its last words"), std::string::npos);
  EXPECT_NE(document.find("it ended"), std::string::npos);
  EXPECT_EQ(document.find("other"), std::string::npos);
}

TEST_F(DaemonObjectTest, OrdersOfThoseWhoMayDriveItAreCarriedOut) {
  rules_.is_member = [](std::uint32_t) {
    return true;
  };
  start();
  EXPECT_NE(document_of(cli::BusDaemon().start_language_server()).find("start"), std::string::npos);
  EXPECT_NE(document_of(cli::BusDaemon().stop_language_server()).find("stop"), std::string::npos);
  EXPECT_NE(document_of(cli::BusDaemon().restart_language_server()).find("start stop restart"),
            std::string::npos);
}

TEST_F(DaemonObjectTest, OthersNeedPolkitAndSeeNoLog) {
  if (::getuid() == 0) {
    GTEST_SKIP() << "SKIPPED: root may drive every language server";
  }
  start_polkit(true);
  start();
  const auto document = document_of(cli::BusDaemon().stop_language_server());
  EXPECT_NE(document.find("stop"), std::string::npos);
  EXPECT_EQ(document.find("its last words"), std::string::npos);
  EXPECT_EQ(document_of(cli::BusDaemon().language_server()).find("its last words"),
            std::string::npos);
  EXPECT_EQ(document_of(cli::BusDaemon().status()).find("its last words"), std::string::npos);
  EXPECT_EQ(polkit_->actions,
            std::vector<std::string>{"org.antigravityproxy.control-language-server"});
}

TEST_F(DaemonObjectTest, APolkitThatSaysNoKeepsTheLanguageServer) {
  if (::getuid() == 0) {
    GTEST_SKIP() << "SKIPPED: root may drive every language server";
  }
  start_polkit(false);
  start();
  const auto answer = cli::BusDaemon().stop_language_server();
  const auto* failure = std::get_if<cli::Failure>(&answer);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->exit, cli::Exit::refused);
  const auto document = document_of(cli::BusDaemon().language_server());
  EXPECT_NE(document.find("running"), std::string::npos) << document;
}

TEST_F(DaemonObjectTest, AQuestionThatNobodyAnswersDoesNotOutliveTheObject) {
  start_polkit(true);
  polkit_->is_silent = true;
  start();
  const Client client;
  ASSERT_GE(sd_bus_call_method_async(
                client.get(), nullptr, kBusName, kObjectPath, kBusName, "ReloadPolicy",
                [](sd_bus_message*, void*, sd_bus_error*) { return 0; }, nullptr, ""),
            0);
  ASSERT_GE(sd_bus_flush(client.get()), 0);
  polkit_->asked.get_future().get();
  // The rest is TearDown: what is used too late or never freed is the sanitizers' to find.
  EXPECT_EQ(reloads_, 0);
}

TEST_F(DaemonObjectTest, WithoutPolkitThePolicyIsNotReloaded) {
  start();
  const auto answer = cli::BusDaemon().reload_policy();
  const auto* failure = std::get_if<cli::Failure>(&answer);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->exit, cli::Exit::refused);
  EXPECT_EQ(reloads_, 0);
}

TEST_F(DaemonObjectTest, NobodyOnTheBusIsToldWithTheRemedy) {
  const auto answer = cli::BusDaemon().status();
  const auto* failure = std::get_if<cli::Failure>(&answer);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->exit, cli::Exit::unavailable);
  EXPECT_NE(failure->hint.find("systemctl start antigravity-proxy"), std::string::npos);
}

}  // namespace
}  // namespace agp::daemon_bus
