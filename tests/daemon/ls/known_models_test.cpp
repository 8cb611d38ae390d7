#include "daemon/ls/known_models.h"

#include <set>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

TEST(KnownModels, HaveNamesThatARequestCanTellApart) {
  std::set<std::string> ids;
  for (const auto& model : known_models()) {
    EXPECT_TRUE(ids.insert(slug(model.label)).second) << model.label;
    EXPECT_TRUE(model.enum_name.empty()) << "slots change their meaning";
  }
  EXPECT_EQ(ids.count("gemini-3-flash"), 1U);
}

}  // namespace
}  // namespace agp::ls
