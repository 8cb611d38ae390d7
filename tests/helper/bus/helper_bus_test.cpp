// The helper's object and the daemon's client on a bus of their own, with a polkit that says what
// it is told and operations that only write down that they were called.
#include "common/bus/call.h"
#include "daemon/bus/helper_client.h"
#include "helper/bus/adaptor.h"
#include "helper/core/errc.h"
#include "tests/helper/bus/fake_polkit.h"
#include "tests/helper/bus/private_bus.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace agp::helper {
namespace {

namespace asio = boost::asio;

class FakeOperations final : public core::HelperOperations {
 public:
  Result<> validate_start(const core::StartRequest& request) override {
    return core::validate(request, core::Settings());
  }
  Result<bool> ensure_redirect() override { return note("ensure_redirect", true); }
  Result<bool> remove_redirect() override { return note("remove_redirect", true); }
  Result<core::BundleOutcome> ensure_trust_bundle(const std::string& pem) override {
    return note("ensure_trust_bundle " + pem, core::BundleOutcome{"/run/b.pem", "ab", true});
  }
  Result<core::StartedServer> start_language_server(const core::StartRequest& request,
                                                    core::ServerStreams streams) override {
    std::array<char, 16> block{};
    const auto n = ::read(streams.input.get(), block.data(), block.size());
    if (streams.log.is_open()) {
      EXPECT_EQ(::write(streams.log.get(), "said", 4), 4);
    }
    return note("start " + request.csrf_token + " " +
                    std::string(block.data(), n > 0 ? static_cast<std::size_t>(n) : 0),
                core::StartedServer{std::string(32, 'a'), "unit", true});
  }
  Result<> stop_language_server(const std::string& id) override {
    calls.push_back("stop " + id);
    return {};
  }
  Result<> check_capture(uid_t user, const std::string& id) override {
    const bool is_there = scopes.empty() || id == scopes;
    asked.push_back(std::to_string(user) + " " + id);
    return is_there ? Result<>() : Result<>(Error(core::Errc::unit, "no such scope"));
  }
  Result<std::string> capture_scope(uid_t user, const std::string& id) override {
    return note("capture " + std::to_string(user) + " " + id, std::string("/run/b.pem"));
  }
  core::StatusReport status() override {
    calls.push_back("status");
    core::StatusReport report;
    report.redirect_ipv4 = "active";
    report.bundle_not_after = 12345678901;
    report.binaries = {{0, "/opt/ls", false, "does not exist"}};
    report.language_servers = {{"id", "unit", "active"}};
    report.egress = "strict";
    report.egress_guard = "loopback";
    report.repairs = 3;
    report.last_repair = 1700000000;
    report.last_lost = {"IPv4 nat"};
    report.watching = "announcements";
    report.problems = {"one\nproblem"};
    return report;
  }
  core::WatchReport watch(bool) override { return std::exchange(found, {}); }

  core::WatchReport found;

  std::vector<std::string> calls;
  std::vector<std::string> asked;
  std::string scopes;  // the one there is; empty: any
  std::optional<Error> failure;

 private:
  template <class T>
  Result<T> note(std::string call, T value) {
    calls.push_back(std::move(call));
    if (failure) {
      return *failure;
    }
    return value;
  }
};

class FakeIdePatch final : public core::IdePatchOperations {
 public:
  Result<core::ExtensionOutcome> look() override { return note("look"); }
  Result<core::ExtensionOutcome> apply() override { return note("apply"); }
  Result<core::ExtensionOutcome> revert(core::ExtensionFiles::WhenUndone when_undone) override {
    return note(when_undone == core::ExtensionFiles::WhenUndone::forget ? "forget" : "revert");
  }

  std::vector<std::string> calls;
  std::optional<Error> failure;

 private:
  Result<core::ExtensionOutcome> note(std::string call) {
    calls.push_back(std::move(call));
    if (failure) {
      return *failure;
    }
    core::ExtensionOutcome outcome;
    outcome.changed = true;
    outcome.files = {{"/usr/share/x.js", core::ExtensionState::patched, "de\ntail", "ab", "cd"}};
    return outcome;
  }
};

UniqueFd pipe_with(std::string_view text) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  EXPECT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::close(ends[1]);
  return UniqueFd(ends[0]);
}

/// Somewhere to log; nobody reads it.
UniqueFd log_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  static std::vector<UniqueFd> readers;  // without one, writing would end this program
  readers.emplace_back(ends[0]);
  return UniqueFd(ends[1]);
}

