#include "daemon/policy/path.h"

#include <algorithm>
#include <array>
#include <utility>

namespace agp::policy {
namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// What stands for itself in a canonical path; `;` begins parameters where a server knows them, and
// is kept as it was sent.
bool is_plain(char c) {
  static constexpr std::string_view kOthers = "-._~!$&'()*+,=:@";
  return is_alphanumeric(c) || kOthers.find(c) != std::string_view::npos;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// The octet of a well-formed %XX at `at`; -1 otherwise.
int encoded_octet(std::string_view text, std::size_t at) {
  if (text[at] != '%' || text.size() - at < 3) {
    return -1;
  }
  const int high = hex_value(text[at + 1]);
  const int low = hex_value(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

void append_encoded(std::string& out, char c) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto octet = static_cast<unsigned char>(c);
  out += '%';
  out += kDigits[octet >> 4U];
  out += kDigits[octet & 0xFU];
}

/// One spelling for each path; the meaning does not change. A `%` that begins no octet is one that
/// stands for itself.
std::string canonical_octets(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    const int octet = encoded_octet(path, i);
    const char c = octet < 0 ? path[i] : static_cast<char>(octet);
    // Sent as it is, a separator separates; encoded, it stays what it is.
    const bool is_literal = is_plain(c) || (octet < 0 && (c == '/' || c == ';'));
    if (is_literal) {
      out += c;
    } else {
      append_encoded(out, c);
    }
    i += octet < 0 ? 0 : 2;
  }
  return out;
}

/// What a server sees that decodes a canonical path, in canonical spelling again: a `%` that came
/// out of it may begin what the next one decodes.
std::string decoded(std::string_view path) {
  std::string octets;
  octets.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    const int octet = encoded_octet(path, i);
    octets += octet < 0 ? path[i] : static_cast<char>(octet);
    i += octet < 0 ? 0 : 2;
  }
  return canonical_octets(octets);
}

// RFC 3986 section 5.2.4 for a path that begins with a slash.
std::string without_dot_segments(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  std::size_t at = 0;
  while (at < path.size()) {
    const auto end = std::min(path.find('/', at + 1), path.size());
    const auto segment = path.substr(at, end - at);  // with the slash before it
    const bool is_last = end == path.size();
    if (segment == "/..") {
      out.erase(std::min(out.rfind('/'), out.size()));
      out += is_last ? "/" : "";
    } else if (segment == "/.") {
      out += is_last ? "/" : "";
    } else {
      out += segment;
    }
    at = end;
  }
  return out.empty() ? "/" : out;
}

std::string without_parameters(std::string_view path) {
  std::string out;
  bool is_parameter = false;
  for (const char c : path) {
    is_parameter = c == '/' ? false : is_parameter || c == ';';
    if (!is_parameter) {
      out += c;
    }
  }
  return out;
}

std::string with_single_slashes(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c != '/' || out.empty() || out.back() != '/') {
      out += c;
    }
  }
  return out;
}

/// The path of a target as it was sent, without query, beginning with a slash. A `#` has no place
/// in a target, so that servers disagree about it: see cut_at_end_marks.
std::string raw_path(std::string_view target) {
  target = target.substr(0, target.find('?'));
  if (!target.starts_with('/')) {
    const auto scheme = target.find("://");
    if (scheme != std::string_view::npos && target.find('/') == scheme + 1) {
      const auto slash = target.find('/', scheme + 3);
      target = slash == std::string_view::npos ? std::string_view() : target.substr(slash);
    }
  }
  return target.starts_with('/') ? std::string(target) : '/' + std::string(target);
}

// What one server does to a path and another one does not. All work on canonical octets, and none
// makes a path longer, so that taking them in every order comes to an end.
using Step = std::string (*)(std::string_view);

std::string cut_at_end_marks(std::string_view path) {
  // A server that decodes first may see the end of a C string, a query or a fragment.
  std::size_t end = path.size();
  for (const std::string_view mark : {"%00", "%3F", "%23"}) {
    end = std::min(end, path.find(mark));
  }
  return std::string(path.substr(0, end));
}

std::string with_slashes_for_backslashes(std::string_view path) {
  std::string out(path);
  for (auto at = out.find("%5C"); at != std::string::npos; at = out.find("%5C", at)) {
    out.replace(at, 3, "/");
  }
  return out;
}

