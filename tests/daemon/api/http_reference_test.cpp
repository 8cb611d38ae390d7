// docs/http.md beside what the program takes.
#include "daemon/api/router.h"
#include "daemon/api/schemas.h"
#include "tests/daemon/api/asked.h"

#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace agp::api {
namespace {

using test::request;
using test::root;

/// What stands under each "## METHOD /path".
std::map<std::string, std::string> sections() {
  std::ifstream file(AGP_HTTP_REFERENCE);
  std::map<std::string, std::string> found;
  std::string title;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) {
      title = line.substr(3);
    } else if (!title.empty()) {
      found[title] += line + "\n";
    }
  }
  return found;
}

std::set<std::string> matches(const std::string& text, const char* pattern) {
  const std::regex expression(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator each(text.begin(), text.end(), expression), end; each != end; ++each) {
    found.insert((*each)[1].matched ? (*each)[1].str() : each->str());
  }
  return found;
}

/// "known are a, b" of a refusal, as a set.
std::set<std::string> known_of(const std::string& text) {
  const auto at = text.find("known are ");
  EXPECT_NE(at, std::string::npos) << text;
  return at == std::string::npos ? std::set<std::string>()
                                 : matches(text.substr(at + 10), "[A-Za-z0-9_/.-]+");
}

std::string path_of(const std::string& title) {
  return title.substr(title.find(' ') + 1);
}

TEST(HttpReference, HasASectionForEachPath) {
  const auto route = route_head(request("GET", "/nothing"), root());
  ASSERT_TRUE(route.refusal);
  auto known = known_of(route.refusal->hint);
  EXPECT_EQ(known.erase("/v1/models/NAME"), 1U);  // told of with the list
  std::set<std::string> documented;
  for (const auto& [title, text] : sections()) {
    documented.insert(path_of(title));
    // And by the right method.
    const auto method = title.substr(0, title.find(' '));
    const auto allowed = route_head(request(method, path_of(title)), root());
    EXPECT_FALSE(allowed.refusal) << title;
    const auto other =
        route_head(request(method == "GET" ? "POST" : "GET", path_of(title)), root());
    EXPECT_TRUE(other.refusal && other.refusal->status == 405U) << title;
  }
  EXPECT_EQ(documented, known);
}

TEST(HttpReference, NamesTheParametersOfEachPath) {
  std::size_t with_parameters = 0;
  for (const auto& [title, text] : sections()) {
    auto asked = request(title.substr(0, title.find(' ')), path_of(title));
    asked.query = {{"nonsense", "1"}, {"format", "csv"}};
    if (path_of(title) != "/v1/usage/export") {
      asked.query.pop_back();
    }
    const auto step = handle(asked, root(), {});
    const auto* answer = std::get_if<Response>(&step);
    const bool has_parameters = answer != nullptr && answer->status == 400 &&
                                answer->body.find("unknown parameter") != std::string::npos;
    const auto line = matches(text, "Parameters: ([^\n]*)");
    if (!has_parameters) {
      EXPECT_TRUE(line.empty()) << title;
      continue;
    }
    ++with_parameters;
    ASSERT_EQ(line.size(), 1U) << title;
    auto body = answer->body.substr(0, answer->body.find("\"hint\""));
    body = body.substr(0, body.rfind('"', body.rfind(',')));
    EXPECT_EQ(matches(*line.begin(), "`([a-z_]+)`"), known_of(body)) << title;
  }
  EXPECT_EQ(with_parameters, 6U);
}

TEST(HttpReference, NamesEverySchemaAndNoOther) {
  std::set<std::string> named;
  for (const auto& [title, text] : sections()) {
    const auto here = matches(text, "`([a-z-]+[.]v[0-9]+)`");
    named.insert(here.begin(), here.end());
  }
  std::set<std::string> known;
  for (const auto& schema : schemas()) {
    known.insert(schema.name);
  }
  EXPECT_EQ(named, known);
}

}  // namespace
}  // namespace agp::api
