#include "daemon/control/errors.h"
#include "daemon/ls/connect_client.h"
#include "daemon/ls/errors.h"
#include "daemon/ls/ls_driver.h"
#include "daemon/ls/supervisor.h"
#include "daemon/ls/turn_sink.h"
#include "tests/daemon/ls/fake_connect_server.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace agp::ls {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Call = FakeConnectServer::Call;
using Reply = FakeConnectServer::Reply;

std::shared_ptr<Endpoint> endpoint_of(const FakeConnectServer& server, std::string pem = "") {
  auto endpoint = std::make_shared<Endpoint>();
  endpoint->port = server.port();
  endpoint->csrf_token = Secret<std::string>("token");
  endpoint->certificate_pem = std::move(pem);
  return endpoint;
}

TEST(ConnectClient, SendsWhatTheProtocolAsksForAndKeepsTheConnection) {
  asio::io_context io;
  FakeConnectServer server(&io, [](const Call&) { return Reply{200, R"({"a":1})"}; });
  ConnectClient client(endpoint_of(server, server.certificate_pem()));
  EXPECT_EQ(*wait(&io, client.call("Heartbeat", "{}", seconds(5))), R"({"a":1})");
  EXPECT_EQ(*wait(&io, client.call("GetX", R"({"b":2})", seconds(5))), R"({"a":1})");
  ASSERT_EQ(server.calls().size(), 2U);
  const auto& call = server.calls()[1];
  EXPECT_NE(call.head.find("POST /exa.language_server_pb.LanguageServerService/GetX HTTP/1.1"),
            std::string::npos);
  EXPECT_NE(call.head.find("x-codeium-csrf-token: token"), std::string::npos);
  EXPECT_NE(call.head.find("Connect-Protocol-Version: 1"), std::string::npos);
  EXPECT_NE(call.head.find("Content-Type: application/json"), std::string::npos);
  EXPECT_EQ(call.body, R"({"b":2})");
  EXPECT_EQ(server.connections(), 1U);
}

TEST(ConnectClient, RefusesAnotherCertificateBeforeSendingTheToken) {
  asio::io_context io;
  FakeConnectServer server(&io, [](const Call&) { return Reply{}; });
  ConnectClient client(endpoint_of(server, make_certificate().first));
  const auto answer = wait(&io, client.call("Heartbeat", "{}", seconds(5)));
  EXPECT_EQ(answer.error().code, Errc::certificate_mismatch);
  EXPECT_TRUE(server.calls().empty());
}

TEST(ConnectClient, DecodesErrorsOfTheProtocol) {
  asio::io_context io;
  FakeConnectServer server(&io, [](const Call& call) {
    return call.method == "GetA"
               ? Reply{401, R"({"code":"unauthenticated","message":"missing CSRF token"})"}
               : Reply{404, "404 page not found"};
  });
  ConnectClient client(endpoint_of(server));
  const auto a = wait(&io, client.call("GetA", "{}", seconds(5)));
  EXPECT_EQ(a.error().code, Errc::unauthenticated);
  EXPECT_NE(a.error().context.find("missing CSRF token"), std::string::npos);
  EXPECT_EQ(wait(&io, client.call("GetB", "{}", seconds(5))).error().code, Errc::unimplemented);
}

TEST(ConnectClient, SpeaksTheBinaryFormToo) {
  asio::io_context io;
  const std::string octets("\x0a\x00\x01", 3);
  FakeConnectServer server(&io, [&](const Call&) { return Reply{200, octets}; });
  ConnectClient client(endpoint_of(server));
  EXPECT_EQ(*wait(&io, client.call("GetX", octets, seconds(5), WireCoding::proto)), octets);
  const auto& call = server.calls()[0];
  EXPECT_NE(call.head.find("Content-Type: application/proto\r\n"), std::string::npos);
  EXPECT_EQ(call.body, octets);
}

TEST(ConnectClient, RefusesACompressedAnswer) {
  asio::io_context io;
  FakeConnectServer server(&io, [](const Call&) {
    Reply reply;
    reply.raw = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}";
    return reply;
  });
  ConnectClient client(endpoint_of(server));
  EXPECT_EQ(wait(&io, client.call("GetX", "{}", seconds(5))).error().code, Errc::bad_answer);
}