std::string without_trailing_slash(std::string_view path) {
  return std::string(path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1)
                                                            : path);
}

constexpr std::array<Step, 7> kSteps = {decoded,
                                        cut_at_end_marks,
                                        with_slashes_for_backslashes,
                                        without_parameters,
                                        with_single_slashes,
                                        without_dot_segments,
                                        without_trailing_slash};

void add_new(std::vector<std::string>& list, std::string path) {
  if (path.empty()) {
    path = "/";
  }
  if (std::find(list.begin(), list.end(), path) == list.end()) {
    list.push_back(std::move(path));
  }
}

bool is_segment_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet > 0x20 && octet != 0x7F && c != '?' && c != '#' && c != '\\';
  });
}

bool has_dot_segment(std::string_view path) {
  const std::string closed = std::string(path) + '/';
  return closed.find("/./") != std::string::npos || closed.find("/../") != std::string::npos;
}

bool has_broken_encoding(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%' && encoded_octet(path, i) < 0) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<PathPattern> PathPattern::parse(std::string_view text) {
  if (!text.starts_with('/') || text.size() > kMaxPatternBytes || !is_segment_text(text) ||
      has_broken_encoding(text)) {
    return std::nullopt;
  }
  PathPattern pattern;
  pattern.text_ = text;
  pattern.pieces_.clear();
  Piece piece;
  std::size_t at = 0;
  while (true) {
    const auto star = std::min(text.find('*', at), text.size());
    piece.literal = canonical_octets(text.substr(at, star - at));
    pattern.pieces_.push_back(std::move(piece));
    if (star == text.size()) {
      break;
    }
    const auto after = std::min(text.find_first_not_of('*', star), text.size());
    piece = {};
    piece.crosses_segments = after - star > 1 || after == text.size();
    at = after;
  }
  // Judged in the canonical spelling, so that %2e does not smuggle one in.
  std::string whole;
  for (const auto& each : pattern.pieces_) {
    whole += (whole.empty() ? "" : "*") + each.literal;
  }
  if (has_dot_segment(whole)) {
    return std::nullopt;
  }
  return pattern;
}

bool PathPattern::matches(std::string_view path) const {
  const std::string_view first = pieces_.front().literal;
  if (is_exact()) {
    return path == first;
  }
  if (!path.starts_with(first)) {
    return false;
  }
  // Glob matching with two kinds of star: whether the pieces from `piece` on match from `at` on is
  // a row of booleans, filled from the last piece to the first. Linear for each piece.
  std::vector<bool> row(path.size() + 1, false);  // for the piece after: may it begin here?
  row[path.size()] = true;                        // after the last piece: only at the end
  for (std::size_t piece = pieces_.size() - 1; piece > 0; --piece) {
    const std::string_view literal = pieces_[piece].literal;
    const bool crosses = pieces_[piece].crosses_segments;
    std::vector<bool> here(path.size() + 1, false);
    for (std::size_t at = path.size() + 1; at-- > 0;) {
      // The star takes nothing and the literal stands here, or the star takes one octet more.
      const bool literal_fits = path.substr(at).starts_with(literal) && row[at + literal.size()];
      const bool star_goes_on = at < path.size() && (crosses || path[at] != '/') && here[at + 1];
      here[at] = literal_fits || star_goes_on;
    }
    row = std::move(here);
  }
  return row[first.size()];
}

std::tuple<bool, std::size_t, std::size_t> PathPattern::specificity() const {
  std::size_t literal = 0;
  for (const auto& piece : pieces_) {
    literal += piece.literal.size();
  }
  return {is_exact(), pieces_.front().literal.size(), literal};
}

std::string canonical_path(std::string_view target) {
  return without_dot_segments(canonical_octets(raw_path(target)));
}

std::optional<std::vector<std::string>> path_readings(std::string_view target) {
  if (target.size() > kMaxTargetBytes) {
    return std::nullopt;
  }
  const auto as_sent = canonical_octets(raw_path(target));
  std::vector<std::string> readings;
  add_new(readings, without_dot_segments(as_sent));
  add_new(readings, as_sent);
  for (std::size_t i = 0; i < readings.size(); ++i) {
    for (const auto step : kSteps) {
      add_new(readings, step(readings[i]));
    }
    if (readings.size() > kMaxReadings) {
      return std::nullopt;
    }
  }
  return readings;
}

}  // namespace agp::policy
