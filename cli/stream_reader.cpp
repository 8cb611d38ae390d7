#include "cli/stream_reader.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace agp::cli {
namespace {

// "HTTP/1.1 200 OK"
int status_of(std::string_view line) {
  const auto space = line.find(' ');
  int out = 0;
  if (line.starts_with("HTTP/1.") && space != std::string_view::npos) {
    const auto code = line.substr(space + 1);
    (void)std::from_chars(code.data(), code.data() + code.size(), out);  // 0 when it is none
  }
  return out;
}

// The number after "resume_after": in an event that ends the stream.
std::string resume_place(std::string_view data) {
  constexpr std::string_view kName = "\"resume_after\":";
  const auto at = data.find(kName);
  if (at == std::string_view::npos) {
    return "";
  }
  const auto digits = data.substr(at + kName.size());
  return std::string(digits.substr(0, digits.find_first_not_of("0123456789")));
}

}  // namespace

bool StreamReader::feed(std::string_view octets) {
  while (!octets.empty()) {
    const auto end = octets.find('\n');
    const auto part = octets.substr(0, end);
    if (rest_.size() + part.size() > kLongestLine) {
      return false;
    }
    rest_ += part;
    if (end == std::string_view::npos) {
      return true;
    }
    octets.remove_prefix(end + 1);
    const auto line = std::exchange(rest_, {});
    take_line(line.ends_with('\r') ? std::string_view(line).substr(0, line.size() - 1) : line);
  }
  return true;
}

void StreamReader::take_line(std::string_view line) {
  if (is_in_head_) {
    if (!status_) {
      status_ = status_of(line);
    }
    is_in_head_ = !line.empty();
    return;
  }
  if (line.empty()) {
    take_event();
    return;
  }
  const auto colon = std::min(line.find(':'), line.size());
  const auto name = line.substr(0, colon);
  auto value = line.substr(std::min(colon + 1, line.size()));
  value.remove_prefix(value.starts_with(' ') ? 1 : 0);
  if (name == "id") {
    id_ = value;
  } else if (name == "event") {
    type_ = value;
  } else if (name == "data") {
    data_ += value;  // the service writes a record on one line
  }
}

void StreamReader::take_event() {
  if (type_ == "end") {
    if (const auto place = resume_place(data_); !place.empty()) {
      last_id_ = place;
    }
  } else if (type_ == "reset") {
    last_id_ = id_;
  } else if (!data_.empty()) {
    records_ += data_ + "\n";
    last_id_ = id_.empty() ? last_id_ : id_;
  }
  id_.clear();
  type_.clear();
  data_.clear();
}

std::string StreamReader::take_records() {
  return std::exchange(records_, {});
}

}  // namespace agp::cli
