#include "daemon/api/openai/usage_block.h"

#include "tests/daemon/api/fake_ledger.h"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace agp::api::openai {
namespace {

using boost::json::serialize;

TEST(UsageBlock, SaysWhatWasMeasured) {
  EXPECT_EQ(serialize(*responses_usage(api::test::some_sums())),
            R"({"input_tokens":100,"input_tokens_details":{"cached_tokens":40},)"
            R"("output_tokens":23,"output_tokens_details":{"reasoning_tokens":3},)"
            R"("total_tokens":123})");
  EXPECT_EQ(serialize(*chat_usage(api::test::some_sums())),
            R"({"prompt_tokens":100,"completion_tokens":23,"total_tokens":123,)"
            R"("prompt_tokens_details":{"cached_tokens":40},)"
            R"("completion_tokens_details":{"reasoning_tokens":3}})");
}

TEST(UsageBlock, UnknownIsNotZero) {
  ledger::Sums silent;
  silent.calls = 1;
  silent.usage_unknown = 1;
  for (const auto& sums :
       {std::optional<ledger::Sums>(), std::optional(silent), std::optional(ledger::Sums{})}) {
    EXPECT_FALSE(responses_usage(sums));
    EXPECT_FALSE(chat_usage(sums));
  }
  auto thoughtless = api::test::some_sums();
  thoughtless.reasoning_unknown = 1;
  EXPECT_TRUE(
      responses_usage(thoughtless)->at("output_tokens_details").at("reasoning_tokens").is_null());
  EXPECT_FALSE(chat_usage(thoughtless)->contains("completion_tokens_details"));
}

TEST(UsageBlock, SaysHowFarItGoes) {
  EXPECT_EQ(serialize(measured_block("c-1", api::test::some_sums())),
            R"({"cascade_id":"c-1","calls":2,"usage_unknown":0})");
  EXPECT_EQ(serialize(measured_block("", std::nullopt)),
            R"({"cascade_id":null,"calls":null,"usage_unknown":null})");
}

}  // namespace
}  // namespace agp::api::openai
