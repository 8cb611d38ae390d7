// The helper's object against callers that come all at once, or leave too early.
#include "tests/helper/bus/helper_surface.h"

#include <map>
#include <set>

namespace agp::helper {
namespace {

// threat-model 15
TEST_F(HelperSurface, ManyCallsOfOneSenderCostNobodyElse) {
  polkit->holds = true;  // so that none is over before all have come
  CallerProcess greedy(0, [](sd_bus* caller) {
    std::map<std::string, int> counts;
    int left = 200;
    struct Count {
      std::map<std::string, int>* counts;
      int* left;
    } count{&counts, &left};
    const auto on_answer = [](sd_bus_message* reply, void* data, sd_bus_error*) {
      auto* to = static_cast<Count*>(data);
      const auto* error = sd_bus_message_get_error(reply);
      ++(*to->counts)[error == nullptr ? "ok" : name_of(std::string(error->name) + ":")];
      --*to->left;
      return 0;
    };
    for (int i = 0; i < 200; ++i) {
      (void)sd_bus_call_method_async(caller, nullptr, kBusName, kObjectPath, kInterface, "Status",
                                     on_answer, &count, "");
    }
    while (left > 0 && sd_bus_process(caller, nullptr) >= 0) {
      (void)sd_bus_wait(caller, 100'000);
    }
    return "ok " + std::to_string(counts["ok"]) + ", limited " +
           std::to_string(counts["LimitsExceeded"]);
  });
  run_until([this] { return polkit->held() == 2; });
  EXPECT_EQ(adaptor->calls_in_flight(), 2U);
  CallerProcess other(0, [](sd_bus* caller) { return ask(caller, kInterface, "Status", ""); });
  run_until([this] { return polkit->held() == 3; });
  polkit->holds = false;
  polkit->release();
  run_until([&] { return !other.is_running() && !greedy.is_running(); });
  EXPECT_EQ(other.found(), "ok");
  EXPECT_EQ(greedy.found(), "ok 2, limited 198");
  EXPECT_EQ(adaptor->calls_in_flight(), 0U);
}

TEST_F(HelperSurface, SixteenCallsAreInFlightAndNoMore) {
  polkit->holds = true;
  const auto two_calls = [](sd_bus* caller) {
    (void)sd_bus_call_method_async(
        caller, nullptr, kBusName, kObjectPath, kInterface, "Status",
        [](sd_bus_message*, void*, sd_bus_error*) { return 0; }, nullptr, "");
    return name_of(ask(caller, kInterface, "Status", ""));
  };
  std::vector<std::unique_ptr<CallerProcess>> callers;
  for (int i = 0; i < 8; ++i) {
    callers.push_back(std::make_unique<CallerProcess>(0, two_calls));
  }
  run_until([this] { return polkit->held() == 16; });
  CallerProcess late(0,
                     [](sd_bus* caller) { return name_of(ask(caller, kInterface, "Status", "")); });
  run_until([&] { return !late.is_running(); });
  EXPECT_EQ(late.found(), "LimitsExceeded");
  polkit->holds = false;
  polkit->release();
  for (auto& caller : callers) {
    run_until([&] { return !caller->is_running(); });
    EXPECT_EQ(caller->found(), "ok");
  }
}

// threat-model 15
TEST_F(HelperSurface, CapturesAreEightAtATimeAndTakeNoOtherPlace) {
  const auto capture = [](sd_bus* caller) {
    return name_of(ask(caller, kInterface, "CaptureScope", "su", kScope, ::getuid()));
  };
  polkit->holds = true;
  std::vector<std::unique_ptr<CallerProcess>> callers;
  for (int i = 0; i < 8; ++i) {
    callers.push_back(std::make_unique<CallerProcess>(kNobody, capture));
  }
  run_until([this] { return polkit->held() == 8; });
  for (const uid_t user : {kNobody, kSomebodyElse, uid_t{0}}) {
    EXPECT_EQ(serve(user, capture), "LimitsExceeded");
  }
  EXPECT_EQ(polkit->held(), 8U);
  CallerProcess other(
      0, [](sd_bus* caller) { return name_of(ask(caller, kInterface, "Status", "")); });
  run_until([this] { return polkit->held() == 9; });
  polkit->holds = false;
  polkit->release();
  for (auto& caller : callers) {
    run_until([&] { return !caller->is_running(); });
    EXPECT_EQ(caller->found(), "ok");
  }
  EXPECT_EQ(serve(kNobody, capture), "ok") << "there is room again";
  run_until([&] { return !other.is_running(); });
  EXPECT_EQ(other.found(), "ok");
}

TEST_F(HelperSurface, ASenderCapturesOneAtATime) {
  polkit->holds = true;
  CallerProcess caller(kNobody, [](sd_bus* at) {
    (void)sd_bus_call_method_async(
        at, nullptr, kBusName, kObjectPath, kInterface, "CaptureScope",
        [](sd_bus_message*, void*, sd_bus_error*) { return 0; }, nullptr, "su", kScope, kNobody);
    return name_of(ask(at, kInterface, "CaptureScope", "su", kScope, kNobody));
  });
  run_until([&] { return !caller.is_running(); });
  EXPECT_EQ(caller.found(), "LimitsExceeded");
  polkit->holds = false;
  polkit->release();
  run_until([this] { return adaptor->calls_in_flight() == 0; });
  EXPECT_LE(operations.calls.size(), 1U);
}

// threat-model 15
TEST_F(HelperSurface, WhoCapturesAllTheTimeIsToldToWaitAndNobodyElseIs) {
  const auto said = serve(kNobody, [](sd_bus* caller) {
    int granted = 0;
    std::string last = "ok";
    for (; last == "ok" && granted < 1000; ++granted) {
      last = name_of(ask(caller, kInterface, "CaptureScope", "su", kScope, kNobody));
    }
    return (granted > 20 ? "after a burst: " : "at once: ") + last;
  });
  EXPECT_EQ(said, "after a burst: LimitsExceeded");
  const auto capture = [](sd_bus* caller) {
    return name_of(ask(caller, kInterface, "CaptureScope", "su", kScope, ::getuid()));
  };
  EXPECT_EQ(serve(kSomebodyElse, capture), "ok");
  EXPECT_EQ(serve(0, capture), "ok");
}

// threat-model 9
TEST_F(HelperSurface, CallsThatWaitForAuthorizationActOnTheirOwnArguments) {
  polkit->holds = true;
  const auto bundle = [](const char* content) {
    return [content](sd_bus* caller) {
      auto* message = message_to(caller, kInterface, "EnsureTrustBundle");
      (void)sd_bus_message_append(message, "s", content);
      sd_bus_message* reply = nullptr;
      const char* path = nullptr;
      return sd_bus_call(caller, message, 20'000'000, nullptr, &reply) >= 0 &&
                     sd_bus_message_read(reply, "s", &path) >= 0
                 ? std::string(path)
                 : std::string("failed");
    };
  };
  CallerProcess first(0, bundle("first"));
  run_until([this] { return polkit->held() == 1; });
  CallerProcess second(0, bundle("second"));
  run_until([this] { return polkit->held() == 2; });
  CallerProcess third(0, [](sd_bus* caller) {
    return ask(caller, kInterface, "StopLanguageServer", "s", "cccccccccccccccccccccccccccccccc");
  });
  run_until([this] { return polkit->held() == 3; });
  EXPECT_TRUE(operations.calls.empty());
  polkit->release();  // the last one first
  run_until([&] { return !first.is_running() && !second.is_running() && !third.is_running(); });
  EXPECT_EQ(operations.calls, (std::vector<std::string>{"stop cccccccccccccccccccccccccccccccc",
                                                        "bundle second", "bundle first"}));
  const std::set<std::string> subjects(polkit->subjects.begin(), polkit->subjects.end());
  EXPECT_EQ(subjects.size(), 3U);
}

// threat-model 4
TEST_F(HelperSurface, ACallerThatIsGoneBeforeTheAnswerChangesNothing) {
  polkit->holds = true;
  {
    CallerProcess caller(0, [](sd_bus* at) { return ask(at, kInterface, "RemoveRedirect", ""); });
    run_until([this] { return polkit->held() == 1; });
  }  // killed
  polkit->holds = false;
  polkit->release();
  run_until([this] { return adaptor->calls_in_flight() == 0; });
  EXPECT_TRUE(operations.calls.empty());
}

}  // namespace
}  // namespace agp::helper
