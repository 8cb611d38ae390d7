#include "daemon/usage/json_reader.h"

#include <random>
#include <string>

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace agp::usage {
namespace {

class Log final : public JsonHandler {
 public:
  explicit Log(bool wants) : wants_(wants) {}
  void on_object_begin() override { text += "{"; }
  void on_object_end() override { text += "}"; }
  void on_array_begin() override { text += "["; }
  void on_array_end() override { text += "]"; }
  void on_key(std::string_view key) override { text += "<" + std::string(key) + ">"; }
  bool wants_string() override { return wants_; }
  void on_string(std::string_view s) override { text += "'" + std::string(s) + "'"; }
  void on_number(std::string_view s) override { text += "#" + std::string(s); }
  void on_bool() override { text += "b"; }
  void on_null() override { text += "n"; }
  std::string text;

 private:
  bool wants_;
};

std::string run(std::string_view json, std::size_t cut = 0, bool wants = true) {
  Log log(wants);
  JsonReader reader(&log);
  (void)reader.feed(as_bytes(json.substr(0, cut)));
  (void)reader.feed(as_bytes(json.substr(cut)));
  return reader.finish() == JsonReader::Status::done ? log.text : "failed";
}

TEST(JsonReader, EverySplitGivesTheSameTokens) {
  const std::string json =
      R"( {"a":"x\n\"\u00e9\ud83d\ude00\ud83dz","bb":[1,-2.5e3,true,false,null,[],{}],"\u0063":""} )";
  const std::string expected =
      "{<a>'x\n\"\xC3\xA9\xF0\x9F\x98\x80\xEF\xBF\xBDz'<bb>[#1#-2.5e3bbn[]{}]<c>''}";
  for (std::size_t cut = 0; cut <= json.size(); ++cut) {
    ASSERT_EQ(run(json, cut), expected) << cut;
    ASSERT_EQ(run(json, cut, false), "{<a><bb>[#1#-2.5e3bbn[]{}]<c>}") << cut;
  }
}

TEST(JsonReader, FindsWhatEndsLongTextAtEveryPlace) {
  for (std::size_t size = 0; size < 200; ++size) {
    const std::string text(size, 'x');
    for (const std::size_t behind : {0U, 15U, 70U}) {
      const std::string rest(behind, '\xE9');
      for (const bool wants : {true, false}) {
        const std::string whole = wants ? "'" + text + '\n' + rest + "'" : "";
        ASSERT_EQ(run('"' + text + "\\n" + rest + '"', 0, wants), whole) << size;
        ASSERT_EQ(run('"' + text + '\x1F' + rest + '"', 0, wants), "failed") << size;
        ASSERT_EQ(run("[\"" + text + "\",1" + rest, 0, wants), "failed") << size;
      }
    }
    ASSERT_EQ(run("[\"" + text + "\",1]"), "['" + text + "'#1]") << size;
  }
}

// threat-model 65
TEST(JsonReader, BoundsTheDepth) {
  EXPECT_NE(run(std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']')), "failed");
  EXPECT_EQ(run(std::string(kMaxJsonDepth + 1, '[') + std::string(kMaxJsonDepth + 1, ']')),
            "failed");
}

TEST(JsonReader, CutsLongStringsKeysAndNumbers) {
  EXPECT_EQ(run("\"" + std::string(5000, 'x') + "\"", 300),
            "'" + std::string(kMaxStringBytes, 'x') + "'");
  EXPECT_EQ(run("{\"" + std::string(500, 'k') + "\":1}"),
            "{<" + std::string(kMaxKeyBytes, 'k') + ">#1}");
  EXPECT_EQ(run(std::string(500, '7')), "#?");
}

TEST(JsonReader, MutatedTextIsAcceptedExactlyWhenBoostAcceptsIt) {
  std::mt19937 random(23);
  const std::string seeds[] = {
      R"({"a":"x\n\"\u00e9","bb":[1,-2.5e3,true,false,null,[],{}],"c":""})",
      R"([{"usageMetadata":{"promptTokenCount":812}},-0.5,1e-7,"\\\/\b\f"])"};
  const std::string alphabet = "{}[]\",:0123456789.eE+-truefalsn\\u \t\n\x01\xFF";
  boost::json::parse_options options;
  options.allow_invalid_utf8 = true;
  int accepted = 0;
  for (int round = 0; round < 30000; ++round) {
    std::string json = seeds[random() % 2];
    for (std::size_t n = random() % 3; n > 0; --n) {
      const std::size_t at = random() % json.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 3) {
        case 0:
          json[at] = c;
          break;
        case 1:
          json.insert(at, 1, c);
          break;
        default:
          json.erase(at, 1);
      }
    }
    boost::system::error_code ec;
    (void)boost::json::parse(json, ec, {}, options);
    // Boost is stricter about surrogates that have no other half; we must not lose usage to them.
    if (ec == boost::json::error::expected_utf16_escape ||
        ec == boost::json::error::illegal_leading_surrogate ||
        ec == boost::json::error::illegal_trailing_surrogate) {
      continue;
    }
    const std::string got = run(json, random() % (json.size() + 1));
    ASSERT_EQ(got != "failed", !ec) << json << " " << ec.message();
    ASSERT_EQ(run(json), got) << json;
    accepted += ec ? 0 : 1;
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace agp::usage
