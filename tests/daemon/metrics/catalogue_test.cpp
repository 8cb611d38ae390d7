#include "daemon/metrics/catalogue.h"

#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace agp::metrics {
namespace {

const char* word(Type type) {
  switch (type) {
    case Type::counter:
      return "counter";
    case Type::gauge:
      return "gauge";
    case Type::histogram:
      return "histogram";
    case Type::info:
      return "info";
  }
  return "";
}

std::string labels_of(const Family& family) {
  std::istringstream words(family.labels);
  std::string out;
  for (std::string label; words >> label;) {
    out += (out.empty() ? "`" : ", `") + label + "`";
  }
  return out;
}

std::string row_of(const Family& family) {
  return std::string("| `") + family.name + "` | " + word(family.type) + " | " + family.unit +
         " | " + labels_of(family) + " | " + family.source + " | " + family.help + " |";
}

TEST(Catalogue, TheManualListsEveryMetricAndNoOther) {
  std::ifstream file(AGP_METRICS_MANUAL);
  ASSERT_TRUE(file) << AGP_METRICS_MANUAL;
  std::set<std::string> listed;
  for (std::string line; std::getline(file, line);) {
    if (std::regex_search(line, std::regex("^\\| `[a-z_]+` \\| (counter|gauge|histogram|info) "))) {
      listed.insert(line);
    }
  }
  std::set<std::string> known;
  for (const auto& family : catalogue()) {
    known.insert(row_of(family));
  }
  for (const auto& row : known) {
    EXPECT_TRUE(listed.contains(row)) << "missing or different: " << row;
  }
  for (const auto& row : listed) {
    EXPECT_TRUE(known.contains(row)) << "there is no such metric: " << row;
  }
}

// The rules of Prometheus' guides that promtool does not look at.
TEST(Catalogue, NamesFollowTheRules) {
  std::set<std::string> names;
  for (const auto& family : catalogue()) {
    const std::string name = family.name;
    const std::string unit = family.unit;
    EXPECT_TRUE(names.insert(name).second) << name << " is there twice";
    EXPECT_EQ(name.ends_with("_total"), family.type == Type::counter) << name;
    EXPECT_EQ(name.ends_with("_info"), family.type == Type::info) << name;
    EXPECT_TRUE(std::regex_match(name, std::regex("[a-z][a-z0-9_]*"))) << name;
    EXPECT_FALSE(std::regex_search(name, std::regex("_(sum|count|bucket)$"))) << name;
    if (!unit.empty()) {
      const std::string suffix = family.type == Type::counter ? "_" + unit + "_total" : "_" + unit;
      EXPECT_TRUE(name.ends_with(suffix)) << name;
    }
    std::istringstream labels(family.labels);
    for (std::string label; labels >> label;) {
      EXPECT_FALSE(std::regex_match(
          label, std::regex("type|le|quantile|job|instance|env|region|service|user|uid|path")))
          << name << ' ' << label;
    }
  }
}

}  // namespace
}  // namespace agp::metrics
