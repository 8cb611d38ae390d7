#include "common/config/fault.h"

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace agp::config {

std::string Position::text() const {
  if (line == 0) {
    return file;
  }
  return file + ':' + std::to_string(line) + ':' + std::to_string(column);
}

std::string Fault::text() const {
  std::string out = at.text() + ": ";
  if (!key.empty()) {
    out += key + ": ";
  }
  return out + message;
}

void Faults::append(Faults other) {
  list.insert(list.end(), std::make_move_iterator(other.list.begin()),
              std::make_move_iterator(other.list.end()));
}

std::string Faults::text() const {
  std::string out;
  for (const auto& fault : list) {
    out += fault.text();
    out += '\n';
  }
  return out;
}

void throw_exception_from_error(const Faults& faults, const boost::source_location& at) {
  std::fprintf(stderr, "bug: value taken from a failed result at %s:%u: %s", at.file_name(),
               static_cast<unsigned>(at.line()), faults.text().c_str());
  std::abort();
}

std::string in_quotes(std::string_view text) {
  static constexpr std::size_t kLongest = 60;
  std::string out = "\"";
  for (const char c : text.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      char escape[8];
      (void)std::snprintf(escape, sizeof escape, "\\x%02x", byte);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + (text.size() > kLongest ? "\"..." : "\"");
}

}  // namespace agp::config
