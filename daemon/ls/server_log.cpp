#include "daemon/ls/server_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace agp::ls {
namespace {

constexpr std::string_view kHidden = "[hidden]";
constexpr std::size_t kShortestToken = 20;
constexpr std::size_t kLongToken = 40;
constexpr std::ptrdiff_t kTokenDigits = 4;      // names of programs have one or two
constexpr std::size_t kMaxRawLine = 16 * 1024;  // secrets are looked for before the line is cut

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
         c == '+' || c == '=' || c == '~' || c == '.';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool has_digit(std::string_view text) {
  return std::any_of(text.begin(), text.end(), is_digit);
}

bool looks_secret(std::string_view word) {
  const auto digits = std::count_if(word.begin(), word.end(), is_digit);
  return word.size() >= kShortestToken && digits >= (word.size() >= kLongToken ? 1 : kTokenDigits);
}

/// Whether a value that is nobody's business follows this word.
bool announces_secret(std::string_view word) {
  std::string name(word);
  std::transform(name.begin(), name.end(), name.begin(), lower);
  constexpr std::array<std::string_view, 8> kNames = {
      "token", "bearer", "secret", "password", "authorization", "cookie", "apikey", "api_key"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view each) { return name.ends_with(each); });
}

void replace_all(std::string& text, const std::string& what) {
  for (auto at = text.find(what); at != std::string::npos;
       at = text.find(what, at + kHidden.size())) {
    text.replace(at, what.size(), kHidden);
  }
}

/// "... at 42100 ..." behind the words that announce a listener.
std::optional<std::uint16_t> https_port_of(std::string_view line) {
  std::size_t at = std::string_view::npos;
  for (const std::string_view words :
       {"listening on random port at ", "listening on fixed port at "}) {
    if (const auto found = line.find(words); found != std::string_view::npos) {
      at = found + words.size();
    }
  }
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  std::uint16_t port = 0;
  const auto rest = line.substr(at);
  const auto [end, ec] = std::from_chars(rest.data(), rest.data() + rest.size(), port);
  const auto after = rest.substr(static_cast<std::size_t>(end - rest.data()));
  // The cleartext listener ends in HTTP, the one of the editor's protocol in LSP or in nothing.
  return ec == std::errc() && after.starts_with(" for HTTPS") ? std::optional(port) : std::nullopt;
}

/// Go's panics, and the fatal lines of its log.
bool is_fatal(std::string_view line) {
  return line.starts_with("panic: ") || line.starts_with("fatal error: ") ||
         (line.size() > 5 && line[0] == 'F' && std::all_of(&line[1], &line[5], is_digit));
}

}  // namespace

std::string without_secrets(std::string_view line,
                            const std::vector<Secret<std::string>>& secrets) {
  std::string text(line);
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  for (const auto& secret : secrets) {
    if (!secret.empty()) {
      replace_all(text, secret.expose());
    }
  }
  std::string out;
  bool hides_next = false;
  for (std::size_t at = 0; at < text.size();) {
    if (!is_word(text[at])) {
      out += text[at++];
      continue;
    }
    const auto begin = text.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = std::find_if_not(begin, text.end(), is_word);
    const std::string_view word(&*begin, static_cast<std::size_t>(end - begin));
    // The name may be bound to its value: --csrf_token=X.
    const auto bound = word.find('=');
    const bool is_bound = bound != std::string_view::npos && bound + 1 < word.size() &&
                          announces_secret(word.substr(0, bound));
    if (is_bound) {
      out += std::string(word.substr(0, bound + 1)) + std::string(kHidden);
    } else if ((hides_next && (has_digit(word) || word.size() >= kShortestToken)) ||
               looks_secret(word)) {
      out += kHidden;
    } else {
      out += word;
    }
    hides_next = announces_secret(word);
    at += word.size();
  }
  return out;
}

bool ServerLog::feed(std::string_view bytes) {
  bool says_port = false;
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto part = bytes.substr(0, end);
    line_.append(part.substr(0, kMaxRawLine - std::min(line_.size(), kMaxRawLine)));
    if (end == std::string_view::npos) {
      break;
    }
    says_port = end_line() || says_port;
    bytes.remove_prefix(end + 1);
  }
  return says_port;
}

bool ServerLog::end_line() {
  const std::string line = std::exchange(line_, {});
  if (line.find_first_not_of(" \t\r") == std::string::npos) {
    return false;
  }
  auto shown = without_secrets(line, secrets_);
  shown.resize(std::min(shown.size(), kMaxLineBytes));
  if (is_fatal(line) && !fatal_) {
    fatal_ = std::move(shown);
    lines_.clear();  // what follows explains it
  } else {
    lines_.push_back(std::move(shown));
  }
  if (lines_.size() > kMaxLines) {
    lines_.pop_front();
  }
  const auto port = https_port_of(line);
  if (!port || https_port_) {
    return false;
  }
  https_port_ = port;
  return true;
}

std::vector<std::string> ServerLog::last_lines() const {
  std::vector<std::string> lines;
  if (fatal_) {
    lines.push_back(*fatal_);
  }
  lines.insert(lines.end(), lines_.begin(), lines_.end());
  return lines;
}

}  // namespace agp::ls
