#include "helper/core/resolvers.h"

#include <algorithm>
#include <array>
#include <optional>

#include <arpa/inet.h>

namespace agp::core {
namespace {

constexpr std::string_view kSpaces = " \t\r";
constexpr std::size_t kMaxResolvers = 3;

std::string_view take_word(std::string_view* line) {
  line->remove_prefix(std::min(line->find_first_not_of(kSpaces), line->size()));
  const auto word = line->substr(0, line->find_first_of(kSpaces));
  line->remove_prefix(word.size());
  return word;
}

/// The address in its one spelling; nothing for what is none, or is on loopback.
std::optional<std::string> outside_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  std::array<char, INET6_ADDRSTRLEN> spelled{};
  const int family = text.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (::inet_pton(family, text.c_str(), bytes.data()) != 1 ||
      ::inet_ntop(family, bytes.data(), spelled.data(), spelled.size()) == nullptr) {
    return std::nullopt;
  }
  const std::string address(spelled.data());
  const bool is_loopback = family == AF_INET ? bytes[0] == 127 : address == "::1";
  return is_loopback ? std::nullopt : std::optional(address);
}

}  // namespace

std::vector<std::string> resolvers_of(std::string_view resolv_conf) {
  std::vector<std::string> resolvers;
  std::size_t named = 0;
  while (!resolv_conf.empty() && named < kMaxResolvers) {
    auto line = resolv_conf.substr(0, resolv_conf.find('\n'));
    resolv_conf.remove_prefix(std::min(line.size() + 1, resolv_conf.size()));
    if (take_word(&line) != "nameserver") {
      continue;
    }
    ++named;
    if (auto address = outside_address(std::string(take_word(&line)))) {
      resolvers.push_back(std::move(*address));
    }
  }
  return resolvers;
}

}  // namespace agp::core
