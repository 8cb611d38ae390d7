#include "daemon/api/record_csv.h"

#include "daemon/api/utf8.h"
#include "tests/daemon/api/some_records.h"

#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace agp::api {
namespace {

// RFC 4180 as a reader sees it, written without a look at the writer.
std::vector<std::vector<std::string>> parse_csv(std::string_view text) {
  std::vector<std::vector<std::string>> lines;
  std::vector<std::string> line;
  std::size_t at = 0;
  while (at < text.size()) {
    std::string field;
    if (text[at] == '"') {
      ++at;
      while (true) {
        if (at >= text.size()) {
          ADD_FAILURE() << "a quote is not closed";
          return lines;
        }
        if (text[at] != '"') {
          field += text[at++];
        } else if (at + 1 < text.size() && text[at + 1] == '"') {
          field += '"';
          at += 2;
        } else {
          ++at;
          break;
        }
      }
    } else {
      while (at < text.size() && text[at] != ',' && text[at] != '\r') {
        EXPECT_NE(text[at], '"');
        EXPECT_NE(text[at], '\n');
        field += text[at++];
      }
    }
    line.push_back(field);
    if (text.substr(at, 1) == ",") {
      ++at;
      if (at == text.size()) {
        ADD_FAILURE() << "the last line does not end";
      }
    } else if (text.substr(at, 2) == "\r\n") {
      at += 2;
      lines.push_back(std::move(line));
      line.clear();
    } else {
      ADD_FAILURE() << "neither a comma nor CRLF at " << at << " of " << text;
      return lines;
    }
  }
  EXPECT_TRUE(line.empty());
  return lines;
}

std::map<std::string, std::string> parsed(const usage::Record& record) {
  const auto lines = parse_csv(csv_header() + csv_line(record));
  std::map<std::string, std::string> out;
  if (lines.size() != 2 || lines[0].size() != lines[1].size()) {
    ADD_FAILURE() << "not a header and a line of the same width";
    return out;
  }
  for (std::size_t i = 0; i < lines[0].size(); ++i) {
    EXPECT_TRUE(out.emplace(lines[0][i], lines[1][i]).second) << lines[0][i] << " is there twice";
  }
  return out;
}

// The rule that the header of the writer tells.
std::string without_apostrophe(const std::string& field) {
  return field.starts_with('\'') ? field.substr(1) : field;
}

TEST(RecordCsv, TellsEveryField) {
  const auto fields = parsed(test::full_record());
  EXPECT_EQ(fields.size(), 62U);
  for (const auto& [name, value] : fields) {
    EXPECT_NE(value, "") << name;
  }
  EXPECT_EQ(fields.at("id"), "01J9ZZZZZZZZZZZZZZZZZZZZZZ");
  EXPECT_EQ(fields.at("input_total"), "9001");
  EXPECT_EQ(fields.at("cost_usd_estimate"), "0.0049484");
  EXPECT_EQ(fields.at("reported"), R"({"promptTokenCount":9001,"totalTokenCount":9142})");
  EXPECT_EQ(fields.at("tool_calls"), R"(["read_file","edit"])");
  EXPECT_EQ(fields.at("cascade_confirmed"), "true");
}

TEST(RecordCsv, WhatIsNotKnownIsEmptyAndNeverZero) {
  const auto fields = parsed(usage::Record{});
  for (const char* name :
       {"input_total", "output_total", "total", "reasoning", "cost_usd_estimate", "local_uid",
        "owner_uid", "http_status", "step_index", "credits_consumed", "model"}) {
    EXPECT_EQ(fields.at(name), "") << name;
  }
}

TEST(RecordCsv, QuotesOnlyWhereItHasTo) {
  EXPECT_EQ(csv_text("plain text"), "plain text");
  EXPECT_EQ(csv_text(""), "");
  EXPECT_EQ(csv_text("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_text("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(csv_text("a\r\nb"), "\"a\r\nb\"");
  EXPECT_EQ(csv_text(" a"), "\" a\"");
  EXPECT_EQ(csv_text("a;b"), "\"a;b\"");
}

TEST(RecordCsv, NoFieldBeginsAsAFormula) {
  EXPECT_EQ(csv_text("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
  EXPECT_EQ(csv_text("+1"), "'+1");
  EXPECT_EQ(csv_text("-1"), "'-1");
  EXPECT_EQ(csv_text("@SUM(1)"), "'@SUM(1)");
  EXPECT_EQ(csv_text("\t=1"), "\"'\t=1\"");
  EXPECT_EQ(csv_text("\xEF\xBC\x9D"
                     "1"),
            "'\xEF\xBC\x9D"
            "1");
  EXPECT_EQ(csv_text("'quoted"), "''quoted");
}

TEST(RecordCsv, EveryTextComesBackThroughAnotherParser) {
  std::mt19937 random(4180);
  for (int i = 0; i < 300; ++i) {
    const auto record = test::random_record(random);
    const auto fields = parsed(record);
    ASSERT_EQ(without_apostrophe(fields.at("host")), utf8(record.host));
    ASSERT_EQ(without_apostrophe(fields.at("path")), utf8(record.path));
    ASSERT_EQ(without_apostrophe(fields.at("instance")), utf8(record.instance));
    ASSERT_EQ(without_apostrophe(fields.at("model")), utf8(*record.model));
    ASSERT_EQ(without_apostrophe(fields.at("finish_raw")), utf8(*record.finish_raw));
    ASSERT_EQ(fields.at("total"), record.usage ? std::to_string(record.usage->total) : "");
    for (const auto& [name, value] : fields) {
      ASSERT_TRUE(value.empty() || std::string("=+-@\t\r\n").find(value[0]) == std::string::npos)
          << name << ": " << value;
    }
  }
}

}  // namespace
}  // namespace agp::api
