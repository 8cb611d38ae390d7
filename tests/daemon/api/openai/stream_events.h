#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

namespace agp::api::openai::test {

struct StreamEvent {
  std::string name;  // empty: no event line
  std::string data;

  [[nodiscard]] boost::json::value json() const { return boost::json::parse(data); }
};

/// Splits a stream as these generators write it; anything else in it fails the test.
inline std::vector<StreamEvent> stream_events(std::string_view octets) {
  std::vector<StreamEvent> out;
  while (!octets.empty()) {
    const auto end = octets.find("\n\n");
    if (end == std::string_view::npos) {
      ADD_FAILURE() << "an event has no end: " << octets.substr(0, 200);
      return out;
    }
    auto block = octets.substr(0, end);
    octets.remove_prefix(end + 2);
    StreamEvent event;
    if (block.starts_with("event: ")) {
      const auto line = block.find('\n');
      event.name = block.substr(7, line - 7);
      block.remove_prefix(line + 1);
    }
    EXPECT_TRUE(block.starts_with("data: ")) << block.substr(0, 200);
    EXPECT_EQ(block.find('\n'), std::string_view::npos);
    event.data = block.substr(6);
    out.push_back(std::move(event));
  }
  return out;
}

/// Every event fed, and what came of it.
template <class Stream, class Events>
std::string feed_all(Stream& stream, const Events& events) {
  std::string out;
  for (const auto& event : events) {
    out += stream.feed(event);
  }
  return out;
}

}  // namespace agp::api::openai::test
