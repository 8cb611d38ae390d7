#include "cli/usage_command.h"

#include "cli/export_file.h"
#include "cli/local_zone.h"
#include "cli/render.h"

#include <map>
#include <string_view>
#include <utility>
#include <variant>

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

}  // namespace

Output run_usage(const Line& line, Daemon& daemon, bool color) {
  return shown(daemon.usage(question(line)), line.json, Style{color}, &render_usage);
}

Output run_records(const Line& line, Daemon& daemon, bool color) {
  auto query = question(line);
  if (!line.json) {
    query.emplace("limit", "20");
  }
  return shown(daemon.records(query), line.json, Style{color}, &render_records);
}

Output run_export(const Line& line, Daemon& daemon, bool /*color*/) {
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
