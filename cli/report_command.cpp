#include "cli/report_command.h"

#include "cli/doctor/system_sources.h"
#include "cli/document.h"
#include "cli/report/report_document.h"
#include "cli/report/surroundings.h"
#include "common/base/unique_fd.h"
#include "daemon/api/rfc3339.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <utility>
#include <variant>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fcntl.h>
#include <unistd.h>

namespace agp::cli {
namespace {

namespace json = boost::json;

constexpr const char* kFile = "antigravity-proxy-report.json";

std::string now_text() {
  return api::to_rfc3339(
      std::chrono::time_point_cast<usage::Micros::duration>(std::chrono::system_clock::now()));
}

bool asks_and_hears_yes(const std::string& text, const std::string& path) {
  std::cout << text << "\nWrite this to " << path << "? [y/N] " << std::flush;
  std::string answer;
  return std::getline(std::cin, answer) && (answer == "y" || answer == "yes");
}

Failure cannot_write(const std::string& path, int error) {
  return {Exit::failed, "cannot_write", path + " cannot be written: " + std::strerror(error),
          "choose another file with --output"};
}

}  // namespace

namespace report {

Answer<bool> write_new_file(const std::string& path, const std::string& text) {
  // O_EXCL: neither over a file nor through a link.
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.is_open()) {
    return cannot_write(path, errno);
  }
  std::size_t done = 0;
  while (done < text.size()) {
    const auto count = ::write(file.get(), text.data() + done, text.size() - done);
    if (count < 0) {
      const int error = errno;
      (void)::unlink(path.c_str());  // half a report is none
      return cannot_write(path, error);
    }
    done += static_cast<std::size_t>(count);
  }
  return true;
}

}  // namespace report

Output run_report(const Line& line, Daemon& daemon, const Style& /*style*/) {
  const auto path = line.value("--output").value_or(kFile);
  const bool is_agreed = line.has("--yes");
  if (!is_agreed && (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0)) {
    return failed({Exit::usage, "not_asked", "there is no terminal to show the report on",
                   "look at it afterwards and write it with --yes"},
                  line.json);
  }
  Output output;
  doctor::SystemSources sources;
  Facts facts(&daemon, &sources);
  const auto text =
      report::indented(report::report_document(facts, report::read_surroundings(), now_text()));
  if (!is_agreed && !asks_and_hears_yes(text, path)) {
    return failed({Exit::failed, "refused", "nothing was written", ""}, line.json);
  }
  if (const auto written = report::write_new_file(path, text);
      const auto* failure = std::get_if<Failure>(&written)) {
    return failed(*failure, line.json);
  }
  output.out = line.json ? json::serialize(json::object{{"file", path}}) + "\n"
                         : "written to " + printable(path) + ", readable by you alone\n";
  return output;
}

}  // namespace agp::cli
