#include "common/log/log.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

namespace agp::log {
namespace {

struct State {
  std::string identifier = "antigravity-proxy";
  Level maximum = Level::info;
  bool journal = false;
};

State& state() {
  static State instance;
  return instance;
}

// $JOURNAL_STREAM is "device:inode" of the stream that systemd connected; it is stale when
// standard error was redirected later. Source: systemd.exec(5).
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe): init only
  struct stat st {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &st) != 0) {
    return false;
  }
  unsigned long long device = 0;
  unsigned long long inode = 0;
  if (std::sscanf(stream, "%llu:%llu", &device, &inode) != 2) {
    return false;
  }
  return device == st.st_dev && inode == st.st_ino;
}

std::string escaped(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      char text[8];
      (void)std::snprintf(text, sizeof text, "\\x%02x", byte);
      out += text;
    } else {
      out.push_back(c);
    }
  }
  return out;
}

void write_journal(Level level, std::string_view message, Fields fields) {
  std::vector<std::string> lines;
  lines.reserve(fields.size() + 3);
  // People read MESSAGE alone, so it ends with the values; queries use the fields.
  std::string text(message);
  for (const auto& field : fields) {
    text += ' ';
    text += field.name;
    text += '=';
    text += escaped(field.value);
  }
  lines.push_back("MESSAGE=" + text);
  lines.push_back("PRIORITY=" + std::to_string(static_cast<int>(level)));
  lines.push_back("SYSLOG_IDENTIFIER=" + state().identifier);
  for (const auto& field : fields) {
    lines.push_back(std::string(field.name) + '=' + escaped(field.value));
  }
  std::vector<iovec> vectors;
  vectors.reserve(lines.size());
  for (auto& line : lines) {
    vectors.push_back({line.data(), line.size()});
  }
  (void)sd_journal_sendv(vectors.data(), static_cast<int>(vectors.size()));  // no one to tell
}

void write_stderr(Level level, std::string_view message, Fields fields) {
  static constexpr const char* kNames[] = {"",        "",       "",     "error",
                                           "warning", "notice", "info", "debug"};
  std::string line = state().identifier + ": " + kNames[static_cast<int>(level)] + ": ";
  line += message;
  for (const auto& field : fields) {
    line += ' ';
    line += field.name;
    line += '=';
    line += escaped(field.value);
  }
  line += '\n';
  (void)!::write(STDERR_FILENO, line.data(), line.size());  // one write: lines never interleave
}

}  // namespace

void init(std::string_view identifier, Level maximum) {
  state().identifier = identifier;
  state().maximum = maximum;
  state().journal = stderr_is_journal();
}

void write(Level level, std::string_view message, Fields fields) {
  if (level > state().maximum) {
    return;
  }
  if (state().journal) {
    write_journal(level, message, fields);
  } else {
    write_stderr(level, message, fields);
  }
}

}  // namespace agp::log
