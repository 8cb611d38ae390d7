#include "daemon/relay/websocket_calls.h"

#include "daemon/relay/limits.h"
#include "daemon/usage/body_shape.h"
#include "daemon/usage/limits.h"
#include "daemon/usage/text.h"

#include <array>
#include <utility>

namespace agp::relay {

void ClientEvent::begin() {
  json_.reset();
  field_ = Field::none;
  depth_ = 0;
  in_response_ = false;
  enters_response_ = false;
  type_.clear();
  model_.clear();
}

void ClientEvent::on_object_begin() {
  ++depth_;
  in_response_ = depth_ == 2 && enters_response_;
  enters_response_ = false;
  field_ = Field::none;
}

void ClientEvent::on_key(std::string_view key) {
  field_ = Field::none;
  enters_response_ = false;
  if (depth_ == 1 && key == "type") {
    field_ = Field::type;
  } else if (depth_ == 1 && key == "response") {
    enters_response_ = true;
  } else if (key == "model" && (depth_ == 1 || (depth_ == 2 && in_response_))) {
    field_ = Field::model;
  }
}

void ClientEvent::on_string(std::string_view text) {
  if (field_ == Field::type) {
    type_ = usage::clip_word(text);
  } else if (field_ == Field::model) {
    model_ = usage::model_name(text);
  }
  field_ = Field::none;
}

std::unique_ptr<WebSocketCalls> WebSocketCalls::open(Books* books,
                                                     std::string_view host_field,
                                                     std::string_view target) {
  // The same target that takes a POST.
  auto endpoint = usage::classify(books->host_of(host_field), "POST", target);
  if (!endpoint || endpoint->wire != usage::Wire::openai_responses ||
      usage::path_of(target).ends_with("/compact")) {
    return nullptr;
  }
  return std::unique_ptr<WebSocketCalls>(
      new WebSocketCalls(books, std::move(*endpoint), books->call_facts(host_field, target)));
}

WebSocketCalls::WebSocketCalls(Books* books, usage::Endpoint endpoint, usage::CallFacts facts)
    : books_(books), endpoint_(std::move(endpoint)), facts_(std::move(facts)) {}

void WebSocketCalls::on_handshake(std::uint16_t status,
                                  std::string_view extensions,
                                  bool accepted) {
  status_ = status;
  if (const auto deflate = websocket::parse_extensions(extensions); accepted && deflate) {
    reader_ = std::make_unique<websocket::ConnectionReader>(static_cast<websocket::Sink*>(this),
                                                            *deflate);
  }
}

void WebSocketCalls::on_bytes(Side from, Bytes plaintext) {
  if (is_unparsed()) {
    return;
  }
  reader_->feed(from == Side::client ? websocket::Direction::client : websocket::Direction::server,
                plaintext);
  if (reader_->is_unparsed()) {
    give_up();
  }
}

void WebSocketCalls::on_end(Side from) {
  if (from == Side::upstream) {
    give_up();
    return;
  }
  // Calls that have all they need are counted with their last event; the others wait for upstream.
}

void WebSocketCalls::on_message_begin(websocket::Direction direction, bool is_text) {
  if (direction == websocket::Direction::client) {
    reads_client_ = is_text;
    client_began_ = books_->now;
    client_event_.begin();
    return;
  }
  reads_server_ = is_text;
  if (!is_text) {
    return;
  }
  if (turns_.empty()) {
    stray_ = open_call({}, books_->now);
    begin_answer(stray_);
  } else if (!std::exchange(turns_.front().answered, true)) {
    begin_answer(turns_.front().call);
  }
}

void WebSocketCalls::on_message_data(websocket::Direction direction, Bytes data) {
  if (direction == websocket::Direction::client) {
    if (reads_client_) {
      client_event_.feed(data);
    }
  } else if (reads_server_) {
    (stray_ != nullptr ? stray_ : turns_.front().call)->on_response_body(data, books_->now);
  }
}

void WebSocketCalls::on_message_end(websocket::Direction direction, websocket::MessageEnd) {
  if (direction == websocket::Direction::server) {
    if (std::exchange(reads_server_, false)) {
      end_server_message();
    }
    return;
  }
  if (!std::exchange(reads_client_, false) || !client_event_.is_response_create()) {
    return;
  }
  if (turns_.size() == kMaxWaitingTurns) {
    // An answer that is being read keeps its call: its rest must not go to the next one.
    const bool is_read = reads_server_ && stray_ == nullptr;
    const auto oldest = turns_.begin() + (is_read ? 1 : 0);
    count(oldest->call, false);
    turns_.erase(oldest);
  }
  Turn turn;
  turn.call = open_call(client_event_.model(), client_began_);
  turns_.push_back(turn);
}

void WebSocketCalls::end_server_message() {
  usage::Call* const call = stray_ != nullptr ? stray_ : turns_.front().call;
  call->on_response_body(Bytes(&usage::kRecordSeparator, 1), books_->now);
  const bool has_ended = call->has_ended();
  if (std::exchange(stray_, nullptr) != nullptr) {
    // A terminal event without a request that we saw; an error without one is no call.
    if (has_ended && call->has_final_usage()) {
      count(call, true);
    } else {
      books_->discard(call);
    }
  } else if (has_ended) {
    turns_.erase(turns_.begin());
    count(call, true);
  }
}

usage::Call* WebSocketCalls::open_call(const std::string& model, usage::Micros started_at) {
  usage::CallFacts facts = facts_;
  facts.started_at = started_at;
  facts.request_model = model;
  return books_->open(endpoint_, std::move(facts));
}

void WebSocketCalls::begin_answer(usage::Call* call) {
  call->on_response_begin(books_->now);
  usage::ResponseFacts facts;
  facts.http_status = status_;
  facts.content_type = usage::kJsonSequence;
  facts.content_encoding = "identity";  // compression is the WebSocket's; nothing to sniff
  call->on_response_head(std::move(facts));
}

void WebSocketCalls::count(usage::Call* call, bool is_complete) {
  usage::Call::End end;
  end.at = books_->now;
  end.body_complete = is_complete;
  const std::uint64_t out = reader_->octets(websocket::Direction::client);
  const std::uint64_t in = reader_->octets(websocket::Direction::server);
  end.bytes_out = out - std::exchange(counted_out_, out);
  end.bytes_in = in - std::exchange(counted_in_, in);
  books_->close(call, end);
}

/// Nothing more will be read: every open call becomes what was seen of it.
void WebSocketCalls::give_up() {
  reads_server_ = false;
  if (usage::Call* const stray = std::exchange(stray_, nullptr)) {
    books_->discard(stray);
  }
  for (const Turn& turn : std::exchange(turns_, {})) {
    count(turn.call, false);
  }
}

}  // namespace agp::relay