TEST(ConnectClient, EachStatusHasItsError) {
  const std::pair<unsigned, Errc> statuses[] = {
      {401, Errc::unauthenticated}, {403, Errc::permission_denied}, {404, Errc::unimplemented},
      {500, Errc::unknown},         {501, Errc::unimplemented},     {503, Errc::unavailable}};
  asio::io_context io;
  unsigned status = 0;
  FakeConnectServer server(&io, [&](const Call&) { return Reply{status, "no JSON"}; });
  ConnectClient client(endpoint_of(server));
  for (const auto& [code, expected] : statuses) {
    status = code;
    const auto answer = wait(&io, client.call("SendX", "{}", seconds(5)));
    EXPECT_EQ(answer.error().code, expected) << code;
    EXPECT_NE(answer.error().context.find("SendX"), std::string::npos);
  }
}

TEST(ConnectClient, HalfAnAnswerIsNone) {
  asio::io_context io;
  FakeConnectServer server(&io, [](const Call&) {
    Reply reply;
    reply.raw = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    reply.close_instead = true;
    return reply;
  });
  ConnectClient client(endpoint_of(server));
  EXPECT_EQ(wait(&io, client.call("SendX", "{}", seconds(5))).error().code, Errc::unreachable);
}

TEST(ConnectClient, AsksAgainWhenAKeptConnectionWasClosedButOnlyWhatMayBeRepeated) {
  asio::io_context io;
  int calls = 0;
  FakeConnectServer server(&io, [&](const Call&) { return Reply{200, "{}", ++calls == 2}; });
  ConnectClient client(endpoint_of(server));
  EXPECT_TRUE(wait(&io, client.call("GetX", "{}", seconds(5))));
  EXPECT_TRUE(wait(&io, client.call("GetX", "{}", seconds(5))));
  EXPECT_EQ(calls, 3);
  calls = 1;
  EXPECT_EQ(wait(&io, client.call("SendX", "{}", seconds(5))).error().code, Errc::unreachable);
  EXPECT_EQ(calls, 2);
}

TEST(ConnectClient, EndsAtItsDeadline) {
  asio::io_context io;
  FakeConnectServer server(&io, [](const Call&) { return Reply{200, "{}", false, true}; });
  ConnectClient client(endpoint_of(server));
  EXPECT_EQ(wait(&io, client.call("GetX", "{}", milliseconds(20))).error().code,
            Errc::deadline_exceeded);
}

TEST(ConnectClient, RefusesAnAnswerLargerThanTheLimit) {
  asio::io_context io;
  FakeConnectServer server(&io, [](const Call&) { return Reply{200, std::string(1001, ' ')}; });
  ConnectClient client(endpoint_of(server), {1000});
  EXPECT_EQ(wait(&io, client.call("GetX", "{}", seconds(5))).error().code, Errc::too_large);
}

TEST(ConnectClient, SaysThatNobodyListens) {
  asio::io_context io;
  std::shared_ptr<Endpoint> endpoint;
  {
    FakeConnectServer server(&io, [](const Call&) { return Reply{}; });
    endpoint = endpoint_of(server);
  }
  ConnectClient client(endpoint);
  EXPECT_EQ(wait(&io, client.call("GetX", "{}", seconds(5))).error().code, Errc::unreachable);
}

/// Plays one turn: idle, running, generating, done.
class Play {
 public:
  Reply operator()(const Call& call) {
    if (call.method == "GetUserStatus") {
      return {200,
              R"({"userStatus":{"cascadeModelConfigData":{"clientModelConfigs":[)"
              R"({"label":"Gemini 3 Flash","modelOrAlias":{"model":"MODEL_PLACEHOLDER_M18"}}]}}})"};
    }
    if (call.method == "StartCascade") {
      return {200, R"({"cascadeId":"C1"})"};
    }
    if (call.method == "GetCascadeTrajectory") {
      return {200, trajectory(polls_++)};
    }
    return {};
  }
  bool never_ends = false;
  std::function<void()> on_poll;

 private:
  std::string trajectory(int poll) {
    if (on_poll && poll == 2) {
      on_poll();
    }
    const bool done = poll >= 3 && !never_ends;
    std::string steps =
        R"({"type":"CORTEX_STEP_TYPE_USER_INPUT","status":"CORTEX_STEP_STATUS_DONE"})";
    if (poll >= 2) {
      steps += R"(,{"type":"CORTEX_STEP_TYPE_PLANNER_RESPONSE","status":"CORTEX_STEP_STATUS_)" +
               std::string(done ? "DONE" : "GENERATING") +
               R"(","plannerResponse":{"response":"forty-two"})" +
               std::string(done ? R"(,"metadata":{"modelUsage":{"responseId":"R1"}})" : "") + "}";
    }
    return R"({"trajectory":{"trajectoryId":"T1","steps":[)" + steps +
           R"(]},"status":"CASCADE_RUN_STATUS_)" + (poll == 0 || done ? "IDLE" : "RUNNING") + "\"}";
  }
  int polls_ = 0;
};

