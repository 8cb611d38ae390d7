#include "daemon/api/openai/response_ids.h"

#include <algorithm>

namespace agp::api::openai {
namespace {

constexpr std::string_view kPrefix = "resp_";
constexpr std::size_t kUniqueSize = 26;
constexpr std::size_t kSealSize = 32;  // 128 bits
constexpr std::size_t kMaxCascadeBytes = 64;

// What a language server gives is a UUID; anything else must not break an id apart.
bool is_plain(std::string_view cascade_id) {
  return !cascade_id.empty() && cascade_id.size() <= kMaxCascadeBytes &&
         std::ranges::all_of(cascade_id, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '-';
         });
}

// In a time that does not depend on where they differ.
bool is_same(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0U : 1U;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

}  // namespace

std::string ResponseIds::make(std::string_view unique,
                              std::string_view cascade_id,
                              std::optional<std::uint32_t> uid) const {
  std::string id(kPrefix);
  id += unique;
  if (seal_ && unique.size() == kUniqueSize && is_plain(cascade_id)) {
    id += '_' + seal(unique, cascade_id, uid) + '_';
    id += cascade_id;
  }
  return id;
}

std::optional<std::string> ResponseIds::cascade_of(std::string_view id,
                                                   std::optional<std::uint32_t> uid) const {
  constexpr auto kCascadeAt = kPrefix.size() + kUniqueSize + 1 + kSealSize + 1;
  if (!seal_ || !id.starts_with(kPrefix) || id.size() <= kCascadeAt) {
    return std::nullopt;
  }
  const auto unique = id.substr(kPrefix.size(), kUniqueSize);
  const auto given = id.substr(kPrefix.size() + kUniqueSize + 1, kSealSize);
  const auto cascade_id = id.substr(kCascadeAt);
  if (id[kPrefix.size() + kUniqueSize] != '_' || id[kCascadeAt - 1] != '_' ||
      !is_plain(cascade_id) || !is_same(given, seal(unique, cascade_id, uid))) {
    return std::nullopt;
  }
  return std::string(cascade_id);
}

std::string ResponseIds::seal(std::string_view unique,
                              std::string_view cascade_id,
                              std::optional<std::uint32_t> uid) const {
  std::string text = "response/";
  text += unique;
  text += '/';
  text += uid ? std::to_string(*uid) : "-";
  text += '/';
  text += cascade_id;
  return seal_(text).substr(0, kSealSize);
}

}  // namespace agp::api::openai
