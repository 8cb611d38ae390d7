#include "cli/usage_command.h"

#include "cli/document.h"
#include "cli/export_file.h"
#include "cli/local_zone.h"
#include "cli/render.h"
#include "cli/shown.h"
#include "cli/usage_csv.h"

#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace agp::cli {
namespace {

using Query = std::map<std::string, std::string>;

// Options and the parameters of the question that they become.
Query parameters_of(std::string_view verb) {
  Query out = {{"--since", "since"},     {"--until", "until"},       {"--timezone", "timezone"},
               {"--model", "model"},     {"--provider", "provider"}, {"--host", "host"},
               {"--cascade", "cascade"}, {"--kind", "kind"},         {"--uid", "uid"}};
  if (verb == "usage") {
    out["--by"] = "group_by";
  } else if (verb == "records") {
    out["--limit"] = "limit";
    out["--cursor"] = "cursor";
  } else {
    out["--format"] = "format";
  }
  return out;
}

Query question(const Line& line) {
  Query out;
  for (const auto& [option, parameter] : parameters_of(line.verb->name)) {
    if (const auto value = line.value(option)) {
      out[parameter] = *value;
    }
  }
  out.emplace("timezone", local_zone());
  return out;
}

// The daemon says when it started; a session is what was used since then.
Answer<std::string> start_of_service(Daemon& daemon) {
  const auto answer = daemon.status();
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return *failure;
  }
  boost::system::error_code error;
  const auto document = boost::json::parse(std::get<std::string>(answer), error);
  const auto* root = error ? nullptr : document.if_object();
  const auto* started = root == nullptr ? nullptr : find(*root, "started_at");
  if (started == nullptr || !started->is_string()) {
    return unreadable();
  }
  return text_of(*root, "started_at");
}

std::optional<Failure> put_period(const std::string& period, Daemon& daemon, Query* query) {
  static const std::map<std::string, std::string> kSince = {
      {"today", "today"}, {"yesterday", "yesterday"}, {"week", "-7d"}, {"month", "-30d"}};
  if (period == "session") {
    const auto start = start_of_service(daemon);
    if (const auto* failure = std::get_if<Failure>(&start)) {
      return *failure;
    }
    (*query)["since"] = std::get<std::string>(start);
    return std::nullopt;
  }
  (*query)["since"] = kSince.at(period);
  if (period == "yesterday") {
    (*query)["until"] = "today";
  }
  return std::nullopt;
}

}  // namespace

Output run_usage(const Line& line, Daemon& daemon, const Style& style) {
  auto query = question(line);
  if (!line.arguments.empty()) {
    if (query.count("since") != 0 || query.count("until") != 0) {
      return wrong_line("a PERIOD takes the place of --since and --until", "usage", line.json);
    }
    if (const auto failure = put_period(line.arguments[0], daemon, &query)) {
      return failed(*failure, line.json);
    }
  }
  if (!line.has("--csv")) {
    return shown(
        daemon.usage(query), line.json,
        [&](const std::string& document) { return render_usage(document, style); }, kAlwaysOk);
  }
  if (line.json) {
    return wrong_line("pass --csv or --json", "usage", true);
  }
  const auto answer = daemon.usage(query);
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, false);
  }
  const auto table = usage_csv(std::get<std::string>(answer), line.value("--by").value_or("model"));
  if (const auto* failure = std::get_if<Failure>(&table)) {
    return failed(*failure, false);
  }
  Output output;
  output.out = std::get<std::string>(table);
  return output;
}

Output run_records(const Line& line, Daemon& daemon, const Style& style) {
  auto query = question(line);
  if (!line.json) {
    query.emplace("limit", "20");
  }
  return shown(
      daemon.records(query), line.json,
      [&](const std::string& document) { return render_records(document, style); }, kAlwaysOk);
}

Output run_export(const Line& line, Daemon& daemon, const Style& /*style*/) {
  if (!line.value("--format")) {
    return wrong_line("option --format is needed: csv, json or ndjson", "export", line.json);
  }
  const auto target = line.value("--output");
  auto file = target ? ExportFile::open(*target) : ExportFile::standard_output();
  if (const auto* failure = std::get_if<Failure>(&file)) {
    return failed(*failure, line.json);
  }
  auto& into = std::get<ExportFile>(file);
  const auto answer = daemon.export_records(question(line), into.fd());
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, line.json && !into.is_standard_output());
  }
  if (const auto failure = into.finish()) {
    return failed(*failure, line.json);
  }
  Output output;
  if (!into.is_standard_output()) {
    const auto count = std::get<std::uint64_t>(answer);
    output.out = line.json ? "{\"records\":" + std::to_string(count) + "}\n"
                           : grouped(count) + (count == 1 ? " record" : " records") + " written\n";
  }
  return output;
}

}  // namespace agp::cli