const bus::HelperStart kStart{42100, 42101, 35987, "token", "", "", 0, 42102};

class HelperBus : public ::testing::Test {
 protected:
  void SetUp() override {
    static PrivateBus bus;
    if (!bus.is_running()) {
      GTEST_SKIP() << "SKIPPED: dbus-daemon cannot be started";
    }
    polkit_connection = open();
    helper_connection = open();
    client_connection = open();
    polkit.emplace(polkit_connection.get());
    ASSERT_TRUE(polkit_connection->request_name("org.freedesktop.PolicyKit1"));
    authority.emplace(helper_connection.get());
    adaptor.emplace(helper_connection.get(), &*authority, &operations, &ide_patch, [] {});
    ASSERT_TRUE(helper_connection->request_name(kBusName));
    bus::HelperEvents events;
    events.redirect_changed = [this](bool active) {
      signals.push_back(active ? "redirect on" : "redirect off");
    };
    events.redirect_repaired = [this](const std::vector<std::string>& lost, bool stopped) {
      signals.push_back("repaired " + (lost.empty() ? "" : lost.front()) +
                        (stopped ? " stopped" : ""));
    };
    events.trust_bundle_changed = [this](const std::string& sha) {
      signals.push_back("bundle " + sha);
    };
    events.language_server_exited = [this](const std::string& id, const std::string& result,
                                           std::int32_t status) {
      signals.push_back("exit " + id + " " + result + " " + std::to_string(status));
    };
    events.helper_gone = [this] {
      signals.push_back("gone");
    };
    auto opened = bus::HelperClient::open(client_connection.get(), std::move(events));
    ASSERT_TRUE(opened);
    client = std::move(*opened);
  }

  std::unique_ptr<bus::Connection> open() {
    auto connection = bus::Connection::open_system(io.get_executor(), nullptr);
    EXPECT_TRUE(connection) << connection.error().text();
    (*connection)->start();
    return std::move(*connection);
  }

  /// Runs one call to its end.
  template <class T>
  Result<T> run(asio::awaitable<Result<T>> call) {
    std::optional<Result<T>> outcome;
    asio::co_spawn(io, std::move(call), [&](std::exception_ptr bug, Result<T> result) {
      EXPECT_FALSE(bug);
      outcome.emplace(std::move(result));
    });
    io.restart();
    while (!outcome && io.run_one_for(std::chrono::seconds(20)) > 0) {
    }
    if (!outcome) {
      return Error(bus::Errc::failed, "the call did not end");
    }
    return std::move(*outcome);
  }

  /// Messages to the client arrive in order: after an answer to a later call, all earlier signals
  /// are there.
  void settle() {
    const auto before = polkit->verdict;
    polkit->verdict = Verdict::yes;
    (void)run(client->status());
    polkit->verdict = before;
  }

  /// Every method of the interface, and what it would have done.
  std::vector<std::pair<std::string, std::function<Result<>()>>> methods() {
    const auto drop = [](const auto& result) {
      return result ? Result<>() : Result<>(result.error());
    };
    return {{kActionRedirect,
             [=, this] {
               return drop(run(client->ensure_redirect()));
             }},
            {kActionRedirect,
             [=, this] {
               return drop(run(client->remove_redirect()));
             }},
            {kActionTrust,
             [=, this] {
               return drop(run(client->ensure_trust_bundle("pem")));
             }},
            {kActionLanguageServer,
             [=, this] {
               return drop(run(client->start_language_server(kStart, pipe_with("x"), log_pipe())));
             }},
            {kActionLanguageServer,
             [=, this] {
               return drop(run(client->stop_language_server(std::string(32, 'a'))));
             }},
            {kActionStatus, [=, this] {
               return drop(run(client->status()));
             }}};
  }

  asio::io_context io{1};
  std::unique_ptr<bus::Connection> polkit_connection;
  std::unique_ptr<bus::Connection> helper_connection;
  std::unique_ptr<bus::Connection> client_connection;
  std::optional<FakePolkit> polkit;
  FakeOperations operations;
  FakeIdePatch ide_patch;
  std::optional<Authority> authority;
  std::optional<Adaptor> adaptor;
  std::unique_ptr<bus::HelperClient> client;
  std::vector<std::string> signals;
};

