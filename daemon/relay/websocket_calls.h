#pragma once

#include "daemon/relay/protocol_reader.h"
#include "daemon/usage/json_reader.h"
#include "daemon/websocket/reader.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agp::relay {

/// Type and model of a client's event on OpenAI's WebSocket.
class ClientEvent final : private usage::JsonHandler {
 public:
  ClientEvent() : json_(this) {}
  ClientEvent(const ClientEvent&) = delete;
  ClientEvent& operator=(const ClientEvent&) = delete;

  void begin();
  void feed(Bytes text) { (void)json_.feed(text); }  // what is no JSON has no type
  [[nodiscard]] bool is_response_create() const { return type_ == "response.create"; }
  [[nodiscard]] const std::string& model() const { return model_; }

 private:
  enum class Field : std::uint8_t { none, type, model };

  void on_object_begin() override;
  void on_object_end() override { --depth_; }
  void on_array_begin() override { on_object_begin(); }
  void on_array_end() override { --depth_; }
  void on_key(std::string_view key) override;
  [[nodiscard]] bool wants_string() override { return field_ != Field::none; }
  void on_string(std::string_view text) override;
  void on_number(std::string_view) override { field_ = Field::none; }
  void on_bool() override { field_ = Field::none; }
  void on_null() override { field_ = Field::none; }

  usage::JsonReader json_;
  Field field_ = Field::none;
  std::size_t depth_ = 0;
  bool in_response_ = false;  // some clients put the request body into `response`
  bool enters_response_ = false;
  std::string type_;
  std::string model_;
};

/// Model calls on one WebSocket: each `response.create` of the client is a call, each terminal
/// event of the server ends one, oldest first. Octets of a record: what went over the WebSocket
/// since the record before. Source: wire-formats section 1.7.
class WebSocketCalls final : private websocket::Sink {
 public:
  /// @return null when that target speaks no protocol that we read.
  [[nodiscard]] static std::unique_ptr<WebSocketCalls> open(Books* books,
                                                            std::string_view host_field,
                                                            std::string_view target);

  /// The answer to the handshake. Not accepted, or with an extension that we do not know:
  /// everything after it is skipped.
  void on_handshake(std::uint16_t status, std::string_view extensions, bool accepted);
  void on_bytes(Side from, Bytes plaintext);
  /// `from` will send no more.
  void on_end(Side from);
  [[nodiscard]] bool is_unparsed() const { return reader_ == nullptr || reader_->is_unparsed(); }

 private:
  WebSocketCalls(Books* books, usage::Endpoint endpoint, usage::CallFacts facts);

  void on_message_begin(websocket::Direction direction, bool is_text) override;
  void on_message_data(websocket::Direction direction, Bytes data) override;
  void on_message_end(websocket::Direction direction, websocket::MessageEnd how) override;

  [[nodiscard]] usage::Call* open_call(const std::string& model, usage::Micros started_at);
  void begin_answer(usage::Call* call);
  void end_server_message();
  void count(usage::Call* call, bool is_complete);
  void give_up();

  Books* books_;
  usage::Endpoint endpoint_;
  usage::CallFacts facts_;
  std::uint16_t status_ = 0;
  std::unique_ptr<websocket::ConnectionReader> reader_;
  ClientEvent client_event_;
  usage::Micros client_began_{};
  struct Turn {
    usage::Call* call = nullptr;
    bool answered = false;
  };
  std::vector<Turn> turns_;       // waiting for their answer, oldest first
  usage::Call* stray_ = nullptr;  // reads a server message that no request of ours asked for
  bool reads_client_ = false;     // the message under way is text
  bool reads_server_ = false;
  std::uint64_t counted_out_ = 0;  // octets that are in a record already
  std::uint64_t counted_in_ = 0;
};

}  // namespace agp::relay