class Source final : public EndpointSource {
 public:
  std::shared_ptr<const Endpoint> endpoint() const override { return current; }
  std::string unavailable_reason() const override { return "waiting for the IDE"; }
  std::shared_ptr<const Endpoint> current;
};

LsDriver::Options quick() {
  LsDriver::Options options;
  options.feed.poll = milliseconds(1);
  return options;
}

TEST(LsDriver, DrivesATurnFromQuestionToAnswer) {
  asio::io_context io;
  Play play;
  FakeConnectServer server(&io, std::ref(play));
  Source source;
  source.current = endpoint_of(server);
  LsDriver driver(&source, quick());
  TurnRequest request{"gemini-3-flash", "6 x 7?", "be brief", ""};
  const auto result = wait(&io, driver.run_turn(request));
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->text, "forty-two");
  EXPECT_EQ(result->cascade_id, "C1");
  EXPECT_EQ(result->trajectory_id, "T1");
  EXPECT_EQ(result->model, "gemini-3-flash");
  EXPECT_EQ(server.count("CancelCascadeInvocation"), 0U);
  for (const auto& call : server.calls()) {
    if (call.method == "SendUserCascadeMessage") {
      EXPECT_EQ(call.body,
                R"({"cascadeId":"C1","items":[{"text":"be brief\n\n6 x 7?"}],"cascadeConfig":)"
                R"({"plannerConfig":{"conversational":{},)"
                R"("requestedModel":{"model":"MODEL_PLACEHOLDER_M18"}}}})");
    }
  }
}

/// The message of a turn with that limit.
std::string message_with(std::optional<std::uint64_t> max_output_tokens) {
  asio::io_context io;
  Play play;
  FakeConnectServer server(&io, std::ref(play));
  Source source;
  source.current = endpoint_of(server);
  LsDriver driver(&source, quick());
  TurnRequest request{"gemini-3-flash", "6 x 7?", "", ""};
  request.max_output_tokens = max_output_tokens;
  EXPECT_TRUE(wait(&io, driver.run_turn(request)));
  for (const auto& call : server.calls()) {
    if (call.method == "SendUserCascadeMessage") {
      return call.body;
    }
  }
  return {};
}

