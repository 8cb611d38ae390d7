#pragma once

#include "daemon/api/openai/chat_completion.h"
#include "daemon/api/openai/response_stream.h"
#include "daemon/api/openai/turn_collector.h"
#include "daemon/api/turn_job.h"

#include <cstdint>
#include <string>
#include <variant>

namespace agp::api {

/// The answer to one request as its turn goes on: events in, octets of a stream or one response
/// out.
class TurnAnswer {
 public:
  /// @param id       "resp_…" or "chatcmpl-…"
  /// @param created  seconds since 1970
  TurnAnswer(const TurnJob& job, std::string id, std::int64_t created);

  /// @return what to send now; always empty when the answer comes in one piece.
  [[nodiscard]] std::string feed(const openai::TurnEvent& event);
  /// It needs no more events: the turn has ended, or says more than can be passed on.
  [[nodiscard]] bool is_over() const;
  /// Of an answer in one piece, once it is over.
  [[nodiscard]] Response take_whole();

 private:
  template <class Head>
  struct Whole {
    Head head;
    openai::TurnCollector collector;

    [[nodiscard]] std::string feed(const openai::TurnEvent& event) {
      collector.feed(event);
      return {};
    }
    [[nodiscard]] bool is_over() const { return collector.is_over(); }
  };
  using WholeResponse = Whole<openai::ResponseHead>;
  using WholeChat = Whole<openai::ChatHead>;
  using Kind = std::variant<openai::ResponseStream, openai::ChatStream, WholeResponse, WholeChat>;

  [[nodiscard]] static Kind make(const TurnJob& job, std::string id, std::int64_t created);

  Kind kind_;
};

}  // namespace agp::api
