#pragma once

#include "daemon/api/turn_port.h"
#include "daemon/ls/ls_driver.h"
#include "daemon/ls/turn_sink.h"

#include <cstddef>
#include <string>
#include <vector>

namespace agp::app {

/// The API's turns, run by the language server driver.
class Turns final : public api::TurnPort {
 public:
  /// @param driver  outlives this object.
  explicit Turns(ls::LsDriver* driver) : driver_(driver) {}
  [[nodiscard]] boost::asio::awaitable<api::TurnOutcome> run(api::TurnRequest request,
                                                             api::TurnListener* listener) override;
  [[nodiscard]] bool are_under_way() const { return under_way_ > 0; }

 private:
  ls::LsDriver* driver_;
  std::size_t under_way_ = 0;
};

/// What the driver tells, in the words of the API.
class TurnTranslator final : public ls::TurnSink {
 public:
  /// @param listener  outlives this object.
  explicit TurnTranslator(api::TurnListener* listener) : listener_(listener) {}

  void on_started(const std::string& cascade_id, const std::string& model) override;
  void on_event(const ls::TurnEvent& event) override;

  /// Once the turn has ended.
  [[nodiscard]] api::TurnOutcome outcome(const Result<ls::TurnResult>& result);

 private:
  void on(const ls::TextGrown& event);
  void on(const ls::TextRewritten& event);
  void on(const ls::StepChanged& event);
  void on(const ls::ResponseNamed& event);
  // How the turn ended is in its result.
  static void on(const ls::RunStatusChanged& /*event*/) {}
  static void on(const ls::TurnDone& /*event*/) {}
  static void on(const ls::TurnFailed& /*event*/) {}
  static void on(const ls::UserNeeded& /*event*/) {}

  api::TurnListener* listener_;
  std::vector<std::string> response_ids_;
  std::size_t answers_ = 0;
};

/// What a turn that failed is to its client.
[[nodiscard]] api::ApiError turn_error(const Error& error);

}  // namespace agp::app
