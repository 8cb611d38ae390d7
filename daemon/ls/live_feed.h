#pragma once

#include "common/base/result.h"
#include "daemon/ls/connect_client.h"
#include "daemon/ls/connect_stream.h"
#include "daemon/ls/endpoint.h"
#include "daemon/ls/live_reader.h"
#include "daemon/ls/live_state.h"
#include "daemon/ls/source_choice.h"
#include "daemon/ls/trajectory_reader.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>

namespace agp::ls {

/// Looks at one conversation for one turn: by the best stream that its language server has, and by
/// polls when no stream works. A stream that ends, breaks or falls silent on the way is asked anew
/// or replaced; since each one begins with everything there is, nothing is missed by it.
class LiveFeed {
 public:
  using Duration = std::chrono::steady_clock::duration;
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Options {
    Duration poll = std::chrono::milliseconds(300);    // between two polls, or two lost streams
    Duration call = std::chrono::seconds(10);          // for one call
    Duration first_message = std::chrono::seconds(5);  // of a stream; it waits for nothing
    Duration silence = std::chrono::seconds(15);       // of a stream; then it is asked anew
    unsigned failed_polls = 5;                         // in a row
    unsigned lost_streams = 5;                         // in all
  };
  enum class Look { news, same, nothing };

  /// @param client  for polls; used while the feed is, lives as long as it does.
  /// @param choice  what is known of each language server; lives as long as the feed.
  LiveFeed(std::shared_ptr<const Endpoint> endpoint,
           ConnectClient* client,
           SourceChoice* choice,
           std::string cascade_id,
           std::size_t baseline,
           Options options);

  /// Asks for a stream, if there may be one: worth a call before the message is sent, so that the
  /// answer does not wait for it. next() does it otherwise.
  [[nodiscard]] boost::asio::awaitable<void> open();

  /// The next look at the conversation: state() is another one, or the same, or nothing was seen
  /// before `until` or in this try.
  /// @return the error when it cannot be watched any longer; Errc::canceled when the caller gave
  ///         up. Cancellation must not throw.
  [[nodiscard]] boost::asio::awaitable<Result<Look>> next(TimePoint until);
  /// After the first look.
  [[nodiscard]] const LiveState& state() const;

  /// The turn came to its end: what it was watched by is good.
  void on_worked();

  /// How it is watched at the moment.
  [[nodiscard]] LiveSource source() const { return source_; }

 private:
  boost::asio::awaitable<Result<Look>> read_stream(TimePoint until);
  boost::asio::awaitable<Result<Look>> poll(TimePoint until);
  [[nodiscard]] Result<Look> take(const std::string& message);
  void drop_stream();
  void on_lost(const Error& error, bool is_to_blame);
  [[nodiscard]] Look compare(const LiveState& state, bool is_news);

  std::shared_ptr<const Endpoint> endpoint_;
  ConnectClient* client_;
  SourceChoice* choice_;
  std::string instance_;
  std::string cascade_id_;
  std::size_t baseline_;
  Options options_;
  LiveSource source_;
  std::optional<ConnectStream> stream_;
  std::unique_ptr<LiveReader> reader_;  // of the stream
  bool has_said_ = false;               // the stream, something
  unsigned lost_ = 0;
  unsigned lost_in_silence_ = 0;
  TimePoint open_at_{};            // not before
  std::optional<LiveState> last_;  // shown before the source changed
  std::optional<TrajectoryReader> polled_;
  TimePoint poll_at_{};  // not before
  unsigned failed_polls_ = 0;
};

}  // namespace agp::ls