// threat-model 2
TEST_F(HelperBus, AnAllowedCallerGetsEveryMethodWithItsOwnAction) {
  for (const auto& [action, call] : methods()) {
    polkit->actions.clear();
    operations.calls.clear();
    auto done = call();
    EXPECT_TRUE(done) << action << ": " << done.error().text();
    EXPECT_EQ(polkit->actions, std::vector<std::string>{action});
    EXPECT_EQ(operations.calls.size(), 1U) << action;
    EXPECT_TRUE(polkit->subjects.back().starts_with("system-bus-name :")) << action;
  }
}

/// CaptureScope as anybody calls it; the daemon's client has no such method.
class CaptureBus : public HelperBus {
 protected:
  void SetUp() override {
    HelperBus::SetUp();
    if (!IsSkipped()) {
      proxy = sdbus::createProxy(client_connection->raw(), bus::compat::ServiceName(kBusName),
                                 bus::compat::ObjectPath(kObjectPath));
    }
  }
  void TearDown() override { proxy.reset(); }

  Result<std::tuple<std::string>> capture(std::uint32_t user, const std::string& id = kId) {
    return run(bus::call<std::string>(client_connection.get(), proxy.get(), kBusName,
                                      "CaptureScope", std::chrono::seconds(20), id, user));
  }

  static constexpr char kId[] = "00112233445566778899aabbccddeeff";
  const std::uint32_t self = ::geteuid();
  std::unique_ptr<sdbus::IProxy> proxy;
};

TEST_F(CaptureBus, CapturesForTheCallerAndSaysWhereTheBundleIs) {
  const auto done = capture(self);
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(std::get<0>(*done), "/run/b.pem");
  EXPECT_EQ(polkit->actions, std::vector<std::string>{kActionCaptureScope});
  EXPECT_EQ(operations.calls,
            std::vector<std::string>{"capture " + std::to_string(self) + " " + kId});
}

TEST_F(CaptureBus, OnlyRootNamesAnotherUser) {
  const auto other = capture(self + 1);
  EXPECT_EQ(other.has_value(), self == 0);
  if (self != 0) {
    EXPECT_EQ(other.error().code, bus::Errc::access_denied);
    EXPECT_TRUE(operations.calls.empty());
    EXPECT_TRUE(polkit->actions.empty());
  }
}

TEST_F(CaptureBus, NonsenseAndScopesThatAreNotThereAskNobody) {
  operations.scopes = std::string(32, 'f');
  for (const std::string id : {"", "x", "../../system.slice", "00112233445566778899AABBCCDDEEFF"}) {
    const auto done = capture(self, id);
    ASSERT_FALSE(done) << id;
    EXPECT_EQ(done.error().code, bus::Errc::invalid_args);
  }
  EXPECT_TRUE(operations.asked.empty());
  const auto absent = capture(self);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, bus::Errc::unit);
  EXPECT_TRUE(polkit->actions.empty());
  EXPECT_TRUE(operations.calls.empty());
}

TEST_F(CaptureBus, PolkitMayTakeItAway) {
  polkit->verdict = Verdict::no;
  const auto denied = capture(self);
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, bus::Errc::access_denied);
  polkit->verdict = Verdict::challenge;
  EXPECT_FALSE(capture(self));
  EXPECT_TRUE(operations.calls.empty());
}

TEST_F(CaptureBus, CapturesUnderWayTakeNoPlaceOfTheDaemons) {
  // Each from a connection of its own, all waiting for polkit.
  constexpr int kCalls = 20;
  std::vector<std::unique_ptr<bus::Connection>> connections;
  std::vector<std::unique_ptr<sdbus::IProxy>> proxies;
  int refused = 0;
  int done = 0;
  bool is_asked = false;
  polkit->on_question = [&] {
    if (std::exchange(is_asked, true)) {
      return;
    }
    asio::co_spawn(io, client->status(), [&](std::exception_ptr bug, auto result) {
      EXPECT_FALSE(bug);
      EXPECT_TRUE(result) << result.error().text();
    });
  };
  for (int i = 0; i < kCalls; ++i) {
    connections.push_back(open());
    proxies.push_back(sdbus::createProxy(connections.back()->raw(),
                                         bus::compat::ServiceName(kBusName),
                                         bus::compat::ObjectPath(kObjectPath)));
    auto call =
        bus::call<std::string>(connections.back().get(), proxies.back().get(), kBusName,
                               "CaptureScope", std::chrono::seconds(20), std::string(kId), self);
    asio::co_spawn(io, std::move(call), [&](std::exception_ptr bug, auto result) {
      EXPECT_FALSE(bug);
      ++done;
      refused += !result && result.error().code == bus::Errc::limits_exceeded ? 1 : 0;
    });
  }
  io.restart();
  while (done < kCalls && io.run_one_for(std::chrono::seconds(20)) > 0) {
  }
  EXPECT_EQ(done, kCalls);
  EXPECT_GT(refused, 0);
  settle();
  polkit->on_question = nullptr;
  proxies.clear();
}

