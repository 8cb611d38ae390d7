#pragma once

#include "daemon/usage/json_reader.h"
#include "daemon/usage/prompt_scan.h"
#include "daemon/usage/record.h"

#include <optional>
#include <string>
#include <string_view>

namespace agp::usage {

/// Who a call was made for, as far as the request says.
struct CallKeys {
  RequestKind kind = RequestKind::other;
  std::optional<std::string> cascade_id;
  std::optional<std::string> trajectory_id;
  std::optional<std::uint64_t> step_index;
  RequestHints hints{};

  friend bool operator==(const CallKeys&, const CallKeys&) = default;
};

/// Reads `agent/<cascade>/<ms>/<trajectory>/<step>`, `checkpoint/<uuid>`, `tab/<uuid>`; other forms
/// give at most a kind. Source: ls-protocol section 5.4, K1 and K2.
[[nodiscard]] CallKeys parse_request_id(std::string_view request_id);

/// Takes the few keys we need out of a request body that arrives in pieces, prompts skipped.
class RequestReader final : private JsonHandler {
 public:
  RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  /// Decoded octets, in order; any split is equivalent.
  void feed(Bytes decoded);

  [[nodiscard]] const std::optional<std::string>& model() const { return model_; }
  [[nodiscard]] const std::optional<std::string>& request_id() const { return request_id_; }
  /// From requestId first, then from requestType and the labels; the hints from the system prompt,
  /// which is scanned in passing, and the session.
  [[nodiscard]] CallKeys keys() const;

 private:
  enum class Field : std::uint8_t {
    none,
    model,
    request_id,
    request_type,
    trajectory_id,
    last_step_index,
    label_request_id,
    session_id,
    system_text,
  };

  void on_object_begin() override;
  void on_object_end() override;
  void on_array_begin() override;
  void on_array_end() override;
  void on_key(std::string_view key) override;
  [[nodiscard]] bool wants_string() override { return field_ != Field::none; }
  [[nodiscard]] bool wants_pieces() override { return field_ == Field::system_text; }
  void on_piece(std::string_view text) override { scan_.feed(text); }
  void on_string(std::string_view text) override;
  void on_number(std::string_view text) override;
  void on_bool() override { field_ = Field::none; }
  void on_null() override { field_ = Field::none; }
  void begin_container();
  void end_container();

  JsonReader json_;
  Field field_ = Field::none;
  std::size_t depth_ = 0;
  std::size_t known_depth_ = 0;   // 1: top, 2: request, 3: request.labels
  bool enters_ = false;           // the container under the current key is the next known one
  bool enters_system_ = false;    // the value under the current key is the system prompt
  std::size_t system_depth_ = 0;  // of the system prompt's own container; 0: outside of it
  PromptScan scan_;
  std::optional<std::string> model_;
  std::optional<std::string> request_id_;
  std::optional<std::string> request_type_;
  std::optional<std::string> trajectory_id_;
  std::optional<std::uint64_t> last_step_index_;
  std::optional<std::string> label_request_id_;
  std::optional<std::string> session_id_;
};

/// Puts the keys into a record: who the call was for, how sure that is, and by what evidence.
void apply(CallKeys keys, Record* record);

}  // namespace agp::usage
