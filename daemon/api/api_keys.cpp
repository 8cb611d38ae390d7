#include "daemon/api/api_keys.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace agp::api {
namespace {

constexpr std::string_view kPrefix = "sha256:";
constexpr std::string_view kBlank = " \t\r";

// Takes the first word off a line.
std::string_view next_word(std::string_view* line) {
  const auto begin = line->find_first_not_of(kBlank);
  if (begin == std::string_view::npos) {
    *line = {};
    return {};
  }
  const auto end = line->find_first_of(kBlank, begin);
  const auto word =
      line->substr(begin, end == std::string_view::npos ? std::string_view::npos : end - begin);
  *line = end == std::string_view::npos ? std::string_view() : line->substr(end);
  return word;
}

std::optional<unsigned char> hex_octet(std::string_view digits) {
  unsigned value = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (ec != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return static_cast<unsigned char>(value);
}

// (uid_t)-1 means "no change" to the kernel: never a user.
std::optional<std::uint32_t> number_of(std::string_view word) {
  std::uint32_t value = 0;
  const auto [end, ec] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (ec != std::errc() || end != word.data() + word.size() || value == ~std::uint32_t{0}) {
    return std::nullopt;
  }
  return value;
}

Error fault(std::size_t line, const char* what) {
  return errno_error(EINVAL, "line " + std::to_string(line) + ": " + what);
}

}  // namespace

std::optional<ApiKeys::Digest> ApiKeys::read_digest(std::string_view word) {
  Digest out{};
  if (!word.starts_with(kPrefix) || word.size() != kPrefix.size() + 2 * out.size()) {
    return std::nullopt;
  }
  word.remove_prefix(kPrefix.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto octet = hex_octet(word.substr(2 * i, 2));
    if (!octet) {
      return std::nullopt;
    }
    out[i] = *octet;
  }
  return out;
}

std::optional<ApiKeys::Digest> ApiKeys::digest_of(std::string_view key) {
  Digest out{};
  unsigned size = 0;
  if (::EVP_Digest(key.data(), key.size(), out.data(), &size, ::EVP_sha256(), nullptr) != 1 ||
      size != out.size()) {
    return std::nullopt;
  }
  return out;
}

Result<ApiKeys> ApiKeys::parse(
    std::string_view text,
    const std::function<std::optional<std::uint32_t>(const std::string&)>& uid_of) {
  ApiKeys out;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const auto first = next_word(&line);
    if (first.empty() || first.front() == '#') {
      continue;
    }
    const auto digest = read_digest(first);
    if (!digest) {
      return fault(number, "expected sha256: and 64 hexadecimal digits");
    }
    const auto user = next_word(&line);
    if (user.empty()) {
      return fault(number, "expected a user behind the key");
    }
    const auto uid =
        user.front() >= '0' && user.front() <= '9' ? number_of(user) : uid_of(std::string(user));
    if (!uid) {
      return fault(number, "there is no such user");
    }
    const auto is_same = [&](const Key& key) {
      return key.digest == *digest;
    };
    if (std::any_of(out.keys_.begin(), out.keys_.end(), is_same)) {
      return fault(number, "this key is there twice");
    }
    if (out.keys_.size() == kMostKeys) {
      return fault(number, "too many keys");
    }
    out.keys_.push_back({*digest, *uid});
  }
  return out;
}

std::optional<std::uint32_t> ApiKeys::uid_of(std::string_view key) const {
  if (key.size() < kShortest || key.size() > kLongest) {
    return std::nullopt;
  }
  const auto digest = digest_of(key);
  if (!digest) {
    return std::nullopt;
  }
  std::optional<std::uint32_t> found;
  for (const auto& each : keys_) {  // all of them, whichever it is
    if (::CRYPTO_memcmp(each.digest.data(), digest->data(), digest->size()) == 0) {
      found = each.uid;
    }
  }
  return found;
}

}  // namespace agp::api
