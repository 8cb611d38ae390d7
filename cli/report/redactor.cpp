#include "cli/report/redactor.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>
#include <utility>

namespace agp::cli::report {
namespace {

constexpr std::string_view kGone = "<redacted>";
constexpr std::size_t kShortestSecret = 4;  // shorter ones would take parts of other words along
constexpr std::size_t kLongestPlainWord = 20;

// Values of the configuration that are words of the product.
constexpr std::array<std::string_view, 22> kPlainValues{
    "true",   "false",    "null",     "service", "off",    "managed", "auto",  "inspect",
    "tunnel", "block",    "allow",    "metered", "strict", "name",    "debug", "info",
    "notice", "iptables", "nftables", "warning", "error",  "address"};

// Ends of dotted words that are no hosts.
constexpr std::array<std::string_view, 14> kFileEnds{"yaml", "service", "socket", "pem",   "sock",
                                                     "db",   "path",    "md",     "conf",  "key",
                                                     "js",   "cpp",     "json",   "policy"};

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
}

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

bool is_plain_value(std::string_view text) {
  return std::find(kPlainValues.begin(), kPlainValues.end(), text) != kPlainValues.end() ||
         // 30s, 64KiB, 42100-42199: a number and at most a unit
         (!text.empty() && is_digit(text.front()) && text.size() <= 12 &&
          std::all_of(text.begin(), text.end(), [](char c) {
            return is_digit(c) || std::string_view("smhdKMGiB-.").find(c) != std::string_view::npos;
          }));
}

// "3f2a...": identifiers, keys and tokens have digits and letters, or are longer than words are.
bool is_like_a_token(std::string_view word) {
  const bool has_digit = std::any_of(word.begin(), word.end(), is_digit);
  const bool has_letter = std::any_of(word.begin(), word.end(), [](char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0;
  });
  return (word.size() >= 12 && has_digit && has_letter) ||
         (word.size() > kLongestPlainWord && word.find('.') == std::string_view::npos &&
          word.find('-') == std::string_view::npos && word.find('_') == std::string_view::npos);
}

bool is_like_a_time(std::string_view word) {
  return word.size() >= 10 && is_digit(word[0]) && word[4] == '-' && word[7] == '-';
}

bool is_address(std::string_view word) {
  return std::count(word.begin(), word.end(), '.') == 3 &&
         std::all_of(word.begin(), word.end(), [](char c) { return is_digit(c) || c == '.'; });
}

bool is_like_a_host(std::string_view word) {
  const auto dot = word.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 3 > word.size()) {
    return false;
  }
  const auto end = word.substr(dot + 1);
  return std::all_of(end.begin(), end.end(),
                     [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }) &&
         std::find(kFileEnds.begin(), kFileEnds.end(), end) == kFileEnds.end();
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// Everything below a home directory, up to what ends a path in a text.
std::string without_homes(std::string text) {
  for (auto at = text.find("/home/"); at != std::string::npos; at = text.find("/home/", at + 1)) {
    const auto end = text.find_first_of(" \t\n\"';:,)", at);
    text.replace(at, (end == std::string::npos ? text.size() : end) - at, "<home>");
  }
  return text;
}

// user:password@ of an address
std::string without_logins(std::string text) {
  for (auto at = text.find("://"); at != std::string::npos; at = text.find("://", at + 3)) {
    const auto end = text.find_first_of(" \t\n\"'/", at + 3);
    const auto last = text.rfind('@', end == std::string::npos ? end : end - 1);
    if (last != std::string::npos && last > at) {
      text.replace(at + 3, last - at - 3, kGone);
    }
  }
  return text;
}

bool is_ipv6_address(std::string_view run) {
  const bool is_loopback = run == "::1" || run == "::";
  return !is_loopback && (run.find("::") != std::string_view::npos ||
                          std::count(run.begin(), run.end(), ':') > 3);  // a time of day has two
}

// Hexadecimal digits and colons, not a part of a word.
std::string without_ipv6(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    auto end = at;
    while (end < text.size() &&
           (std::isxdigit(static_cast<unsigned char>(text[end])) != 0 || text[end] == ':')) {
      ++end;
    }
    const bool is_whole =
        (at == 0 || !is_word(text[at - 1])) && (end == text.size() || !is_word(text[end]));
    if (end == at) {
      out += text[at++];
      continue;
    }
    const auto run = text.substr(at, end - at);
    out += is_whole && is_ipv6_address(run) ? "<address>" : run;
    at = end;
  }
  return out;
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\"'[]{},");
  const auto last = text.find_last_not_of(" \t\"'[]{},");
  return first == std::string_view::npos ? "" : std::string(text.substr(first, last - first + 1));
}

}  // namespace

Redactor::Redactor(std::vector<std::string> known_hosts) : known_hosts_(std::move(known_hosts)) {}

void Redactor::add(const std::string& word, const std::string& stand_in) {
  if (word.size() >= kShortestSecret) {
    words_.push_back({word, stand_in});
    // The longest first: one may be a part of another.
    std::stable_sort(words_.begin(), words_.end(),
                     [](const Word& a, const Word& b) { return a.word.size() > b.word.size(); });
  }
}

bool Redactor::is_known_host(std::string_view host) const {
  return std::find(known_hosts_.begin(), known_hosts_.end(), host) != known_hosts_.end();
}

std::string Redactor::value(const std::string& text) {
  const auto plain = trimmed(text);
  if (plain.empty() || is_plain_value(plain) || is_known_host(plain)) {
    return plain;
  }
  add(plain, std::string(kGone));
  // {set: X-Key, value: "secret"}: each part may stand alone elsewhere.
  std::istringstream parts(plain);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto colon = part.rfind(": ");
    const auto single = trimmed(colon == std::string::npos ? part : part.substr(colon + 2));
    if (!is_plain_value(single) && !is_known_host(single)) {
      add(single, std::string(kGone));
    }
  }
  return std::string(kGone);
}

std::string Redactor::configuration(std::string_view yaml) {
  std::string out;
  std::istringstream lines{std::string(yaml)};
  for (std::string line; std::getline(lines, line);) {
    const auto start = line.find_first_not_of(" \t-");
    if (start == std::string::npos || line[start] == '#') {
      continue;  // a comment may hold what was tried before
    }
    const auto colon = line.find(": ", start);
    const bool is_section = line.back() == ':' && colon == std::string::npos;
    const auto from = is_section ? line.size() : colon == std::string::npos ? start : colon + 2;
    out += line.substr(0, from) + value(line.substr(from)) + "\n";
  }
  return out;
}

std::string Redactor::token(const std::string& word) const {
  if (is_like_a_time(word) || is_known_host(word)) {
    return word;
  }
  if (is_address(word)) {
    return word.starts_with("127.") ? word : "<address>";
  }
  if (word.starts_with("antigravity-proxy") || word.starts_with("org.antigravityproxy")) {
    return word;
  }
  if (is_like_a_host(word)) {
    return "<host>";
  }
  return is_like_a_token(word) ? "<token>" : word;
}

std::string Redactor::text(std::string_view text) const {
  std::string cleaned = without_ipv6(without_homes(without_logins(std::string(text))));
  for (const auto& each : words_) {
    cleaned = replaced(std::move(cleaned), each.word, each.stand_in);
  }
  std::string out;
  std::string word;
  const auto flush = [&] {
    out += token(word);
    word.clear();
  };
  for (const char c : cleaned) {
    if (is_word(c)) {
      word += c;
    } else {
      flush();
      out += c;
    }
  }
  flush();
  return out;
}

}  // namespace agp::cli::report
