#include "cli/usage_command.h"

#include "cli/export_file.h"
#include "cli/local_zone.h"
#include "cli/options.h"
#include "cli/render.h"

#include <map>
#include <set>
#include <utility>
#include <variant>

namespace agp::cli {
namespace {

constexpr const char* kUsageHelp = R"(Usage: antigravity-proxy usage [OPTIONS]

Shows the tokens used, as measured on the wire. A number that was not seen is shown as
"unknown", never as 0; a call without a known price is "unpriced", never $0.

Options:
  --since TIME      only calls from this time on
  --until TIME      only calls before this time
                    TIME: 2026-11-22, 2026-11-22T04:00:00Z, today, yesterday, -7d, -24h, -30m
  --timezone NAME   of days, hours and TIME, such as Europe/Berlin (default: the local one)
  --group-by LIST   comma list of model, provider, host, day, hour, cascade, kind, uid
                    (default: model)
  --model NAME      only this model
  --provider NAME   only google, anthropic, openai or azure
  --host NAME       only this server
  --cascade ID      only this conversation
  --kind NAME       only agent, checkpoint, tab, web_search or other
  --uid NUMBER      only calls of this account
  --json            one JSON document (the same as GET /v1/usage)

Est. $ is what the calls would cost at list prices, whatever a subscription bills.

Examples:
  antigravity-proxy usage --since today
  antigravity-proxy usage --since -7d --group-by day,model
)";

constexpr const char* kRecordsHelp = R"(Usage: antigravity-proxy records [OPTIONS]

Shows single calls, newest first.

Options:
  --limit NUMBER    how many, 1 to 1000 (default: 20; with --json 100)
  --cursor TEXT     go on after a page, with the cursor that it ended with
  --since, --until, --timezone, --model, --provider, --host, --cascade, --kind, --uid
                    as for usage
  --json            one JSON document (the same as GET /v1/usage/records)

Example:
  antigravity-proxy records --since today --model gemini-3-flash
)";

constexpr const char* kExportHelp =
    R"(Usage: antigravity-proxy export --format csv|json|ndjson [--output FILE] [OPTIONS]

Writes all records that are kept singly, oldest first, in constant memory.

Options:
  --format NAME     csv: RFC 4180; an unknown number is an empty field, and a text that a
                    spreadsheet could take for a formula begins with an apostrophe
                    json: one document; ndjson: one record per line
  --output FILE     write to FILE, which is replaced when all is written (default: standard
                    output)
  --since, --until, --timezone, --model, --provider, --host, --cascade, --kind, --uid
                    as for usage
  --json            with --output: how many records, as JSON; faults as JSON too

Schemas of the JSON forms are in /usr/share/antigravity-proxy/schemas.

Example:
  antigravity-proxy export --format csv --since -30d --output usage.csv
)";

using Query = std::map<std::string, std::string>;

// Options and the parameters of the question that they become.
Query parameters_of(const std::string& verb) {
  Query out = {{"--since", "since"},     {"--until", "until"},       {"--timezone", "timezone"},
               {"--model", "model"},     {"--provider", "provider"}, {"--host", "host"},
               {"--cascade", "cascade"}, {"--kind", "kind"},         {"--uid", "uid"}};
  if (verb == "usage") {
    out["--group-by"] = "group_by";
  } else if (verb == "records") {
    out["--limit"] = "limit";
    out["--cursor"] = "cursor";
  } else {
    out["--format"] = "format";
  }
  return out;
}

std::set<std::string> known_options(const std::string& verb) {
  std::set<std::string> out;
  for (const auto& [option, parameter] : parameters_of(verb)) {
    out.insert(option);
  }
  if (verb == "export") {
    out.insert("--output");
  }
  return out;
}

Query question(const std::string& verb, const Options& options) {
  Query out;
  for (const auto& [option, parameter] : parameters_of(verb)) {
    const auto value = options.values.find(option);
    if (value != options.values.end()) {
      out[parameter] = value->second;
    }
  }
  out.emplace("timezone", local_zone());
  return out;
}

using Render = Answer<std::string> (*)(std::string_view document, const Style& style);

Output shown(const Answer<std::string>& answer, bool json, const Style& style, Render render) {
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, json);
  }
  const auto& document = std::get<std::string>(answer);
  Output output;
  if (json) {
    output.out = document;
    return output;
  }
  auto rendered = render(document, style);
  if (const auto* failure = std::get_if<Failure>(&rendered)) {
    return failed(*failure, false);
  }
  output.out = std::get<std::string>(std::move(rendered));
  return output;
}

Output records(const Options& options, Daemon& daemon, const Style& style) {
  auto query = question("records", options);
  if (!options.json) {
    query.emplace("limit", "20");
  }
  return shown(daemon.records(query), options.json, style, &render_records);
}

Output exported(const Options& options, Daemon& daemon) {
  if (options.values.count("--format") == 0) {
    return wrong_line("option --format is needed: csv, json or ndjson", "export", options.json);
  }
  const auto target = options.values.find("--output");
  auto file = target == options.values.end() ? ExportFile::standard_output()
                                             : ExportFile::open(target->second);
  if (const auto* failure = std::get_if<Failure>(&file)) {
    return failed(*failure, options.json);
  }
  auto& into = std::get<ExportFile>(file);
  const auto answer = daemon.export_records(question("export", options), into.fd());
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, options.json && !into.is_standard_output());
  }
  if (const auto failure = into.finish()) {
    return failed(*failure, options.json);
  }
  Output output;
  if (!into.is_standard_output()) {
    const auto count = std::get<std::uint64_t>(answer);
    output.out = options.json
                     ? "{\"records\":" + std::to_string(count) + "}\n"
                     : grouped(count) + (count == 1 ? " record" : " records") + " written\n";
  }
  return output;
}

}  // namespace

bool is_usage_verb(const std::string& verb) {
  return verb == "usage" || verb == "records" || verb == "export";
}

Output run_usage(const std::vector<std::string>& words, Daemon& daemon, bool color) {
  std::string verb;
  for (const auto& word : words) {
    if (is_usage_verb(word)) {
      verb = word;
      break;
    }
  }
  const auto options = parse_options(words, known_options(verb));
  if (options.help) {
    Output output;
    output.out = verb == "usage" ? kUsageHelp : verb == "records" ? kRecordsHelp : kExportHelp;
    return output;
  }
  if (options.fault) {
    return wrong_line(*options.fault, verb, options.json);
  }
  if (options.plain.size() > 1) {
    return wrong_line("unexpected argument " + options.plain[1], verb, options.json);
  }
  const Style style{color};
  if (verb == "usage") {
    return shown(daemon.usage(question(verb, options)), options.json, style, &render_usage);
  }
  return verb == "records" ? records(options, daemon, style) : exported(options, daemon);
}

}  // namespace agp::cli
