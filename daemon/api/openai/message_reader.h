#pragma once

#include "daemon/api/openai/conversation.h"
#include "daemon/api/openai/parameters.h"

#include <string>
#include <string_view>
#include <vector>

/// Reads `input` of the Responses API and `messages` of Chat Completions.
namespace agp::api::openai {

class MessageReader {
 public:
  enum class Dialect { responses, chat };

  MessageReader(Dialect dialect, const RequestLimits& limits)
      : dialect_(dialect), limits_(limits) {}

  /// A string, with the Responses API, or an array.
  [[nodiscard]] Refusal read(const boost::json::value& value);

  /// Never empty after a success; the last that is not an instruction is the user's.
  [[nodiscard]] std::vector<Message> take() { return std::move(messages_); }

 private:
  [[nodiscard]] std::string_view parameter() const;
  [[nodiscard]] Refusal read_array(const boost::json::array& items);
  [[nodiscard]] Refusal read_item(const boost::json::value& item, const std::string& at);
  [[nodiscard]] Refusal read_content(const boost::json::value& content,
                                     const std::string& at,
                                     Message& out);
  [[nodiscard]] Refusal read_part(const boost::json::value& part,
                                  const std::string& at,
                                  Message& out);
  [[nodiscard]] Refusal add_text(std::string_view text, bool is_first, Message& out);
  [[nodiscard]] Refusal check_end() const;

  Dialect dialect_;
  RequestLimits limits_;
  std::vector<Message> messages_;
  std::size_t parts_ = 0;
  std::size_t text_bytes_ = 0;
};

}  // namespace agp::api::openai