TEST(LsDriver, PassesALimitOnAndLeavesOutOneThatLimitsNothing) {
  EXPECT_NE(message_with(100).find(R"("maxOutputTokens":100)"), std::string::npos);
  EXPECT_NE(message_with(65'535).find(R"("maxOutputTokens":65535)"), std::string::npos);
  for (const auto& none : {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(65'536),
                           std::optional<std::uint64_t>(1'000'000'000)}) {
    const auto message = message_with(none);
    EXPECT_FALSE(message.empty());
    EXPECT_EQ(message.find("maxOutputTokens"), std::string::npos) << message;
  }
}

/// Writes down what it is told.
class Notes final : public ConversationWatcher {
 public:
  void on_conversation(const std::string& instance, const std::string& cascade_id) override {
    said.push_back(instance + " has " + cascade_id);
  }
  void on_trajectory(const std::string& instance,
                     const std::string& cascade_id,
                     const std::string& trajectory_id) override {
    said.push_back(instance + ' ' + cascade_id + " is " + trajectory_id);
  }
  void on_running(const std::string& instance,
                  const std::string& cascade_id,
                  bool is_running) override {
    said.push_back(instance + ' ' + cascade_id + (is_running ? " runs" : " rests"));
  }
  void on_response(const std::string& cascade_id,
                   const std::string& trajectory_id,
                   const NamedResponse& response) override {
    said.push_back(cascade_id + ' ' + trajectory_id + " step " +
                   std::to_string(response.step_index.value_or(999)) + " got " +
                   response.response_id);
  }
  std::vector<std::string> said;
};

std::shared_ptr<const Endpoint> named_endpoint(const FakeConnectServer& server) {
  auto endpoint = endpoint_of(server);
  endpoint->instance = "ls1";
  return endpoint;
}

TEST(LsDriver, TellsWhichConversationRunsAndWhatItsResponsesAre) {
  asio::io_context io;
  Play play;
  FakeConnectServer server(&io, std::ref(play));
  Source source;
  source.current = named_endpoint(server);
  Notes notes;
  auto options = quick();
  options.watcher = &notes;
  LsDriver driver(&source, options);
  ASSERT_TRUE(wait(&io, driver.run_turn({"", "6 x 7?", "", ""})));
  EXPECT_EQ(notes.said, (std::vector<std::string>{"ls1 has C1", "ls1 C1 runs", "ls1 C1 is T1",
                                                  "C1 T1 step 1 got R1", "ls1 C1 rests"}));
}

TEST(LsDriver, TellsTheEndOfATurnThatFailed) {
  asio::io_context io;
  FakeConnectServer server(&io, [play = Play()](const Call& call) mutable {
    return call.method == "SendUserCascadeMessage" ? Reply{500, "{}"} : play(call);
  });
  Source source;
  source.current = named_endpoint(server);
  Notes notes;
  auto options = quick();
  options.watcher = &notes;
  LsDriver driver(&source, options);
  EXPECT_FALSE(wait(&io, driver.run_turn({"", "hi", "", ""})));
  // It may have been taken all the same: it is stopped, and what there is to see is told.
  EXPECT_EQ(server.count("CancelCascadeInvocation"), 1U);
  EXPECT_EQ(notes.said, (std::vector<std::string>{"ls1 has C1", "ls1 C1 runs", "ls1 C1 is T1",
                                                  "ls1 C1 rests"}));
}

/// Writes down what a turn tells.
class Told final : public TurnSink {
 public:
  void on_started(const std::string& cascade_id, const std::string& model) override {
    said.push_back("started " + cascade_id + ' ' + model);
  }
  void on_event(const TurnEvent& event) override {
    if (const auto* grown = std::get_if<TextGrown>(&event)) {
      said.push_back("text " + grown->delta);
    } else if (const auto* done = std::get_if<TurnDone>(&event)) {
      said.push_back("done " + done->stop_reason);
    } else if (const auto* status = std::get_if<RunStatusChanged>(&event)) {
      said.push_back("is " + status->status);
    }
  }
  std::vector<std::string> said;
};

TEST(LsDriver, TellsATurnWhileItGoesOn) {
  asio::io_context io;
  Play play;
  FakeConnectServer server(&io, std::ref(play));
  Source source;
  source.current = endpoint_of(server);
  LsDriver driver(&source, quick());
  Told told;
  ASSERT_TRUE(wait(&io, driver.run_turn({"", "6 x 7?", "", ""}, &told)));
  EXPECT_EQ(told.said,
            (std::vector<std::string>{"started C1 gemini-3-flash", "is IDLE", "is RUNNING",
                                      "text forty-two", "is IDLE", "done stop"}));
}

TEST(LsDriver, NamesTheKnownModelsAndStartsNothingForAnUnknownOne) {
  asio::io_context io;
  Play play;
  FakeConnectServer server(&io, std::ref(play));
  Source source;
  source.current = endpoint_of(server);
  LsDriver driver(&source, quick());
  const auto result = wait(&io, driver.run_turn({"gpt-9", "hi", "", ""}));
  EXPECT_EQ(result.error().code, Errc::unknown_model);
  EXPECT_NE(result.error().context.find("gemini-3-flash"), std::string::npos);
  EXPECT_EQ(server.count("StartCascade"), 0U);
}

TEST(LsDriver, SaysWhatIsMissingWithoutALanguageServer) {
  asio::io_context io;
  Source source;
  LsDriver driver(&source);
  const auto result = wait(&io, driver.run_turn({"", "hi", "", ""}));
  EXPECT_EQ(result.error().code, Errc::not_ready);
  EXPECT_EQ(result.error().context, "waiting for the IDE");
}

TEST(LsDriver, StopsTheTurnWhenTheCallerGivesUp) {
  asio::io_context io;
  Play play;
  play.never_ends = true;
  FakeConnectServer server(&io, std::ref(play));
  Source source;
  source.current = endpoint_of(server);
  LsDriver driver(&source, quick());
  asio::cancellation_signal gives_up;
  play.on_poll = [&] {
    play.never_ends = false;  // it is stopped
    asio::post(io, [&] { gives_up.emit(asio::cancellation_type::terminal); });
  };
  std::optional<Result<TurnResult>> result;
  asio::co_spawn(io, driver.run_turn({"", "hi", "", ""}),
                 asio::bind_cancellation_slot(
                     gives_up.slot(), [&](std::exception_ptr bug, Result<TurnResult> value) {
                       EXPECT_FALSE(bug);
                       result.emplace(std::move(value));
                     }));
  while (!result) {
    io.run_one();
  }
  EXPECT_EQ(result->error().code, Errc::canceled);
  EXPECT_EQ(server.count("CancelCascadeInvocation"), 1U);
}

TEST(LsDriver, LeavesAConversationAloneThatItSentNothingTo) {
  asio::io_context io;
  Play play;
  FakeConnectServer server(&io, std::ref(play));
  Source source;
  source.current = endpoint_of(server);
  LsDriver driver(&source, quick());
  const auto result = wait(&io, driver.run_turn({"gpt-9", "hi", "", "C1"}));
  EXPECT_EQ(result.error().code, Errc::unknown_model);
  EXPECT_EQ(server.count("CancelCascadeInvocation"), 0U);
}

TEST(LsDriver, WaitsForAConversationThatIsBusyButNotForEver) {
  asio::io_context io;
  int looks = 0;
  FakeConnectServer server(&io, [&, play = Play()](const Call& call) mutable {
    if (call.method == "GetCascadeTrajectory") {
      return Reply{200, ++looks < 3 ? R"({"status":"CASCADE_RUN_STATUS_RUNNING"})" : "{}"};
    }
    return call.method == "SendUserCascadeMessage" ? Reply{500, "{}"} : play(call);
  });
  Source source;
  source.current = endpoint_of(server);
  LsDriver driver(&source, quick());
  EXPECT_EQ(wait(&io, driver.run_turn({"", "hi", "", "C1"})).error().code, Errc::unknown);
  EXPECT_EQ(server.count("SendUserCascadeMessage"), 1U);
  auto options = quick();
  options.busy_limit = seconds(0);
  LsDriver impatient(&source, options);
  looks = 0;
  const auto result = wait(&io, impatient.run_turn({"", "hi", "", "C1"}));
  EXPECT_EQ(result.error().code, Errc::busy);
  EXPECT_EQ(server.count("SendUserCascadeMessage"), 1U);
}

TEST(LsDriver, WhatATurnCostThatWasGivenUpIsStillTold) {
  asio::io_context io;
  bool is_canceled = false;
  asio::cancellation_signal gives_up;
  FakeConnectServer server(&io, [&, play = Play()](const Call& call) mutable {
    play.never_ends = true;
    is_canceled = is_canceled || call.method == "CancelCascadeInvocation";
    if (call.method == "GetCascadeTrajectory" && is_canceled) {
      return Reply{
          200,
          R"({"trajectory":{"trajectoryId":"T1","steps":[{},{"type":"CORTEX_STEP_TYPE_PLANNER_)"
          R"(RESPONSE","status":"CORTEX_STEP_STATUS_CANCELED","metadata":{"modelUsage":)"
          R"({"responseId":"R9"}}}]},"status":"CASCADE_RUN_STATUS_IDLE"})"};
    }
    if (call.method == "GetCascadeTrajectory") {
      asio::post(io, [&] { gives_up.emit(asio::cancellation_type::terminal); });
    }
    return play(call);
  });
  Source source;
  source.current = named_endpoint(server);
  Notes notes;
  auto options = quick();
  options.watcher = &notes;
  LsDriver driver(&source, options);
  std::optional<Result<TurnResult>> result;
  asio::co_spawn(io, driver.run_turn({"", "hi", "", ""}),
                 asio::bind_cancellation_slot(
                     gives_up.slot(), [&](std::exception_ptr bug, Result<TurnResult> value) {
                       EXPECT_FALSE(bug);
                       result.emplace(std::move(value));
                     }));
  while (!result) {
    io.run_one();
  }
  EXPECT_EQ(result->error().code, Errc::canceled);
  EXPECT_EQ(notes.said, (std::vector<std::string>{"ls1 has C1", "ls1 C1 runs", "ls1 C1 is T1",
                                                  "C1 T1 step 1 got R9", "ls1 C1 rests"}));
}

class FakeHelper final : public HelperPort {
 public:
  explicit FakeHelper(asio::io_context* io) : io_(io) {}
  asio::awaitable<Result<>> ensure_redirect() override {
    said.emplace_back("redirect");
    co_return Result<>();
  }
  asio::awaitable<Result<>> remove_redirect() override {
    said.emplace_back("remove redirect");
    co_return Result<>();
  }
  asio::awaitable<Result<>> ensure_trust_bundle(std::string pem) override {
    said.emplace_back("bundle " + pem);
    if (is_away) {
      co_return Error{control::Errc::helper_unreachable, "bus"};
    }
    co_return Result<>();
  }
  asio::awaitable<Result<control::StartedLs>> start_language_server(
      control::StartSpec spec) override {
    said.emplace_back("start " + spec.extension_csrf_token.expose());
    own_token = spec.csrf_token.expose();
    workspace_id = spec.workspace_id;
    std::string text(64, '\0');
    const auto n = ::read(spec.stdin_fd.get(), text.data(), text.size());
    EXPECT_GT(n, 0);
    EXPECT_EQ(::fcntl(spec.stdin_fd.get(), F_GET_SEALS),
              F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    EXPECT_EQ(text.substr(2, 11), "antigravity");
    EXPECT_EQ(spec.http_port, spec.server_port + 1);
    EXPECT_EQ(spec.lsp_port, spec.server_port + 2);
    EXPECT_TRUE(spec.log_fd.is_open());
    server = std::make_unique<FakeConnectServer>(
        io_, [](const Call&) { return Reply{}; }, spec.server_port);
    co_return control::StartedLs{"ls1", "antigravity-ls-ls1.service", has_one_token};
  }
  asio::awaitable<Result<>> stop_language_server(std::string id) override {
    said.emplace_back("stop " + id);
    server.reset();
    co_return Result<>();
  }
  asio::awaitable<Result<control::HelperStatus>> status() override {
    control::HelperStatus status;
    status.binaries = {{0, "/nowhere/bin/language_server"}};
    co_return status;
  }

  std::vector<std::string> said;
  std::unique_ptr<FakeConnectServer> server;
  bool is_away = false;
  bool has_one_token = false;
  std::string own_token;
  std::string workspace_id = "(none was given)";

 private:
  asio::io_context* io_;
};

class FakeFinder final : public SessionFinder {
 public:
  Result<Found> find(std::optional<std::uint64_t>) override {
    Found found;
    found.session.emplace();
    found.session->pid = 5;
    found.session->uid = 54321;  // nobody has it in the account database
    found.session->workspace_id = workspace_id;
    found.session->extension_server_port = 1;
    found.session->csrf_token = Secret<std::string>("ide-token");
    found.outcome.session = control::IdeSession{found.session->fingerprint(), "ada", ""};
    found.outcome.candidates = {"ada"};
    return found;
  }

  std::string workspace_id = "file_srv_a";
};

TEST(Supervisor, BringsUpALanguageServerAndTakesItDown) {
  asio::io_context io;
  FakeHelper helper(&io);
  FakeFinder finder;
  Supervisor::Options options;
  options.ca_certificate_pem = "PEM";
  options.first_port = 42300;  // not the product's range: it may be in use where tests run
  options.last_port = 42399;
  Supervisor supervisor(io.get_executor(), &helper, &finder, options);
  bool ended = false;
  asio::co_spawn(io, supervisor.run(), [&](std::exception_ptr bug) {
    EXPECT_FALSE(bug);
    ended = true;
  });
  while (!supervisor.endpoint() && !ended) {
    io.run_one();
  }
  ASSERT_TRUE(supervisor.endpoint());
  EXPECT_EQ(supervisor.endpoint()->instance, "ls1");
  EXPECT_EQ(supervisor.endpoint()->csrf_token.expose(), helper.own_token);
  EXPECT_EQ(helper.own_token.size(), 36U);
  EXPECT_EQ(supervisor.session_user(), "ada");
  EXPECT_EQ(supervisor.session_uid(), 54321U);
  EXPECT_EQ(helper.workspace_id, "file_srv_a");
  EXPECT_TRUE(supervisor.is_capturing());
  EXPECT_TRUE(supervisor.problems().empty());
  EXPECT_EQ(helper.said, (std::vector<std::string>{"bundle PEM", "redirect", "start ide-token"}));
  supervisor.request_stop();
  EXPECT_FALSE(supervisor.endpoint());
  while (!ended) {
    io.run_one();
  }
  EXPECT_EQ(helper.said.back(), "stop ls1");
}

// From before the first call that it could make until it has ended.
TEST(Supervisor, TellsForWhomALanguageServerRuns) {
  asio::io_context io;
  FakeHelper helper(&io);
  FakeFinder finder;
  Supervisor::Options options;
  options.first_port = 42300;
  options.last_port = 42399;
  options.on_tenant = [&](std::optional<std::uint32_t> uid) {
    helper.said.push_back(uid ? "tenant " + std::to_string(*uid) : "no tenant");
  };
  Supervisor supervisor(io.get_executor(), &helper, &finder, options);
  bool ended = false;
  asio::co_spawn(io, supervisor.run(), [&](std::exception_ptr) { ended = true; });
  while (!supervisor.endpoint() && !ended) {
    io.run_one();
  }
  EXPECT_EQ(helper.said,
            (std::vector<std::string>{"bundle ", "redirect", "tenant 54321", "start ide-token"}));
  supervisor.on_language_server_exited("ls0", "success", 0);
  EXPECT_EQ(helper.said.back(), "start ide-token") << "word of another one's end";
  supervisor.on_language_server_exited("ls1", "signal", 9);
  EXPECT_EQ(helper.said.back(), "no tenant");
  supervisor.request_stop();
  while (!ended) {
    io.run_one();
  }
}

TEST(Supervisor, OneThatIsStoppedOnRequestWorksForNobody) {
  asio::io_context io;
  FakeHelper helper(&io);
  FakeFinder finder;
  Supervisor::Options options;
  options.first_port = 42300;
  options.last_port = 42399;
  std::optional<std::uint32_t> tenant = 7;
  options.on_tenant = [&](std::optional<std::uint32_t> uid) {
    tenant = uid;
  };
  Supervisor supervisor(io.get_executor(), &helper, &finder, options);
  bool ended = false;
  asio::co_spawn(io, supervisor.run(), [&](std::exception_ptr) { ended = true; });
  while (!supervisor.endpoint() && !ended) {
    io.run_one();
  }
  EXPECT_EQ(tenant, 54321U);
  supervisor.request_stop();
  while (!ended) {
    io.run_one();
  }
  EXPECT_FALSE(tenant);
}

TEST(Supervisor, SendsTheIdesTokenToALanguageServerThatKnowsNoOther) {
  asio::io_context io;
  FakeHelper helper(&io);
  helper.has_one_token = true;
  FakeFinder finder;
  finder.workspace_id = "file_" + std::string(300, 'x');  // more than the helper takes
  Supervisor::Options options;
  options.first_port = 42300;
  options.last_port = 42399;
  Supervisor supervisor(io.get_executor(), &helper, &finder, options);
  bool ended = false;
  asio::co_spawn(io, supervisor.run(), [&](std::exception_ptr) { ended = true; });
  while (!supervisor.endpoint() && !ended) {
    io.run_one();
  }
  ASSERT_TRUE(supervisor.endpoint());
  EXPECT_EQ(supervisor.endpoint()->csrf_token.expose(), "ide-token");
  EXPECT_EQ(helper.workspace_id, "");
  supervisor.request_stop();
  while (!ended) {
    io.run_one();
  }
}

TEST(Supervisor, SaysWhatIsWrongAndTriesAgainWhenTheHelperAppears) {
  asio::io_context io;
  FakeHelper helper(&io);
  helper.is_away = true;
  FakeFinder finder;
  Supervisor::Options options;
  options.settings.manage_ls = false;
  options.settings.first_backoff = std::chrono::hours(1);
  options.settings.last_backoff = std::chrono::hours(1);
  Supervisor supervisor(io.get_executor(), &helper, &finder, options);
  bool ended = false;
  asio::co_spawn(io, supervisor.run(), [&](std::exception_ptr) { ended = true; });
  while (supervisor.problems().empty()) {
    io.run_one();
  }
  EXPECT_NE(supervisor.unavailable_reason().find("helper"), std::string::npos);
  io.poll();
  helper.is_away = false;
  supervisor.on_helper_available();
  while (!supervisor.is_capturing()) {
    io.run_one();
  }
  EXPECT_TRUE(supervisor.problems().empty());
  supervisor.request_stop();
  while (!ended) {
    io.run_one();
  }
}

}  // namespace
}  // namespace agp::ls
