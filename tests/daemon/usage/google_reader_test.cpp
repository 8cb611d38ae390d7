#include "daemon/usage/google_reader.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace agp::usage {
namespace {

constexpr const char* kEventStream = "text/event-stream";
constexpr const char* kJson = "application/json; charset=UTF-8";

Record read(const std::string& body, const std::string& type = kEventStream, std::size_t cut = 0) {
  ResponseFacts facts;
  facts.content_type = type;
  GoogleReader reader(facts);
  reader.feed(as_bytes(body.substr(0, cut)));
  reader.feed(as_bytes(body.substr(cut)));
  reader.finish();
  Record record;
  reader.fill(&record);
  record.usage_state = !record.usage        ? UsageState::none
                       : reader.has_ended() ? UsageState::final
                                            : UsageState::provisional;
  return record;
}

using Flags = std::set<std::string>;

std::string event(const std::string& json) {
  return "data: " + json + "\n\n";
}

const std::string kUsage =
    R"({"promptTokenCount":100,"cachedContentTokenCount":40,"candidatesTokenCount":10,"thoughtsTokenCount":5,"toolUsePromptTokenCount":7,"totalTokenCount":122,)"
    R"("promptTokensDetails":[{"modality":"TEXT","tokenCount":60},{"modality":"AUDIO","tokenCount":30},{"modality":"TEXT","tokenCount":10}],"trafficType":"ON_DEMAND"})";
const std::string kWhole =
    R"({"candidates":[{"content":{"parts":[{"text":"x"},{"functionCall":{"name":"view","args":{"name":"no"}}}]},"finishReason":"STOP"}],"usageMetadata":)" +
    kUsage + R"(,"modelVersion":"models/gemini-3-pro","responseId":"id1"})";

TEST(GoogleReader, MapsEveryField) {
  const Record record = read(event(kWhole));
  ASSERT_TRUE(record.usage);
  EXPECT_EQ(record.usage->input_total, 107u);
  EXPECT_EQ(record.usage->input_uncached, 67u);
  EXPECT_EQ(record.usage->cached_input, 40u);
  EXPECT_EQ(record.usage->tool_use_prompt, 7u);
  EXPECT_EQ(record.usage->output_total, 15u);
  EXPECT_EQ(record.usage->reasoning, 5u);
  EXPECT_EQ(record.usage->total, 122u);
  EXPECT_EQ(record.usage->reported_total, 122u);
  EXPECT_EQ(record.usage->input_by_modality, (ModalityCounts{{"text", 70}, {"audio", 30}}));
  EXPECT_EQ(record.service_tier, "on_demand");
  EXPECT_EQ(record.model, "gemini-3-pro");
  EXPECT_EQ(record.tool_calls, std::vector<std::string>{"view"});
  EXPECT_EQ(record.finish, Finish::tool_use);
  EXPECT_EQ(record.finish_raw, "STOP");
  EXPECT_EQ(record.flags, Flags());
}

TEST(GoogleReader, StreamJsonAndArrayGiveTheSameUsageForAnySplit) {
  const Record stream = read(event(kWhole));
  for (const std::string& body :
       {kWhole, "[" + kWhole + "]", "[" + kWhole + ",\r\n" + kWhole + "]\n",
        "{\"response\":" + kWhole + "}"}) {
    for (std::size_t cut = 0; cut <= body.size(); cut += 3) {
      const Record record = read(body, kJson, cut);
      ASSERT_EQ(record.usage, stream.usage) << body;
      ASSERT_EQ(record.finish, stream.finish);
      ASSERT_EQ(record.usage_state, UsageState::final);
      ASSERT_EQ(record.stream, body[0] == '[');
    }
  }
}

TEST(GoogleReader, LastPresentValueWinsPerField) {
  const Record record =
      read(event(R"({"usageMetadata":{"promptTokenCount":900,"candidatesTokenCount":3}})") +
           event(R"({"usageMetadata":null})") +
           event(R"({"usageMetadata":{"promptTokenCount":800,"candidatesTokenCount":null}})"));
  EXPECT_EQ(record.usage->input_total, 800u);
  EXPECT_EQ(record.usage->output_total, 3u);
  EXPECT_EQ(record.usage_state, UsageState::provisional);
}

TEST(GoogleReader, BadNumbersAreIgnoredAndFlagged) {
  for (const char* bad : {"-1", "1.5", "true", "1e300", "18446744073709551615", "[1]", "{}",
                          "\"x\"", "\"12345678901234\""}) {
    const Record record =
        read(event(R"({"usageMetadata":{"promptTokenCount":9}})") +
             event(std::string(R"({"usageMetadata":{"promptTokenCount":)") + bad + "}}"));
    EXPECT_EQ(record.usage->input_total, 9u) << bad;
    EXPECT_EQ(record.flags, Flags{"bad_number"}) << bad;
  }
  EXPECT_EQ(read(event(R"({"usageMetadata":{"promptTokenCount":"1200"}})")).usage->input_total,
            1200u);
}

TEST(GoogleReader, DisagreementIsFlaggedNotHidden) {
  const Record record = read(event(
      R"({"usageMetadata":{"promptTokenCount":5,"cachedContentTokenCount":9,"totalTokenCount":77}})"));
  EXPECT_EQ(record.usage->input_uncached, 0u);
  EXPECT_EQ(record.usage->cached_input, 9u);
  EXPECT_EQ(record.usage->reported_total, 77u);
  EXPECT_EQ(record.flags, (Flags{"partition_mismatch", "total_mismatch"}));
}

TEST(GoogleReader, AUsageObjectWithoutCountsIsZeroNotUnknown) {
  EXPECT_EQ(read(event(R"({"usageMetadata":{"trafficType":"ON_DEMAND"}})")).usage->total, 0u);
  EXPECT_FALSE(read(event(R"({"candidates":[]})")).usage);
}

TEST(GoogleReader, ErrorsInTheBodyAreRead) {
  const std::string error =
      "{\n \"error\": {\n  \"code\": 429,\n  \"message\": \"secret\",\n  \"status\": "
      "\"RESOURCE_EXHAUSTED\"\n }\n}\n";
  const CallError expected{"RESOURCE_EXHAUSTED", "429"};
  EXPECT_EQ(read(error).error, expected);
  EXPECT_EQ(read(error, kJson).error, expected);
  EXPECT_EQ(read("[" + error + "]", kJson).error, expected);
  EXPECT_EQ(read(event(R"({"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}})")).error, expected);
  const Record tail = read(event(R"({"usageMetadata":{"promptTokenCount":9}})") + error);
  EXPECT_EQ(tail.error, expected);
  EXPECT_EQ(tail.usage->input_total, 9u);
  EXPECT_EQ(tail.flags, Flags{"trailing_error_json"});
}

TEST(GoogleReader, ABlockedPromptIsFiltered) {
  const Record record = read(event(
      R"({"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":9}})"));
  EXPECT_EQ(record.finish, Finish::content_filter);
  EXPECT_EQ(record.usage_state, UsageState::final);
}

TEST(GoogleReader, BadEventsAreSkipped) {
  for (const char* bad :
       {"42", "\"message\"", "{\"x\"", "{\"usageMetadata\":{\"promptTokenCount\":1}} x", "[{}]"}) {
    const Record record = read(event(bad) + event(kWhole));
    EXPECT_EQ(record.usage->input_total, 107u) << bad;
    EXPECT_EQ(record.flags, Flags{"bad_event"}) << bad;
  }
  EXPECT_FALSE(read(event(R"({"usageMetadata":{"promptTokenCount":1}} x)")).usage);
  EXPECT_EQ(read(event("{\"x\":\"\xFF\xC3\"}") + event(kWhole)).flags, Flags());
}

TEST(GoogleReader, AnUnterminatedEventIsUsedWhenWholeAndDroppedWhenNot) {
  EXPECT_EQ(read("data: " + kWhole).usage->input_total, 107u);
  EXPECT_EQ(read("data: " + kWhole).flags, Flags{"unterminated_event"});
  EXPECT_FALSE(read("data: " + kWhole.substr(0, kWhole.size() - 1)).usage);
}

TEST(GoogleReader, CreditsOfSeveralEventsAddUp) {
  const std::string credits =
      R"({"response":{},"consumedCredits":[{"creditType":"X","creditAmount":"2"},{"creditAmount":1}]})";
  EXPECT_EQ(read(event(credits) + event(credits)).credits_consumed, 6u);
}

TEST(GoogleReader, WhatABodyIsItsFirstOctetsSay) {
  EXPECT_TRUE(read(event(kWhole), "").usage);
  EXPECT_TRUE(read("\xEF\xBB\xBF" + event(kWhole), "").usage);
  EXPECT_FALSE(read("<html>usageMetadata</html>", "text/html").usage);
  EXPECT_TRUE(read("<html>", "text/html").flags.contains("bad_json"));
  EXPECT_FALSE(read("", kJson).usage);
  EXPECT_EQ(read("[]", kJson).usage_state, UsageState::none);
}

/// A response as a provider could send it: keys in any order and spelling, look-alikes in the text.
std::string random_response(std::mt19937* random) {
  const auto pick = [random](std::vector<std::string> words) {
    return words[(*random)() % words.size()];
  };
  const auto number = [random] {
    return std::to_string((*random)() % 5000);
  };
  const auto part = [&] {
    return pick(
        {R"({"text":"plain"})", R"({"text":"line\n\"usageMetadata\":{\"promptTokenCount\":9}"})",
         R"({"text":"\u00e9\ud83d\ude00\\\"finishReason\\\": \"STOP\""})",
         "{\"text\":\"caf\xC3\xA9 \xFF \"}", R"({"functionCall":{"name":"f","args":{"name":"g"}}})",
         R"({"functionCall":{"na\u006de":"h"}})",
         "{\"text\":\"" + std::string((*random)() % 90, 'x') + R"(\t\/\b"})"});
  };
  std::vector<std::string> fields;
  const auto maybe = [&](std::string field) {
    if ((*random)() % 2 == 0) {
      fields.insert(fields.begin() + static_cast<std::ptrdiff_t>((*random)() % (fields.size() + 1)),
                    std::move(field));
    }
  };
  maybe(R"("candidates":[{"content":{"role":"model","parts":[)" + part() + "," + part() + "]}" +
        pick({"", R"(,"finishReason":"STOP")", R"(, "finish\u0052eason" : "MAX_TOKENS")",
              R"(,"finishReason":null)"}) +
        "}]");
  maybe(R"("usageMetadata":{"promptTokenCount":)" + number() + R"(,"candidatesTokenCount": )" +
        pick({"7", "\"8\"", "null", "9.0", "-1", "true", "[]"}) + R"(,"totalTokenCount":)" +
        number() +
        pick({"", R"(,"promptTokensDetails":[{"modality":"TEXT","tokenCount":3}])",
              R"(,"trafficType":"ON_DEMAND")"}) +
        "}");
  maybe(R"("\u0075sageMetadata":{"thoughtsTokenCount":)" + number() + "}");
  maybe(R"("modelVersion":")" + pick({"gemini-3-flash", "models\\/gemini-3-pro", ""}) + "\"");
  maybe(R"("responseId":"r)" + number() + "\"");
  maybe(R"("promptFeedback":{"blockReason":")" + pick({"SAFETY", "BLOCK_REASON_UNSPECIFIED"}) +
        "\"}");
  maybe(R"("other":[1,-2.5e3,true,false,null,{"usageMetadata":{"promptTokenCount":1}}])");
  std::string json = "{";
  for (const std::string& field : fields) {
    json += (json.size() > 1 ? "," : "") + field;
  }
  json += "}";
  if ((*random)() % 2 == 0) {
    json = R"({"response": )" + json + R"(, "traceId": "t)" + number() + "\"" +
           pick({"", R"(,"consumedCredits":[{"creditAmount":"2"}])"}) + "}";
  }
  return json;
}

