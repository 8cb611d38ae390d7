#include "daemon/relay/observer.h"
#include "daemon/relay/protocol_reader.h"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace agp::relay {
namespace {

/// The real reader of HTTP/1.1, which breaks down when it sees a mark.
class Faulty final : public ProtocolReader {
 public:
  explicit Faulty(Books* books) : inner_(make_http1_reader(books)) {}
  void on_bytes(Side from, Bytes plaintext) override {
    const bool breaks = as_text(plaintext).find("MARK") != std::string_view::npos;
    inner_->on_bytes(from, plaintext);
    if (breaks) {
      throw std::runtime_error("a mistake of ours");
    }
  }
  void on_end(Side, End) override { throw std::bad_alloc(); }
  [[nodiscard]] bool is_unparsed() const override { return inner_->is_unparsed(); }
  [[nodiscard]] bool is_idle() const override { return inner_->is_idle(); }
  [[nodiscard]] bool has_begun() const override { return true; }

 private:
  std::unique_ptr<ProtocolReader> inner_;
};

std::unique_ptr<ProtocolReader> make_faulty(std::string_view, Books* books) {
  return std::make_unique<Faulty>(books);
}

std::unique_ptr<ProtocolReader> make_nothing(std::string_view, Books*) {
  throw std::bad_alloc();
}

ConnectionFacts facts() {
  return {"daily-cloudcode-pa.googleapis.com", "http/1.1", 993, 1000, "ls-1"};
}

constexpr usage::Micros kNow{std::chrono::microseconds(1)};

const std::string kRequest =
    "POST /v1internal:generateContent HTTP/1.1\r\nContent-Length: 26\r\n\r\n"
    "{\"model\":\"gemini-3-flash\"}";

TEST(ObserverGuard, AReaderThatThrowsCostsTheRecordItsDetailOnly) {
  Observer observer(facts(), &make_faulty);
  observer.on_bytes(Side::client, as_bytes(kRequest), kNow);
  EXPECT_NO_THROW(observer.on_bytes(
      Side::upstream, as_bytes("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nMARK"), kNow));
  EXPECT_TRUE(observer.is_unparsed());
  EXPECT_FALSE(observer.is_idle());
  const auto record = observer.next_record();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->outcome, usage::Outcome::partial);
  EXPECT_EQ(record->usage_state, usage::UsageState::none);
  EXPECT_EQ(record->http_status, 200);
  EXPECT_EQ(record->model, "gemini-3-flash");
  EXPECT_TRUE(record->flags.contains("decode_error"));
  EXPECT_FALSE(observer.next_record());
  observer.on_bytes(Side::client, as_bytes(kRequest + "MARK"), kNow);
  observer.on_end(Side::upstream, End::clean, kNow);
  EXPECT_FALSE(observer.next_record());
}

TEST(ObserverGuard, AFaultAtTheEndKeepsTheOpenCalls) {
  Observer observer(facts(), &make_faulty);
  observer.on_bytes(Side::client, as_bytes(kRequest), kNow);
  EXPECT_NO_THROW(observer.on_end(Side::client, End::clean, kNow));
  EXPECT_TRUE(observer.next_record());
  EXPECT_FALSE(observer.next_record());
}

TEST(ObserverGuard, AReaderThatCannotBeMadeLeavesTheConnectionUnparsed) {
  Observer observer(facts(), &make_nothing);
  EXPECT_NO_THROW(observer.on_bytes(Side::client, as_bytes(kRequest), kNow));
  EXPECT_TRUE(observer.is_unparsed());
  EXPECT_FALSE(observer.next_record());
}

TEST(ObserverGuard, RecordsMadeBeforeTheFaultStay) {
  Observer observer(facts(), &make_faulty);
  observer.on_bytes(Side::client, as_bytes(kRequest), kNow);
  observer.on_bytes(Side::upstream,
                    as_bytes("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"
                             "{\"usageMetadata\":{\"promptTokenCount\":3}}"),
                    kNow);
  observer.on_bytes(Side::client, as_bytes("MARK"), kNow);
  const auto record = observer.next_record();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->usage_state, usage::UsageState::final);
  EXPECT_FALSE(observer.next_record());
}

}  // namespace
}  // namespace agp::relay
