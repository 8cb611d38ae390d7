#include "daemon/api/openai/models_list.h"

#include <gtest/gtest.h>

namespace agp::api::openai {
namespace {

const std::vector<ModelEntry> kModels{{"gemini-3-pro-high", "Gemini 3 Pro (High)", true},
                                      {"other", "", false}};
constexpr const char* kOfTheLanguageServer =
    R"("antigravity_proxy":{"source":"language_server","problem":null,"remedy":null})";
constexpr const char* kFirst =
    R"({"id":"gemini-3-pro-high","object":"model","created":1795000000,"owned_by":"antigravity",)"
    R"x("antigravity_proxy":{"display_name":"Gemini 3 Pro (High)","recommended":true}})x";

TEST(ModelsList, IsAListObject) {
  EXPECT_EQ(render_models(kModels, 1'795'000'000).body,
            std::string(R"({"object":"list","data":[)") + kFirst +
                R"(,{"id":"other","object":"model","created":1795000000,"owned_by":"antigravity",)"
                R"("antigravity_proxy":{"display_name":null,"recommended":false}}],)" +
                kOfTheLanguageServer + "}\n");
  EXPECT_EQ(render_models({}, 1).body,
            std::string(R"({"object":"list","data":[],)") + kOfTheLanguageServer + "}\n");
}

TEST(ModelsList, SaysWhyItIsNotWhatTheLanguageServerSays) {
  const auto answer =
      render_models(kModels, 1, {ModelSource::catalogue, "nobody could be asked", "start the IDE"});
  EXPECT_NE(
      answer.body.find(
          R"("source":"catalogue","problem":"nobody could be asked","remedy":"start the IDE")"),
      std::string::npos);
}

TEST(ModelsList, HasSingleModels) {
  EXPECT_EQ(render_model(kModels, "gemini-3-pro-high", 1'795'000'000).body,
            std::string(kFirst) + "\n");
  const auto unknown = render_model(kModels, "gpt-9", 1);
  EXPECT_EQ(unknown.status, 404U);
  EXPECT_NE(unknown.body.find(R"("param":"model","code":"model_not_found")"), std::string::npos);
}

}  // namespace
}  // namespace agp::api::openai