// threat-model 2
// threat-model 12
TEST_F(HelperBus, ADeniedCallerGetsNothing) {
  polkit->verdict = Verdict::no;
  for (const auto& [action, call] : methods()) {
    auto done = call();
    ASSERT_FALSE(done) << action;
    EXPECT_EQ(done.error().code, bus::Errc::access_denied) << action;
  }
  EXPECT_TRUE(operations.calls.empty());
}

// threat-model 3
TEST_F(HelperBus, AQuestionThatNeedsAPersonIsRefused) {
  polkit->verdict = Verdict::challenge;
  for (const auto& [action, call] : methods()) {
    EXPECT_EQ(call().error().code, bus::Errc::interactive_authorization_required) << action;
  }
  EXPECT_TRUE(operations.calls.empty());
}

// threat-model 5
TEST_F(HelperBus, NoPolkitMeansDenied) {
  ASSERT_TRUE(polkit_connection->release_name("org.freedesktop.PolicyKit1"));
  for (const auto& [action, call] : methods()) {
    auto done = call();
    ASSERT_FALSE(done) << action;
    EXPECT_EQ(done.error().code, bus::Errc::access_denied) << action;
    EXPECT_NE(done.error().context.find("polkitd"), std::string::npos) << done.error().context;
  }
  EXPECT_TRUE(operations.calls.empty());
}

// threat-model 4
TEST_F(HelperBus, ASenderThatLeavesIsDenied) {
  // polkit says yes, but by then the sender is gone.
  auto leaving = open();
  auto proxy = sdbus::createProxy(leaving->raw(), bus::compat::ServiceName(kBusName),
                                  bus::compat::ObjectPath(kObjectPath));
  bool was_asked = false;
  polkit->on_question = [&] {
    was_asked = true;
    proxy.reset();
    leaving.reset();
  };
  auto ask = bus::call<bool>(leaving.get(), proxy.get(), kBusName, "EnsureRedirect",
                             std::chrono::seconds(5));
  asio::co_spawn(io, std::move(ask), [](std::exception_ptr, Result<std::tuple<bool>>) {});
  io.restart();
  while (!was_asked && io.run_one_for(std::chrono::seconds(20)) > 0) {
  }
  polkit->on_question = nullptr;
  ASSERT_TRUE(was_asked);
  while (adaptor->calls_in_flight() > 0 && io.run_one_for(std::chrono::seconds(20)) > 0) {
  }
  EXPECT_TRUE(operations.calls.empty());
}

// threat-model 17
// threat-model 19
TEST_F(HelperBus, NonsenseIsRefusedBeforeAnybodyIsAsked) {
  auto start = kStart;
  start.server_port = 80;
  EXPECT_EQ(run(client->start_language_server(start, pipe_with("x"), log_pipe())).error().code,
            bus::Errc::invalid_args);
  EXPECT_EQ(run(client->stop_language_server("../x")).error().code, bus::Errc::invalid_args);
  EXPECT_EQ(run(client->ensure_trust_bundle(std::string(8193, 'x'))).error().code,
            bus::Errc::invalid_args);
  EXPECT_TRUE(polkit->actions.empty());
  EXPECT_TRUE(operations.calls.empty());
}

// threat-model 18
TEST_F(HelperBus, RefusesDescriptorsThatAreNeitherPipeNorSealed) {
  for (const char* path : {"/dev/null", "/tmp", "/proc/self/exe"}) {
    auto refused = run(client->start_language_server(
        kStart, UniqueFd(::open(path, O_RDONLY | O_CLOEXEC)), log_pipe()));
    ASSERT_FALSE(refused) << path;
    EXPECT_EQ(refused.error().code, bus::Errc::invalid_args) << path;
  }
  for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR, O_PATH}) {
    UniqueFd log(::open("/dev/null", flags | O_CLOEXEC));
    auto refused = run(client->start_language_server(kStart, pipe_with("x"), std::move(log)));
    ASSERT_FALSE(refused) << flags;
    EXPECT_EQ(refused.error().code, bus::Errc::invalid_args) << flags;
  }
  auto reading_end = run(client->start_language_server(kStart, pipe_with("x"), pipe_with("x")));
  ASSERT_FALSE(reading_end);
  EXPECT_EQ(reading_end.error().code, bus::Errc::invalid_args);
  EXPECT_TRUE(operations.calls.empty());
}

