#include "tests/daemon/coding/support.h"
#include "tests/daemon/usage/conversation.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

/// The invariants of wire-formats section 3.5 over generated answers of every wire. The tenth is
/// the relay's and has its test there.
namespace agp::usage::test {
namespace {

constexpr int kRounds = 40;  // for each wire, unless a property is dear

class Properties : public testing::TestWithParam<Kind> {
 protected:
  Conversation next(const std::string& text = "") {
    return make_conversation(GetParam(), &random_, text);
  }

  Exchange exchange_of(std::string body, const std::string& type = "text/event-stream") const {
    Exchange exchange;
    exchange.wire = wire_of(GetParam());
    exchange.body = std::move(body);
    exchange.type = type;
    return exchange;
  }

  Record read_stream(const std::string& body) const { return read(exchange_of(body)); }

  std::vector<std::size_t> cuts(std::size_t size) {
    std::vector<std::size_t> at;
    const std::size_t most = 1 + random_() % 200;
    for (std::size_t next = random_() % most; next < size; next += 1 + random_() % most) {
      at.push_back(next);
    }
    return at;
  }

  std::mt19937 random_{static_cast<unsigned>(GetParam()) + 1};
};

TEST_P(Properties, TheAnswerIsReadAsItWasMeant) {
  for (int round = 0; round < kRounds; ++round) {
    const Conversation made = next();
    const Record record = read_stream(made.stream());
    ASSERT_EQ(record.usage, made.usage) << made.stream();
    ASSERT_EQ(record.model, made.model);
    ASSERT_EQ(record.model_source, ModelSource::response);
    ASSERT_EQ(record.finish, Finish::stop);
    ASSERT_EQ(record.outcome, Outcome::ok);
    ASSERT_EQ(record.usage_state, UsageState::final);
    ASSERT_EQ(record.flags, Flags());
    ASSERT_TRUE(record.stream);
    ASSERT_FALSE(record.reported.empty());
  }
}

TEST_P(Properties, Invariant01And02SumsHoldOrAreFlagged) {
  for (int round = 0; round < 4 * kRounds; ++round) {
    std::string body = next().stream();
    // Other digits in some places: the numbers no longer fit together.
    for (char& c : body) {
      if (c >= '0' && c <= '9' && random_() % 8 == 0) {
        c = static_cast<char>('0' + random_() % 10);
      }
    }
    const Record record = read_stream(body);
    if (!record.usage) {
      continue;
    }
    const Usage& usage = *record.usage;
    const bool is_flagged = record.flags.contains("partition_mismatch");
    ASSERT_EQ(usage.total, usage.input_total + usage.output_total);
    ASSERT_TRUE(is_flagged ||
                usage.input_total == usage.input_uncached + usage.cached_input + usage.cache_write);
    ASSERT_TRUE(is_flagged || usage.reasoning.value_or(0) <= usage.output_total);
    ASSERT_LE(usage.tool_use_prompt, usage.input_total);
    ASSERT_EQ(usage.reported_total && *usage.reported_total != usage.total,
              record.flags.contains("total_mismatch"));
  }
}

TEST_P(Properties, Invariant03AnySplitGivesTheSameRecord) {
  for (int round = 0; round < kRounds; ++round) {
    const Conversation made = next();
    const Exchange exchange = exchange_of(made.stream());
    const Record whole = read(exchange);
    ASSERT_EQ(read(exchange, cuts(exchange.body.size())), whole) << exchange.body;
    if (round < 3) {
      std::vector<std::size_t> every(exchange.body.size());
      for (std::size_t i = 0; i < every.size(); ++i) {
        every[i] = i;
      }
      ASSERT_EQ(read(exchange, every), whole) << exchange.body;
    }
    const Exchange json = exchange_of(made.json, kJson);
    ASSERT_EQ(read(json, cuts(json.body.size())), read(json)) << json.body;
  }
}

TEST_P(Properties, Invariant03AnyCodingGivesTheSameRecord) {
  for (int round = 0; round < kRounds / 4; ++round) {
    const std::string body = next().stream();
    const Record plain = read_stream(body);
    Exchange coded = exchange_of(coding::pack(body, coding::kGzip));
    for (const char* name : {"gzip", ""}) {  // the magic number says it as well
      coded.coding = name;
      ASSERT_EQ(read(coded, cuts(coded.body.size())), plain) << body;
    }
    coded.coding = "br";
    coded.body = coding::pack_br(body);
    ASSERT_EQ(read(coded, cuts(coded.body.size())), plain) << body;
    coded.coding = "zstd";
    coded.body = coding::pack_zstd(body);
    ASSERT_EQ(read(coded, cuts(coded.body.size())), plain) << body;
  }
}

TEST_P(Properties, Invariant03AnyLineEndGivesTheSameRecord) {
  for (int round = 0; round < kRounds / 2; ++round) {
    const std::string body = next().stream();
    for (const std::string end : {"\r\n", "\r"}) {
      std::string other = "\xEF\xBB\xBF";
      for (const char c : body) {
        other += c == '\n' ? end : std::string(1, c);
      }
      const Exchange exchange = exchange_of(other);
      ASSERT_EQ(read(exchange, cuts(other.size())), read_stream(body)) << body;
    }
  }
}

TEST_P(Properties, Invariant04NoiseChangesNothing) {
  const std::vector<std::string> noise = noise_of(GetParam());
  for (int round = 0; round < kRounds; ++round) {
    const Conversation made = next();
    std::string noisy;
    for (std::string one : made.events) {
      for (std::size_t n = random_() % 4; n > 0; --n) {
        noisy += noise[random_() % noise.size()];
      }
      const std::size_t open = one.find("data: {");
      if (open != std::string::npos && random_() % 2 == 0) {
        one.insert(open + 7, R"("zz_new":{"usage":{"input_tokens":5},"a":[{"model":"no"},[[]]]},)");
      }
      noisy += one;
    }
    ASSERT_EQ(read_stream(noisy), read_stream(made.stream())) << noisy;
  }
}

TEST_P(Properties, Invariant05RepetitionChangesNothing) {
  for (int round = 0; round < kRounds; ++round) {
    const Conversation made = next();
    std::string repeated;
    for (const std::string& one : made.events) {
      repeated += one;
      for (std::size_t n = random_() % 3; n > 0; --n) {
        repeated += one;
      }
    }
    ASSERT_EQ(read_stream(repeated), read_stream(made.stream())) << repeated;
  }
}

TEST_P(Properties, Invariant06AStreamAndAJsonBodyGiveTheSameUsage) {
  for (int round = 0; round < kRounds; ++round) {
    const Conversation made = next();
    const Record json = read(exchange_of(made.json, kJson));
    ASSERT_EQ(json.usage, made.usage) << made.json;
    ASSERT_EQ(json.usage_state, UsageState::final);
    ASSERT_EQ(json.outcome, Outcome::ok);
    ASSERT_EQ(json.flags, Flags());
    ASSERT_EQ(json.model, made.model);
    ASSERT_FALSE(json.stream);
    // A label that is wrong decides nothing.
    ASSERT_EQ(read(exchange_of(made.json)), json);
    ASSERT_EQ(read(exchange_of(made.stream(), kJson)), read_stream(made.stream()));
  }
}

TEST_P(Properties, Invariant07EveryPrefixIsARecordAndFinalOnlyWithItsMarker) {
  for (int round = 0; round < kRounds; ++round) {
    const Conversation made = next();
    const std::string body = made.stream();
    std::size_t terminal = 0;
    for (std::size_t i = 0; i < made.terminal; ++i) {
      terminal += made.events[i].size();
    }
    const std::size_t step = round == 0 ? 1 : 50 + random_() % 300;
    for (std::size_t size = random_() % step; size < body.size(); size += step) {
      Exchange cut = exchange_of(body.substr(0, size));
      cut.body_complete = false;
      const Record record = read(cut);
      // Invariant 11 begins here: what is not known is no number.
      ASSERT_EQ(record.usage.has_value(), record.usage_state != UsageState::none);
      ASSERT_EQ(record.usage.has_value(), !record.reported.empty());
      ASSERT_TRUE(record.flags.contains("truncated_body"));
      if (size <= terminal) {
        ASSERT_NE(record.usage_state, UsageState::final) << cut.body;
        ASSERT_EQ(record.outcome, Outcome::partial) << cut.body;
      }
    }
  }
}

TEST_P(Properties, Invariant08NumbersDoNotDependOnText) {
  for (int round = 0; round < kRounds; ++round) {
    std::mt19937 same = random_;
    const Conversation made = make_conversation(GetParam(), &random_, "x");
    const Conversation trap = make_conversation(GetParam(), &same, treacherous_text());
    ASSERT_EQ(read_stream(trap.stream()), read_stream(made.stream())) << trap.stream();
    ASSERT_EQ(read(exchange_of(trap.json, kJson)), read(exchange_of(made.json, kJson)))
        << trap.json;
  }
}

TEST_P(Properties, Invariant11SumsTellTheUnknownFromZero) {
  std::uint64_t known = 0;
  std::uint64_t sum = 0;
  std::uint64_t expected = 0;
  for (int round = 0; round < kRounds; ++round) {
    const Conversation made = next();
    const bool is_silent = random_() % 2 == 0;  // nothing came but the first line of an event
    const Record record = read_stream(is_silent ? "data: {" : made.stream());
    ASSERT_EQ(record.usage.has_value(), !is_silent);
    known += record.usage ? 1 : 0;
    sum += record.usage ? record.usage->total : 0;
    expected += is_silent ? 0 : made.usage.total;
  }
  EXPECT_EQ(sum, expected);
  EXPECT_GT(known, 0u);
  EXPECT_LT(known, static_cast<std::uint64_t>(kRounds));
}

TEST_P(Properties, DamagedBodiesReadTheSameForAnySplitAndKeepTheLimits) {
  for (int round = 0; round < 4 * kRounds; ++round) {
    const Conversation made = next();
    std::string body = random_() % 3 == 0 ? made.json : made.stream();
    for (std::size_t n = 1 + random_() % 4; n > 0; --n) {
      const std::size_t at = random_() % body.size();
      if (random_() % 2 == 0) {
        body[at] = "{}[]\",:\n\r0x\\-"[random_() % 13];
      } else {
        body.erase(at, 1 + random_() % 9);
      }
    }
    const Exchange exchange = exchange_of(body);
    const Record whole = read(exchange);
    ASSERT_EQ(read(exchange, cuts(body.size())), whole) << body;
    ASSERT_TRUE(!whole.usage ||
                whole.usage->total == whole.usage->input_total + whole.usage->output_total);
  }
}

std::string name_of(const testing::TestParamInfo<Kind>& one) {
  static const char* const kNames[] = {"CodeAssist", "Gemini",      "Interactions", "Anthropic",
                                       "Chat",       "Completions", "Responses"};
  return kNames[static_cast<int>(one.param)];
}

INSTANTIATE_TEST_SUITE_P(EveryWire, Properties, testing::ValuesIn(kKinds), name_of);

}  // namespace
}  // namespace agp::usage::test
