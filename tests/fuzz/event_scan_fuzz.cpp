#include "daemon/usage/endpoint.h"
#include "daemon/usage/record.h"
#include "daemon/usage/response_reader.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

/// Input: a digit that names the wire, then lines. A line that begins with ! names the next event,
/// any other one is the data of an event. Each stream is read twice, the second time with another
/// unknown field in each event, so that none is like another and all are parsed: what the scan
/// spares may not show.

namespace {

using namespace agp;

constexpr std::array<usage::Wire, 5> kWires{usage::Wire::google, usage::Wire::anthropic,
                                            usage::Wire::openai_chat, usage::Wire::openai_responses,
                                            usage::Wire::interactions};

/// `{…}` becomes `{"~7":0,…}`.
std::string marked(std::string_view line, std::size_t n) {
  const std::size_t open = line.find_first_not_of(" \t");
  if (open == std::string_view::npos || line[open] != '{') {
    return std::string(line);
  }
  const std::size_t next = line.find_first_not_of(" \t", open + 1);
  const bool is_empty = next != std::string_view::npos && line[next] == '}';
  std::string out(line.substr(0, open + 1));
  out += "\"~" + std::to_string(n) + "\":0";
  out += is_empty ? "" : ",";
  out += line.substr(open + 1);
  return out;
}

usage::Record read(usage::Wire wire, std::string_view lines, bool is_marked) {
  usage::ResponseFacts facts;
  facts.http_status = 200;
  facts.content_type = "text/event-stream";
  const auto reader = usage::make_response_reader(wire, facts);
  reader->feed(as_bytes(":\n\n"));  // whatever follows is an event stream
  std::string name;
  for (std::size_t n = 0; !lines.empty(); ++n) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (line.starts_with("!")) {
      name = line.substr(1);
      continue;
    }
    const std::string event = (name.empty() ? "" : "event: " + name + "\n") +
                              "data: " + (is_marked ? marked(line, n) : std::string(line)) + "\n\n";
    reader->feed(as_bytes(event));
    name.clear();
  }
  reader->finish();
  usage::Record record;
  reader->fill(&record);
  record.outcome = reader->has_ended() ? usage::Outcome::ok : usage::Outcome::partial;
  return record;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  // A CR would end lines that the other stream has elsewhere; a line feed does it as well.
  std::string lines(as_text(Bytes(data, size)).substr(1));
  std::replace(lines.begin(), lines.end(), '\r', '\n');
  const usage::Wire wire = kWires[data[0] % kWires.size()];
  fuzz::require(read(wire, lines, false) == read(wire, lines, true),
                "an event that is like another one says what a parse would");
  return 0;
}