TEST_F(HelperBus, PassesArgumentsAndDescriptorsOn) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd reading(ends[0]);
  auto started =
      run(client->start_language_server(kStart, pipe_with("metadata"), UniqueFd(ends[1])));
  ASSERT_TRUE(started) << started.error().text();
  EXPECT_EQ(started->id, std::string(32, 'a'));
  EXPECT_TRUE(started->has_one_token);
  EXPECT_EQ(operations.calls, std::vector<std::string>{"start token metadata"});
  std::array<char, 16> block{};
  EXPECT_EQ(::read(reading.get(), block.data(), block.size()), 4);
}

TEST_F(HelperBus, TheFirstStartMethodIsStillThere) {
  auto old = open();
  auto proxy = sdbus::createProxy(old->raw(), bus::compat::ServiceName(kBusName),
                                  bus::compat::ObjectPath(kObjectPath));
  const sdbus::UnixFd input(pipe_with("old").release(), sdbus::adopt_fd);
  const std::uint16_t server = 42100;
  const std::uint16_t lsp = 42101;
  const std::uint16_t extension = 35987;
  const std::string token = "token";
  const std::string none;
  const std::uint32_t index = 0;
  auto asked = bus::call<std::string, std::string>(
      old.get(), proxy.get(), kBusName, "StartLanguageServer", std::chrono::seconds(5), server, lsp,
      extension, token, none, none, index, input);
  auto started = run(std::move(asked));
  ASSERT_TRUE(started) << started.error().text();
  EXPECT_EQ(operations.calls, std::vector<std::string>{"start token old"});
  EXPECT_EQ(polkit->actions, std::vector<std::string>{kActionLanguageServer});
}

using ExtensionRow = sdbus::Struct<std::string, std::string, std::string, std::string, std::string>;

/// The daemon does not call these: a proxy of a caller's own.
class HelperBusIdePatch : public HelperBus {
 protected:
  void SetUp() override {
    HelperBus::SetUp();
    if (client_connection) {
      proxy = sdbus::createProxy(client_connection->raw(), bus::compat::ServiceName(kBusName),
                                 bus::compat::ObjectPath(kObjectPath));
    }
  }
  void TearDown() override { proxy.reset(); }

  template <class... Out, class... In>
  Result<std::tuple<Out...>> ask(const char* member, In... arguments) {
    return run(bus::call<Out...>(client_connection.get(), proxy.get(), kBusName, member,
                                 std::chrono::seconds(5), arguments...));
  }
  Result<std::tuple<bool, std::vector<ExtensionRow>>> change(const char* member, auto... in) {
    return ask<bool, std::vector<ExtensionRow>>(member, in...);
  }

  std::unique_ptr<sdbus::IProxy> proxy;
};

TEST_F(HelperBusIdePatch, AnAllowedCallerChangesWithAnActionOfItsOwn) {
  auto applied = change("ApplyIdePatch");
  ASSERT_TRUE(applied) << applied.error().text();
  EXPECT_TRUE(std::get<0>(*applied));
  ASSERT_EQ(std::get<1>(*applied).size(), 1U);
  EXPECT_EQ(std::get<1>(std::get<1>(*applied)[0]), "patched");
  EXPECT_EQ(std::get<2>(std::get<1>(*applied)[0]), "de?tail");
  EXPECT_EQ(polkit->actions, std::vector<std::string>{kActionIdePatch});
  ASSERT_TRUE(change("RevertIdePatch", false));
  ASSERT_TRUE(change("RevertIdePatch", true));
  EXPECT_EQ(polkit->actions, std::vector<std::string>(3, kActionIdePatch));
  ASSERT_TRUE(ask<std::vector<ExtensionRow>>("IdePatchStatus"));
  EXPECT_EQ(polkit->actions.back(), kActionStatus);
  EXPECT_EQ(ide_patch.calls, (std::vector<std::string>{"apply", "revert", "forget", "look"}));
}

