#include "cli/replay_command.h"

#include "cli/options.h"
#include "cli/replay.h"
#include "daemon/api/record_json.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <istream>
#include <optional>
#include <utility>

namespace agp::cli {
namespace {

constexpr const char* kHelp = R"(Usage: antigravity-proxy replay [OPTIONS] FILE...

Reads recorded exchanges offline, with the same code that reads live ones, and shows the
records as a JSON array of antigravity-proxy.record.v1. FILE "-" is standard input.

A FILE is a HAR 1.2 document, or one raw HTTP/1.1 response, with its request before it or
in a file of its own, or named by its URL; or what curl -i wrote; or with --url a body alone.

Options:
  --request FILE    the raw request that the response answers
  --url URL         where the response came from: https://HOST/PATH
  --host NAME       the same in two parts
  --path PATH
  --json            the form it has anyway

Exit codes: 0 all was read; 65 something was not, and standard error says what; the records
of the rest are shown all the same.

Examples:
  antigravity-proxy replay session.har
  curl -sN -i https://api.openai.com/v1/responses -d @request.json ... > answer.txt
  antigravity-proxy replay --url https://api.openai.com/v1/responses answer.txt
)";

usage::Micros wall_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

// One octet more than may be: replay() then says that it is too much.
std::optional<std::string> read_all(std::istream& from) {
  std::string out;
  char space[64 * 1024];
  while (out.size() <= kMostReplayOctets && from.read(space, sizeof space).gcount() > 0) {
    out.append(space, static_cast<std::size_t>(from.gcount()));
  }
  return from.bad() ? std::nullopt : std::optional(std::move(out));
}

std::optional<std::string> read_file(const std::string& name) {
  if (name == "-") {
    return read_all(std::cin);
  }
  std::ifstream file(name, std::ios::binary);
  return file ? read_all(file) : std::nullopt;
}

std::string cannot_read(const std::string& name) {
  return name + ": cannot be read: " + std::strerror(errno);
}

// What is wrong with the command line, or empty.
std::string take_context(const Options& options, ReplayContext* out) {
  const auto value = [&](const char* name) -> const std::string* {
    const auto found = options.values.find(name);
    return found == options.values.end() ? nullptr : &found->second;
  };
  if (const auto* host = value("--host")) {
    out->host = *host;
  }
  if (const auto* path = value("--path")) {
    out->path = *path;
  }
  if (const auto* url = value("--url")) {
    if (out->host || out->path) {
      return "--url says what --host and --path say: pass one or the other";
    }
    const auto scheme = url->find("://");
    const auto slash = scheme == std::string::npos ? scheme : url->find('/', scheme + 3);
    if (slash == std::string::npos) {
      return "--url: expected https://HOST/PATH, got \"" + *url + "\"";
    }
    const auto host = url->substr(scheme + 3, slash - scheme - 3);
    out->host = host.substr(0, host.rfind(':'));
    out->path = url->substr(slash);
  }
  return {};
}

}  // namespace

Output run_replay(const std::vector<std::string>& words) {
  const auto options = parse_options(words, {"--request", "--url", "--host", "--path"});
  Output output;
  if (options.help) {
    output.out = kHelp;
    return output;
  }
  ReplayContext context;
  context.now = wall_clock();
  auto wrong = options.fault.value_or("");
  if (wrong.empty()) {
    wrong = options.plain.size() < 2 ? "no file given" : take_context(options, &context);
  }
  if (!wrong.empty()) {
    return wrong_line(wrong, "replay", options.json);
  }
  if (const auto request = options.values.find("--request"); request != options.values.end()) {
    context.request = read_file(request->second);
    if (!context.request) {
      return failed({Exit::data, "unreadable", cannot_read(request->second), ""}, options.json);
    }
  }
  std::string list;
  for (std::size_t i = 1; i < options.plain.size(); ++i) {
    const auto& name = options.plain[i];
    const auto recording = read_file(name);
    auto read = recording ? replay(*recording, context) : Replayed{};
    if (!recording) {
      output.err += cannot_read(name) + "\n";
      output.exit = Exit::data;
    }
    for (const auto& fault : read.faults) {
      output.err += name + ": " + fault + "\n";
      output.exit = Exit::data;
    }
    for (const auto& record : read.records) {
      list += (list.empty() ? "\n" : ",\n") + api::record_line(record);
    }
  }
  output.out = "[" + list + (list.empty() ? "]\n" : "\n]\n");
  return output;
}

}  // namespace agp::cli
