#pragma once

#include "helper/bus/adaptor.h"
#include "tests/helper/bus/caller_process.h"
#include "tests/helper/bus/fake_polkit.h"
#include "tests/helper/bus/private_bus.h"

#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

/// The helper's object on a bus of its own, and what hostile callers of it need.
namespace agp::helper {

namespace asio = boost::asio;

constexpr uid_t kNobody = 65534;
constexpr uid_t kSomebodyElse = 1;  // the bus lets nobody in who has no account
constexpr char kInterface[] = "org.antigravityproxy.Helper1";
constexpr char kScope[] = "00112233445566778899aabbccddeeff";
/// All there are, and some that there are not.
constexpr const char* kMembers[] = {"EnsureRedirect",
                                    "RemoveRedirect",
                                    "EnsureTrustBundle",
                                    "StartLanguageServer",
                                    "LaunchLanguageServer",
                                    "StopLanguageServer",
                                    "Status",
                                    "IdePatchStatus",
                                    "ApplyIdePatch",
                                    "RevertIdePatch",
                                    "CaptureScope",
                                    "Run",
                                    "Get",
                                    "Set"};

inline std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Does nothing, and says how it was asked to.
class Recorder final : public core::HelperOperations {
 public:
  Result<> validate_start(const core::StartRequest& request) override {
    return core::validate(request, core::Settings());
  }
  Result<bool> ensure_redirect() override { return answer("ensure_redirect", false); }
  Result<bool> remove_redirect() override { return answer("remove_redirect", false); }
  Result<core::BundleOutcome> ensure_trust_bundle(const std::string& pem) override {
    return answer("bundle " + pem, core::BundleOutcome{"/run/bundle", pem, false});
  }
  Result<core::StartedServer> start_language_server(const core::StartRequest& request,
                                                    core::ServerStreams) override {
    return answer("start " + request.csrf_token, core::StartedServer{"id", "unit", false});
  }
  Result<> stop_language_server(const std::string& id) override {
    auto done = answer("stop " + id, true);
    return done ? Result<>() : Result<>(done.error());
  }
  Result<> check_capture(uid_t user, const std::string& id) override {
    looked_for.push_back(std::to_string(user) + " " + id);
    return {};
  }
  Result<std::string> capture_scope(uid_t user, const std::string& id) override {
    return answer("capture " + std::to_string(user) + " " + id, std::string("/run/bundle"));
  }
  core::StatusReport status() override {
    ++statuses;
    return {};
  }
  core::WatchReport watch(bool) override { return {}; }

  std::vector<std::string> calls;
  std::vector<std::string> looked_for;  // scopes
  std::size_t statuses = 0;
  std::vector<Error> failures;  // in turn; none: success

 private:
  template <class T>
  Result<T> answer(std::string call, T value) {
    if (failures.empty()) {
      calls.push_back(std::move(call));
      return value;
    }
    return failures[next_++ % failures.size()];
  }
  std::size_t next_ = 0;
};

class NoIdePatch final : public core::IdePatchOperations {
 public:
  Result<core::ExtensionOutcome> look() override { return core::ExtensionOutcome(); }
  Result<core::ExtensionOutcome> apply() override { return core::ExtensionOutcome(); }
  Result<core::ExtensionOutcome> revert(core::ExtensionFiles::WhenUndone) override {
    return core::ExtensionOutcome();
  }
};

/// "ok", or the name and text of the error.
inline std::string outcome(int r, const sd_bus_error& error) {
  return r >= 0 ? "ok" : std::string(error.name) + ": " + error.message;
}

inline std::string send(sd_bus* bus, sd_bus_message* message) {
  sd_bus_error error = SD_BUS_ERROR_NULL;
  const int r = sd_bus_call(bus, message, 20'000'000, &error, nullptr);
  auto said = r < 0 && error.name == nullptr ? std::string("no error: ") + std::strerror(-r)
                                             : outcome(r, error);
  sd_bus_error_free(&error);
  sd_bus_message_unref(message);
  return said;
}

/// The last part of an error's name; "ok" stays.
inline std::string name_of(const std::string& said) {
  const auto name = said.substr(0, said.find(':'));
  return name.substr(name.rfind('.') + 1);
}

inline sd_bus_message* message_to(sd_bus* bus, const char* interface, const char* member) {
  sd_bus_message* message = nullptr;
  if (sd_bus_message_new_method_call(bus, &message, kBusName, kObjectPath, interface, member) < 0) {
    ::_exit(2);
  }
  return message;
}

template <class... Values>
std::string ask(
    sd_bus* bus, const char* interface, const char* member, const char* types, Values... values) {
  auto* message = message_to(bus, interface, member);
  if (sd_bus_message_append(message, types, values...) < 0) {
    ::_exit(3);
  }
  return send(bus, message);
}

class HelperSurface : public ::testing::Test {
 protected:
  void SetUp() override { open_bus({}); }
  /// Answers outlive neither their call nor their connection.
  void TearDown() override {
    if (adaptor) {
      polkit->holds = false;
      polkit->release();
      run_until([this] { return adaptor->calls_in_flight() == 0; });
    }
  }

  void open_bus(const std::string& policy) {
    adaptor.reset();
    authority.reset();
    polkit.reset();
    helper_connection.reset();
    polkit_connection.reset();
    bus.emplace(policy);
    if (!bus->is_running() || ::geteuid() != 0) {
      GTEST_SKIP() << "SKIPPED: dbus-daemon cannot be started, or this is not root";
    }
    polkit_connection = open();
    helper_connection = open();
    polkit.emplace(polkit_connection.get());
    ASSERT_TRUE(polkit_connection->request_name("org.freedesktop.PolicyKit1"));
    authority.emplace(helper_connection.get());
    adaptor.emplace(helper_connection.get(), &*authority, &operations, &ide_patch, [] {});
    ASSERT_TRUE(helper_connection->request_name(kBusName));
  }

  std::unique_ptr<bus::Connection> open() {
    auto connection = bus::Connection::open_system(io.get_executor(), nullptr);
    EXPECT_TRUE(connection) << connection.error().text();
    (*connection)->start();
    return std::move(*connection);
  }

  /// Serves until the caller is done.
  std::string serve(uid_t uid, const std::function<std::string(sd_bus*)>& calls) {
    CallerProcess caller(uid, calls);
    while (caller.is_running()) {
      io.restart();
      (void)io.run_one_for(std::chrono::milliseconds(5));
    }
    return caller.found();
  }

  void run_until(const std::function<bool()>& is_so) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!is_so() && std::chrono::steady_clock::now() < end) {
      io.restart();
      (void)io.run_one_for(std::chrono::milliseconds(5));
    }
    ASSERT_TRUE(is_so());
  }

  asio::io_context io{1};
  std::optional<PrivateBus> bus;
  std::unique_ptr<bus::Connection> polkit_connection;
  std::unique_ptr<bus::Connection> helper_connection;
  std::optional<FakePolkit> polkit;
  Recorder operations;
  NoIdePatch ide_patch;
  std::optional<Authority> authority;
  std::optional<Adaptor> adaptor;
};

}  // namespace agp::helper