TEST(GoogleReader, WholeEventsReadAsTheSameJsonDoesOctetByOctet) {
  std::mt19937 random(31);
  for (int round = 0; round < 400; ++round) {
    const std::string end = std::vector<std::string>{"\n", "\r\n", "\r"}[random() % 3];
    std::string stream;
    std::string array = "[";
    for (std::size_t n = 1 + random() % 5; n > 0; --n) {
      const std::string json = random_response(&random);
      stream += "data: " + json + end + end;
      array += (array.size() > 1 ? "," : "") + json;
    }
    array += "]";
    ResponseFacts facts;
    GoogleReader careful(facts);
    for (const char& octet : array) {
      careful.feed(as_bytes({&octet, 1}));
    }
    careful.finish();
    GoogleReader fast(facts);
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t n = std::min<std::size_t>(1 + random() % 400, stream.size() - at);
      fast.feed(as_bytes(std::string_view(stream).substr(at, n)));
      at += n;
    }
    fast.finish();
    Record expected;
    careful.fill(&expected);
    Record got;
    fast.fill(&got);
    ASSERT_EQ(got, expected) << stream;
    ASSERT_EQ(fast.has_ended(), careful.has_ended()) << stream;
    ASSERT_EQ(fast.has_usage(), careful.has_usage()) << stream;
  }
}

TEST(GoogleReader, MutatedBodiesGiveTheSameRecordForAnySplit) {
  std::mt19937 random(29);
  const std::string seeds[] = {event(kWhole) + event(kWhole), kWhole,
                               "[" + kWhole + "," + kWhole + "]"};
  for (int round = 0; round < 4000; ++round) {
    std::string body = seeds[random() % 3];
    for (std::size_t n = 1 + random() % 3; n > 0; --n) {
      const std::size_t at = random() % body.size();
      if (random() % 2 == 0) {
        body[at] = "{}[]\",:\n\r0x\\"[random() % 12];
      } else {
        body.erase(at, 1 + random() % 5);
      }
    }
    ASSERT_EQ(read(body), read(body, kEventStream, random() % (body.size() + 1))) << body;
  }
}

}  // namespace
}  // namespace agp::usage
