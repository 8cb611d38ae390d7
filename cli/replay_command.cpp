#include "cli/replay_command.h"

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
std::string take_context(const Line& line, ReplayContext* out) {
  out->host = line.value("--host");
  out->path = line.value("--path");
  if (const auto url = line.value("--url")) {
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

Output run_replay(const Line& line) {
  Output output;
  ReplayContext context;
  context.now = wall_clock();
  if (const auto wrong = take_context(line, &context); !wrong.empty()) {
    return wrong_line(wrong, "replay", line.json);
  }
  if (const auto request = line.value("--request")) {
    context.request = read_file(*request);
    if (!context.request) {
      return failed({Exit::data, "unreadable", cannot_read(*request), ""}, line.json);
    }
  }
  std::string list;
  for (const auto& name : line.arguments) {
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