// threat-model 6
TEST_F(HelperBusIdePatch, ADeniedCallerChangesAndLearnsNothing) {
  for (const auto& [verdict, code] :
       {std::pair{Verdict::no, bus::Errc::access_denied},
        std::pair{Verdict::challenge, bus::Errc::interactive_authorization_required}}) {
    polkit->verdict = verdict;
    EXPECT_EQ(change("ApplyIdePatch").error().code, code);
    EXPECT_EQ(change("RevertIdePatch", true).error().code, code);
    EXPECT_EQ(ask<std::vector<ExtensionRow>>("IdePatchStatus").error().code, code);
  }
  ASSERT_TRUE(polkit_connection->release_name("org.freedesktop.PolicyKit1"));
  EXPECT_EQ(change("ApplyIdePatch").error().code, bus::Errc::access_denied);
  EXPECT_TRUE(ide_patch.calls.empty());
}

// threat-model 6
TEST_F(HelperBusIdePatch, TakesNoPathAndNoOtherArgument) {
  EXPECT_EQ(change("ApplyIdePatch", std::string("/etc/shadow")).error().code,
            bus::Errc::invalid_args);
  EXPECT_EQ(change("RevertIdePatch").error().code, bus::Errc::invalid_args);
  EXPECT_EQ(change("RevertIdePatch", std::string("/etc/shadow")).error().code,
            bus::Errc::invalid_args);
  EXPECT_TRUE(ide_patch.calls.empty());
  ide_patch.failure = Error(core::Errc::configuration, "helper.yaml:1:1: stub");
  EXPECT_EQ(change("ApplyIdePatch").error().code, bus::Errc::configuration);
}

TEST_F(HelperBus, TellsChanges) {
  ASSERT_TRUE(run(client->ensure_redirect()));
  ASSERT_TRUE(run(client->ensure_trust_bundle("pem")));
  ASSERT_TRUE(run(client->remove_redirect()));
  core::WatchReport found;
  found.exits = {{"id", "signal", 9}};
  adaptor->report(found);
  settle();
  const std::vector<std::string> expected{"redirect on", "bundle ab", "redirect off",
                                          "exit id signal 9"};
  EXPECT_EQ(signals, expected);
}

TEST_F(HelperBus, TellsOfRulesThatOthersRemoved) {
  core::WatchReport found;
  found.repairs = {{{"IPv4 nat", "IPv6 nat"}, false}, {{"IPv4 filter"}, true}};
  found.exits = {{"id", "success", 0}};
  adaptor->report(found);
  core::WatchReport failed;
  failed.loss = Error(core::Errc::firewall, "stub");
  adaptor->report(failed);
  settle();
  // The end of a language server comes after what explains it.
  const std::vector<std::string> expected{
      "repaired IPv4 nat", "redirect on",       "repaired IPv4 filter stopped",
      "redirect on",       "exit id success 0", "redirect off"};
  EXPECT_EQ(signals, expected);
}

TEST_F(HelperBus, ALossThatACallFindsIsToldBeforeItsAnswer) {
  operations.found.repairs = {{{"IPv6 filter"}, false}};
  ASSERT_TRUE(run(client->ensure_redirect()));
  ASSERT_FALSE(signals.empty());
  EXPECT_EQ(signals.front(), "repaired IPv6 filter");
}

TEST_F(HelperBus, TellsWhenTheHelperLeaves) {
  settle();
  ASSERT_TRUE(helper_connection->release_name(kBusName));
  io.restart();
  while (signals.empty() && io.run_one_for(std::chrono::seconds(20)) > 0) {
  }
  EXPECT_EQ(signals, std::vector<std::string>{"gone"});
  EXPECT_EQ(run(client->status()).error().code, bus::Errc::not_running);
}

TEST_F(HelperBus, StatusArrivesWhole) {
  auto status = run(client->status());
  ASSERT_TRUE(status) << status.error().text();
  EXPECT_EQ(status->redirect_ipv4, "active");
  EXPECT_EQ(status->bundle_not_after, 12345678901);
  ASSERT_EQ(status->binaries.size(), 1U);
  EXPECT_EQ(status->binaries[0].reason, "does not exist");
  ASSERT_EQ(status->language_servers.size(), 1U);
  EXPECT_EQ(status->language_servers[0].active_state, "active");
  EXPECT_EQ(status->first_port, 42100);
  EXPECT_EQ(status->egress, "strict");
  EXPECT_EQ(status->egress_guard, "loopback");
  EXPECT_EQ(status->repairs, 3U);
  EXPECT_EQ(status->last_repair, 1700000000);
  EXPECT_EQ(status->last_lost, std::vector<std::string>{"IPv4 nat"});
  EXPECT_EQ(status->watching, "announcements");
  EXPECT_EQ(status->problems, std::vector<std::string>{"one?problem"});
}

