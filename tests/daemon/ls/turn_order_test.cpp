#include "daemon/ls/turn_order.h"

#include "daemon/ls/errors.h"

#include <exception>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <gtest/gtest.h>

namespace agp::ls {
namespace {

namespace asio = boost::asio;

class TurnOrderTest : public ::testing::Test {
 protected:
  struct Guest {
    std::optional<Result<TurnOrder::Place>> place;
    asio::cancellation_signal gives_up;

    bool is_in() const { return place && place->has_value(); }
  };

  static asio::awaitable<Result<TurnOrder::Place>> enter(TurnOrder* order, std::string id) {
    co_await asio::this_coro::throw_if_cancelled(false);
    co_return co_await order->enter(std::move(id));
  }
  void comes(Guest* guest, const std::string& id) {
    asio::co_spawn(
        io, enter(&order, id),
        asio::bind_cancellation_slot(guest->gives_up.slot(),
                                     [guest](std::exception_ptr bug, Result<TurnOrder::Place> got) {
                                       EXPECT_FALSE(bug);
                                       guest->place.emplace(std::move(got));
                                     }));
    run();
  }
  void run() {
    io.restart();
    io.poll();
  }

  asio::io_context io;
  TurnOrder order;
};

TEST_F(TurnOrderTest, LetsTheTurnsOfAConversationInOneByOneInOrder) {
  Guest a, b, c, other;
  comes(&a, "C1");
  comes(&b, "C1");
  comes(&c, "C1");
  comes(&other, "C2");
  EXPECT_TRUE(a.is_in());
  EXPECT_FALSE(b.place || c.place);
  EXPECT_TRUE(other.is_in());
  a.place.reset();
  run();
  EXPECT_TRUE(b.is_in());
  EXPECT_FALSE(c.place);
  b.place.reset();
  run();
  EXPECT_TRUE(c.is_in());
  c.place.reset();
  other.place.reset();
  EXPECT_EQ(order.size(), 0U);
}

TEST_F(TurnOrderTest, OneThatGivesUpHoldsUpNobody) {
  Guest a, b, c;
  comes(&a, "C");
  comes(&b, "C");
  comes(&c, "C");
  b.gives_up.emit(asio::cancellation_type::terminal);
  run();
  ASSERT_TRUE(b.place);
  EXPECT_EQ(b.place->error().code, Errc::canceled);
  EXPECT_FALSE(c.place);
  a.place.reset();
  run();
  EXPECT_TRUE(c.is_in());
}

TEST_F(TurnOrderTest, GivingUpAtTheMomentOfBeingLetInPassesThePlaceOn) {
  Guest a, b, c;
  comes(&a, "C");
  comes(&b, "C");
  comes(&c, "C");
  b.gives_up.emit(asio::cancellation_type::terminal);
  a.place.reset();
  run();
  ASSERT_TRUE(b.place);
  EXPECT_EQ(b.place->error().code, Errc::canceled);
  EXPECT_TRUE(c.is_in());
}

TEST_F(TurnOrderTest, TheNumberOfThoseWhoWaitHasALimit) {
  std::vector<Guest> guests(34);
  for (Guest& each : guests) {
    comes(&each, "C");
  }
  EXPECT_FALSE(guests[32].place);
  ASSERT_TRUE(guests[33].place);
  EXPECT_EQ(guests[33].place->error().code, Errc::busy);
  for (Guest& each : guests) {
    each.place.reset();
    run();
  }
}

}  // namespace
}  // namespace agp::ls
