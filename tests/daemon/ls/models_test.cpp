#include "daemon/ls/models.h"

#include "daemon/ls/errors.h"

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

constexpr const char* kData = R"json({"clientModelConfigs":[
  {"label":"Gemini 3 Pro (High)",
                     "modelOrAlias" : {
  "model" : "MODEL_PLACEHOLDER_M8"
}
},
  {"label":"Gemini 3 Flash","modelOrAlias":{"model":"MODEL_PLACEHOLDER_M18"},"isRecommended":true},
  {"label":"Old","modelOrAlias":{"model":"MODEL_PLACEHOLDER_M12"},"disabled":true},
  {"label":"Auto","modelOrAlias":{"alias":"MODEL_ALIAS_AUTO"}}]})json";

TEST(ModelCatalogue, ReadsBothAnswersThatCarryIt) {
  const std::string status =
      std::string(R"({"userStatus":{"cascadeModelConfigData":)") + kData + "}}";
  EXPECT_EQ(ModelCatalogue::parse(kData)->models().size(), 3U);
  EXPECT_EQ(ModelCatalogue::parse(status)->models().size(), 3U);
}

TEST(ModelCatalogue, ResolvesLabelsSlugsAndEnumNames) {
  const auto catalogue = *ModelCatalogue::parse(kData);
  for (const char* name : {"Gemini 3 Pro (High)", "gemini-3-pro-high", "MODEL_PLACEHOLDER_M8"}) {
    EXPECT_EQ(catalogue.resolve(name)->enum_name, "MODEL_PLACEHOLDER_M8") << name;
  }
  EXPECT_EQ(catalogue.resolve("MODEL_NEW")->enum_name, "MODEL_NEW");
}

TEST(ModelCatalogue, DefaultsToTheOverrideThenTheRecommendedThenTheFirst) {
  EXPECT_EQ(ModelCatalogue::parse(kData)->resolve("")->label, "Gemini 3 Flash");
  EXPECT_EQ(ModelCatalogue::parse(R"({"clientModelConfigs":[
      {"label":"A","modelOrAlias":{"model":"MODEL_A"}},
      {"label":"B","modelOrAlias":{"model":"MODEL_B"}}],
      "defaultOverrideModelConfig":{"modelOrAlias":{"model":"MODEL_B"}}})")
                ->resolve("")
                ->label,
            "B");
  EXPECT_EQ(ModelCatalogue::parse(
                R"({"clientModelConfigs":[{"label":"A","modelOrAlias":{"model":"MODEL_A"}}]})")
                ->resolve("")
                ->label,
            "A");
}

TEST(ModelCatalogue, NamesTheKnownModelsWhenAskedForAnother) {
  const auto catalogue = *ModelCatalogue::parse(kData);
  for (const char* name : {"gpt-9", "old"}) {
    const auto resolved = catalogue.resolve(name);
    ASSERT_FALSE(resolved);
    EXPECT_EQ(resolved.error().code, Errc::unknown_model);
    EXPECT_NE(resolved.error().context.find("gemini-3-pro-high, gemini-3-flash"),
              std::string::npos);
  }
}

TEST(ModelCatalogue, HasNoModelsWhenNotSignedInAndSaysSo) {
  const auto catalogue = ModelCatalogue::parse("{}");
  ASSERT_TRUE(catalogue);
  const auto resolved = catalogue->resolve("");
  ASSERT_FALSE(resolved);
  EXPECT_NE(resolved.error().context.find("signed in"), std::string::npos);
}

TEST(ModelCatalogue, RefusesWhatIsNotJson) {
  EXPECT_EQ(ModelCatalogue::parse("<html>").error().code, Errc::bad_answer);
}

}  // namespace
}  // namespace agp::ls
