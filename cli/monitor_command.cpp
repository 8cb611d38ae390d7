#include "cli/monitor_command.h"

#include "cli/document.h"
#include "cli/stream_reader.h"

#include <utility>
#include <variant>

#include <boost/json/parse.hpp>

namespace agp::cli {
namespace {

constexpr int kMostTries = 60;  // a restart of the service takes no longer

// By HTTP/1.0, so that the answer is not cut into chunks.
std::string request_after(const std::string& last_id) {
  return "GET /v1/usage/stream HTTP/1.0\r\nHost: localhost\r\nAccept: text/event-stream\r\n" +
         (last_id.empty() ? "" : "Last-Event-ID: " + last_id + "\r\n") + "\r\n";
}

// The bus says why there is no service; its socket alone would start one that was stopped.
std::optional<Failure> absence(Daemon& daemon) {
  const auto answer = daemon.status();
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return *failure;
  }
  boost::system::error_code error;
  const auto document = boost::json::parse(std::get<std::string>(answer), error);
  return error || !document.is_object() ? std::optional(unreadable()) : std::nullopt;
}

Failure unreachable() {
  return {Exit::unavailable, "no_api", "the socket of antigravity-proxy cannot be reached",
          "see: systemctl status antigravity-proxy-api.socket"};
}

Failure refusal(int status) {
  if (status == 401 || status == 403) {
    return {Exit::refused, "refused", "antigravity-proxy refuses to show its records",
            "see: antigravity-proxy usage"};
  }
  if (status == 429) {
    return {Exit::failed, "too_many_streams", "too many streams are open at the same time",
            "end another one"};
  }
  return unreadable();
}

// Is over once the service has gone, or with the reason why nothing follows.
struct Watched {
  std::optional<Output> end;
  std::string last_id;
};

Watched watch(const std::string& last_id, const Line& line, MonitorHost& host) {
  StreamReader reader(last_id);
  while (const auto octets = host.read()) {
    const bool is_readable = reader.feed(*octets);
    const auto status = reader.status();
    if (!is_readable || (status && *status != 200 && *status != 503)) {
      return {failed(refusal(is_readable ? *status : 0), line.json), ""};
    }
    const auto records = reader.take_records();
    if (!records.empty() && !host.write(records)) {
      return {Output{}, ""};
    }
  }
  return {std::nullopt, reader.last_id()};
}

}  // namespace

Output run_monitor(const Line& line, Daemon& daemon, MonitorHost& host) {
  if (const auto failure = absence(daemon)) {
    return failed(*failure, line.json);
  }
  std::string last_id;
  for (int tries = 0; tries < kMostTries; ++tries) {
    if (host.ask(request_after(last_id))) {
      auto watched = watch(last_id, line, host);
      if (watched.end) {
        return std::move(*watched.end);
      }
      last_id = std::move(watched.last_id);
      tries = 0;
    } else if (tries == 0 && last_id.empty()) {
      return failed(unreachable(), line.json);
    }
    if (!host.wait()) {
      return {};
    }
  }
  return failed(absence(daemon).value_or(unreachable()), line.json);
}

}  // namespace agp::cli
