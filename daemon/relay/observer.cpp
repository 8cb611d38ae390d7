#include "daemon/relay/observer.h"

#include "daemon/relay/limits.h"
#include "daemon/relay/protocol_reader.h"

#include <algorithm>
#include <utility>

namespace agp::relay {
namespace {

constexpr std::string_view kHttp11 = "http/1.1";
constexpr std::string_view kHttp2 = "h2";
constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

bool may_be_method(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
  });
}

enum class Guess { more, http1, http2, none };

/// What the first octets of a client are.
Guess guess(std::string_view text) {
  if (kHttp2Preface.starts_with(text.substr(0, kHttp2Preface.size()))) {
    return text.size() < kHttp2Preface.size() ? Guess::more : Guess::http2;
  }
  if (text[0] == '\r' || text[0] == '\n') {
    return Guess::http1;  // empty lines are allowed before a request
  }
  const std::size_t space = text.find(' ');
  if (space != std::string_view::npos) {
    return space > 0 && space <= kMaxMethodBytes && may_be_method(text.substr(0, space))
               ? Guess::http1
               : Guess::none;
  }
  return text.size() <= kMaxMethodBytes && may_be_method(text) ? Guess::more : Guess::none;
}

}  // namespace

std::unique_ptr<ProtocolReader> make_protocol_reader(std::string_view protocol, Books* books) {
  if (protocol == kHttp11) {
    return make_http1_reader(books);
  }
  return protocol == kHttp2 ? make_http2_reader(books) : nullptr;
}

// sniffing ──> reading ──> unparsed
//     └────────────────────────┘
class Observer::Impl {
 public:
  Impl(ConnectionFacts facts, MakeReader make_reader)
      : books_(std::move(facts)), make_reader_(make_reader) {}

  void on_bytes(Side from, Bytes plaintext, usage::Micros now) {
    books_.now = now;
    books_.speaking = from;
    guarded([&] {
      if (stage_ == Stage::sniffing) {
        sniff(from, plaintext);
      } else if (reader_ != nullptr) {
        reader_->on_bytes(from, plaintext);
      }
    });
  }

  void on_end(Side from, End how, usage::Micros now) {
    books_.now = now;
    if (!books_.ended_first && how != End::ours) {
      books_.ended_first = from;
    }
    guarded([&] {
      if (stage_ == Stage::sniffing && !books_.facts.protocol.empty()) {
        start(std::string(books_.facts.protocol));
      }
      if (reader_ != nullptr) {
        reader_->on_end(from, how);
      } else if (stage_ == Stage::sniffing && from == Side::upstream) {
        held_end_ = how;
      }
    });
  }

  std::optional<usage::Record> next_record() { return books_.next_record(); }

  [[nodiscard]] std::size_t open_calls() const { return books_.open_calls(); }

  [[nodiscard]] bool is_unparsed() const {
    return stage_ == Stage::unparsed || (reader_ != nullptr && reader_->is_unparsed());
  }

  [[nodiscard]] bool is_idle() const {
    return stage_ == Stage::sniffing ? held_client_.empty() && held_upstream_.empty()
                                     : reader_ != nullptr && reader_->is_idle();
  }

  [[nodiscard]] bool has_begun() const { return reader_ != nullptr && reader_->has_begun(); }

 private:
  enum class Stage : std::uint8_t { sniffing, reading, unparsed };

  /// The last net: whatever a reader throws (memory that is not there, a mistake of ours) must not
  /// reach the relay. Open calls keep what was known of them, and nothing is read any more.
  template <class Action>
  void guarded(const Action& action) {
    try {
      action();
    } catch (...) {
      stop();
    }
  }

  void stop() {
    stage_ = Stage::unparsed;
    held_client_ = Buffer();
    held_upstream_ = Buffer();
    try {
      reader_.reset();
      books_.abandon_all();
    } catch (...) {
      // There is not even memory for a record: the connection goes on, which is what counts.
    }
  }

  void start(std::string_view protocol) {
    books_.facts.protocol = protocol;
    reader_ = make_reader_(protocol, &books_);
    if (reader_ == nullptr) {
      stop();
      return;
    }
    stage_ = Stage::reading;
    // A server that speaks first (SETTINGS of HTTP/2) does not depend on what the client says.
    const Buffer client = std::exchange(held_client_, {});
    const Buffer upstream = std::exchange(held_upstream_, {});
    reader_->on_bytes(Side::client, client);
    reader_->on_bytes(Side::upstream, upstream);
    if (held_end_) {
      reader_->on_end(Side::upstream, *held_end_);
    }
  }

  void sniff(Side from, Bytes plaintext) {
    if (!books_.facts.protocol.empty()) {
      start(std::string(books_.facts.protocol));
      if (reader_ != nullptr) {
        reader_->on_bytes(from, plaintext);
      }
      return;
    }
    if (from == Side::upstream) {
      append(held_upstream_, plaintext);
      if (held_upstream_.size() > kMaxHeldBytes) {
        stop();
      }
      return;
    }
    // One octet at a time, so that the decision depends on no read border; it takes a few octets.
    while (!plaintext.empty()) {
      held_client_.push_back(plaintext[0]);
      plaintext = plaintext.subspan(1);
      const Guess what = guess(as_text(held_client_));
      if (what == Guess::more) {
        continue;
      }
      if (what == Guess::none) {
        stop();
        return;
      }
      start(what == Guess::http2 ? kHttp2 : kHttp11);
      if (reader_ != nullptr) {
        reader_->on_bytes(Side::client, plaintext);
      }
      return;
    }
  }

  Books books_;
  MakeReader make_reader_;
  Stage stage_ = Stage::sniffing;
  std::unique_ptr<ProtocolReader> reader_;
  Buffer held_client_;  // until they say what the protocol is
  Buffer held_upstream_;
  std::optional<End> held_end_;  // of upstream
};

Observer::Observer(ConnectionFacts facts) : Observer(std::move(facts), &make_protocol_reader) {}
Observer::Observer(ConnectionFacts facts, MakeReader make_reader)
    : impl_(std::make_unique<Impl>(std::move(facts), make_reader)) {}
Observer::Observer(Observer&&) noexcept = default;
Observer& Observer::operator=(Observer&&) noexcept = default;
Observer::~Observer() = default;

void Observer::on_bytes(Side from, Bytes plaintext, usage::Micros now) {
  impl_->on_bytes(from, plaintext, now);
}

void Observer::on_end(Side from, End how, usage::Micros now) {
  impl_->on_end(from, how, now);
}

std::optional<usage::Record> Observer::next_record() {
  return impl_->next_record();
}

std::size_t Observer::open_calls() const {
  return impl_->open_calls();
}

bool Observer::is_unparsed() const {
  return impl_->is_unparsed();
}

bool Observer::is_idle() const {
  return impl_->is_idle();
}

bool Observer::has_begun() const {
  return impl_->has_begun();
}

}  // namespace agp::relay
