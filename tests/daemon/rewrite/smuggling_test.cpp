#include "tests/daemon/rewrite/support.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace agp::rewrite {
namespace {

using Kind = HeadReader::Kind;

const std::string kFolder = AGP_SMUGGLING_DIR "/";
constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

struct Case {
  std::string name;
  std::string outcome;
  std::string code;
};

std::vector<Case> cases(const std::string& index) {
  std::vector<Case> all;
  std::istringstream lines(read_file(kFolder + index));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream columns(line);
    Case one;
    std::getline(columns, one.name, '\t');
    std::getline(columns, one.outcome, '\t');
    std::getline(columns, one.code, '\t');
    all.push_back(std::move(one));
  }
  return all;
}

struct Outcome {
  std::string to_client;
  std::string to_upstream;
  std::string code;
  bool closed = false;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::size_t requests_in(const std::string& octets) {
  const std::string messages = in_one_piece(octets, Kind::request);
  return static_cast<std::size_t>(std::ranges::count(messages, '<'));
}

using Pieces = std::vector<std::string_view>;

Pieces octets_of(std::string_view raw) {
  Pieces pieces;
  for (std::size_t at = 0; at < raw.size(); ++at) {
    pieces.push_back(raw.substr(at, 1));
  }
  return pieces;
}

/// Feeds the pieces; upstream answers each request that it has whole.
Outcome send_request(const Pieces& pieces) {
  FakeRules rules;
  Wire wire(&rules);
  std::size_t answered = 0;
  std::size_t seen = 0;
  for (const std::string_view piece : pieces) {
    wire.client(piece);
    while (!wire.is_closed() && wire.to_upstream.size() != seen) {
      const std::string messages = in_one_piece(wire.to_upstream, Kind::request);
      if (messages.find('~') != std::string::npos || requests_in(wire.to_upstream) == answered) {
        break;
      }
      ++answered;
      wire.upstream(kOk);
    }
    seen = wire.to_upstream.size();
  }
  return {wire.to_client, wire.to_upstream, wire.events.empty() ? "-" : wire.events.front().where,
          wire.is_closed()};
}

Outcome send_answer(const Pieces& pieces) {
  FakeRules rules;
  Wire wire(&rules);
  wire.client("GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
  for (const std::string_view piece : pieces) {
    wire.upstream(piece);
  }
  return {wire.to_client, wire.to_upstream, wire.events.empty() ? "-" : wire.events.front().where,
          wire.is_closed()};
}

// threat-model 55
// threat-model 61
// threat-model 63
TEST(Smuggling, EveryRequestHasItsDefinedOutcome) {
  const std::vector<Case> all = cases("requests.tsv");
  ASSERT_GT(all.size(), 100U);
  for (const Case& each : all) {
    SCOPED_TRACE(each.name);
    const std::string raw = read_file(kFolder + each.name + ".raw");
    ASSERT_FALSE(raw.empty());
    const Outcome outcome = send_request({raw});
    EXPECT_EQ(outcome.to_upstream.find("/smuggled"),
              each.outcome == "relayed 2" || each.name == "ok-body-looks-like-request"
                  ? outcome.to_upstream.rfind("/smuggled")
                  : std::string::npos);
    EXPECT_EQ(outcome.code, each.code);
    if (each.outcome.starts_with("relayed ")) {
      EXPECT_EQ(outcome.to_upstream, read_file(kFolder + each.name + ".upstream"));
      EXPECT_EQ(requests_in(outcome.to_upstream), std::stoul(each.outcome.substr(8)));
      EXPECT_FALSE(outcome.closed);
    } else {
      EXPECT_TRUE(outcome.to_client.starts_with("HTTP/1.1 " + each.outcome + ' '))
          << outcome.to_client;
      EXPECT_NE(outcome.to_client.find("\r\nConnection: close\r\n"), std::string::npos);
      EXPECT_NE(outcome.to_client.find("\"code\":\"" + each.code + '"'), std::string::npos);
      EXPECT_EQ(outcome.to_client.find("\nHTTP/1.1"), std::string::npos) << "two answers";
      EXPECT_TRUE(outcome.closed);
      // A fault in the body comes after the head has gone; then upstream never sees an end.
      const std::string seen = in_one_piece(outcome.to_upstream, Kind::request);
      EXPECT_TRUE(seen.empty() || seen.find("~<") != std::string::npos) << seen;
    }
  }
}

// threat-model 61
TEST(Smuggling, SplitsOfARequestHaveTheSameOutcome) {
  std::size_t turn = 0;
  for (const Case& each : cases("requests.tsv")) {
    const std::string raw = read_file(kFolder + each.name + ".raw");
    const Outcome whole = send_request({raw});
    const auto expect_same = [&](const Outcome& split, const std::string& where) {
      ASSERT_EQ(split.code, whole.code) << each.name << where;
      ASSERT_EQ(split.to_client, whole.to_client) << each.name << where;
      ASSERT_EQ(in_one_piece(split.to_upstream, Kind::request),
                in_one_piece(whole.to_upstream, Kind::request))
          << each.name << where;
      ASSERT_EQ(split.closed, whole.closed) << each.name << where;
    };
    // Every border at once; long ones are long because of a run of the same octet.
    if (raw.size() <= 1000) {
      expect_same(send_request(octets_of(raw)), " in single octets");
    }
    // And one border alone: the cases take turns in the places.
    const std::size_t step = raw.size() > 1000 ? 997 : 11;
    // What stands behind a fault is the same request in all files.
    const std::size_t last = raw.size() - (whole.closed && raw.size() > 50 ? 50 : 0);
    for (std::size_t cut = ++turn % step; cut <= last; cut += step) {
      const std::string_view all = raw;
      expect_same(send_request({all.substr(0, cut), all.substr(cut)}),
                  " cut at " + std::to_string(cut));
    }
  }
}

// threat-model 62
TEST(Smuggling, EveryAnswerHasItsDefinedOutcome) {
  const std::vector<Case> all = cases("responses.tsv");
  ASSERT_GT(all.size(), 20U);
  for (const Case& each : all) {
    SCOPED_TRACE(each.name);
    const std::string raw = read_file(kFolder + each.name + ".raw");
    const Outcome outcome = send_answer({raw});
    EXPECT_EQ(outcome.code, each.code);
    EXPECT_EQ(outcome.closed, each.outcome != "relayed");
    if (each.outcome == "502") {
      const std::size_t final = outcome.to_client.find("HTTP/1.1 502 ");
      ASSERT_NE(final, std::string::npos) << outcome.to_client;
      EXPECT_EQ(outcome.to_client.find("\nHTTP/1.1 ", final + 1), std::string::npos);
      EXPECT_EQ(outcome.to_client.find("SMUGGLED"), std::string::npos);
    } else {
      EXPECT_EQ(outcome.to_client, read_file(kFolder + each.name + ".client"));
    }
  }
}

// threat-model 62
TEST(Smuggling, SplitsOfAnAnswerHaveTheSameOutcome) {
  std::size_t turn = 0;
  for (const Case& each : cases("responses.tsv")) {
    const std::string raw = read_file(kFolder + each.name + ".raw");
    const Outcome whole = send_answer({raw});
    const auto expect_same = [&](const Outcome& split, const std::string& where) {
      ASSERT_EQ(split.code, whole.code) << each.name << where;
      ASSERT_EQ(in_one_piece(split.to_client, Kind::response),
                in_one_piece(whole.to_client, Kind::response))
          << each.name << where;
      ASSERT_EQ(split.closed, whole.closed) << each.name << where;
    };
    if (raw.size() <= 1000) {
      expect_same(send_answer(octets_of(raw)), " in single octets");
    }
    const std::size_t step = raw.size() > 1000 ? 997 : 5;
    for (std::size_t cut = ++turn % step; cut <= raw.size(); cut += step) {
      const std::string_view all = raw;
      expect_same(send_answer({all.substr(0, cut), all.substr(cut)}),
                  " cut at " + std::to_string(cut));
    }
  }
}

}  // namespace
}  // namespace agp::rewrite