TEST_F(HelperBus, ErrorsKeepTheirKindAndText) {
  operations.failure = Error(core::Errc::firewall_missing, "install the package iptables");
  auto failed = run(client->ensure_redirect());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, bus::Errc::firewall_missing);
  EXPECT_NE(failed.error().context.find("install the package iptables"), std::string::npos);
}

// threat-model 10
TEST_F(HelperBus, UnknownMembersAndWrongSignaturesAreCleanErrors) {
  auto proxy = sdbus::createProxy(client_connection->raw(), bus::compat::ServiceName(kBusName),
                                  bus::compat::ObjectPath(kObjectPath));
  const auto call = [&](const char* member, auto... arguments) {
    return run(bus::call<>(client_connection.get(), proxy.get(), kBusName, member,
                           std::chrono::seconds(5), arguments...));
  };
  EXPECT_EQ(call("Run").error().code, bus::Errc::unknown_member);
  EXPECT_EQ(call("EnsureTrustBundle", std::uint32_t{1}).error().code, bus::Errc::invalid_args);
  EXPECT_EQ(call("StopLanguageServer").error().code, bus::Errc::invalid_args);
  EXPECT_TRUE(run(client->status()));
}

// threat-model 15
TEST_F(HelperBus, ManyCallsOfOneSenderAreLimited) {
  auto proxy = sdbus::createProxy(client_connection->raw(), bus::compat::ServiceName(kBusName),
                                  bus::compat::ObjectPath(kObjectPath));
  std::size_t limited = 0;
  std::size_t ended = 0;
  for (int i = 0; i < 50; ++i) {
    auto call = bus::call<bool>(client_connection.get(), proxy.get(), kBusName, "EnsureRedirect",
                                std::chrono::seconds(20));
    asio::co_spawn(io, std::move(call), [&](std::exception_ptr, auto r) {
      ++ended;
      limited += !r && r.error().code == bus::Errc::limits_exceeded ? 1 : 0;
    });
  }
  io.restart();
  while (ended < 50 && io.run_one_for(std::chrono::seconds(20)) > 0) {
  }
  EXPECT_EQ(ended, 50U);
  EXPECT_GT(limited, 0U);
  EXPECT_LT(limited, 50U);
  EXPECT_EQ(adaptor->calls_in_flight(), 0U);
}

TEST_F(HelperBus, TheClientsOwnCallsWaitForTheirTurn) {
  std::size_t most = 0;
  polkit->on_question = [&] {
    most = std::max(most, adaptor->calls_in_flight());
  };
  std::size_t ended = 0;
  for (int i = 0; i < 50; ++i) {
    asio::co_spawn(io, client->status(), [&](std::exception_ptr, auto r) {
      ++ended;
      EXPECT_TRUE(r) << r.error().text();
    });
  }
  io.restart();
  while (ended < 50 && io.run_one_for(std::chrono::seconds(20)) > 0) {
  }
  EXPECT_EQ(ended, 50U);
  EXPECT_LE(most, 2U);
  polkit->on_question = nullptr;
}

TEST_F(HelperBus, AClientThatEndsTellsThoseWhoWait) {
  std::size_t disconnected = 0;
  for (int i = 0; i < 5; ++i) {
    asio::co_spawn(io, client->status(), [&](std::exception_ptr, auto r) {
      disconnected += !r && r.error().code == bus::Errc::disconnected ? 1 : 0;
    });
  }
  io.restart();
  while (polkit->actions.empty() && io.run_one_for(std::chrono::seconds(20)) > 0) {
  }
  client.reset();
  while (disconnected < 3 && io.run_one_for(std::chrono::seconds(20)) > 0) {
  }
  EXPECT_EQ(disconnected, 3U);
  while (adaptor->calls_in_flight() > 0 && io.run_one_for(std::chrono::seconds(20)) > 0) {
  }
}

}  // namespace
}  // namespace agp::helper
