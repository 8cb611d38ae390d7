#include "daemon/sse/parser.h"

#include <algorithm>
#include <array>
#include <bit>

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace agp::sse {
namespace {

constexpr std::array<std::uint8_t, 3> kBom = {0xEF, 0xBB, 0xBF};

const std::uint8_t* find(std::uint8_t what, const std::uint8_t* from, const std::uint8_t* to) {
  return from == to ? nullptr
                    : static_cast<const std::uint8_t*>(
                          ::memchr(from, what, static_cast<std::size_t>(to - from)));
}

#if defined(__x86_64__)
const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;

/// @return the first CR or LF, or where less than a step is left.
[[gnu::target("avx2")]] const std::uint8_t* find_line_end_avx2(const std::uint8_t* at,
                                                               const std::uint8_t* end) {
  const __m256i returns = _mm256_set1_epi8('\r');
  const __m256i feeds = _mm256_set1_epi8('\n');
  for (; end - at >= 64; at += 64) {
    const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32));
    const __m256i low =
        _mm256_or_si256(_mm256_cmpeq_epi8(first, returns), _mm256_cmpeq_epi8(first, feeds));
    const __m256i high =
        _mm256_or_si256(_mm256_cmpeq_epi8(second, returns), _mm256_cmpeq_epi8(second, feeds));
    const __m256i both = _mm256_or_si256(low, high);
    if (_mm256_testz_si256(both, both) == 0) {
      const auto low_mask = static_cast<std::uint32_t>(_mm256_movemask_epi8(low));
      const auto high_mask = static_cast<std::uint32_t>(_mm256_movemask_epi8(high));
      return at + std::countr_zero(std::uint64_t{high_mask} << 32U | low_mask);
    }
  }
  return at;
}
#endif

/// The first CR or LF; null when there is none.
const std::uint8_t* find_line_end(const std::uint8_t* at, const std::uint8_t* end) {
#if defined(__x86_64__)
  if (has_avx2) {
    at = find_line_end_avx2(at, end);
    while (at != end && *at != '\r' && *at != '\n') {
      ++at;
    }
    return at == end ? nullptr : at;
  }
#endif
  // In steps: one line that ends in the other of the two costs no search of all that follows.
  constexpr std::ptrdiff_t kStep = 256;
  while (at != end) {
    const std::uint8_t* const step_end = end - at > kStep ? at + kStep : end;
    const std::uint8_t* const feed = find('\n', at, step_end);
    const std::uint8_t* const back = find('\r', at, feed == nullptr ? step_end : feed);
    if (back != nullptr || feed != nullptr) {
      return back != nullptr ? back : feed;
    }
    at = step_end;
  }
  return nullptr;
}

}  // namespace

Parser::Parser(Sink* sink, std::size_t max_event_bytes)
    : sink_(sink), max_event_bytes_(max_event_bytes) {}

void Parser::feed(Bytes bytes) {
  while (bom_seen_ < kBom.size() && !bytes.empty()) {
    if (bytes[0] == kBom[bom_seen_]) {
      ++bom_seen_;
      bytes = bytes.subspan(1);
      continue;
    }
    // No mark after all: what looked like one is ordinary data.
    line_.assign(kBom.begin(), kBom.begin() + static_cast<std::ptrdiff_t>(bom_seen_));
    bom_seen_ = kBom.size();
  }
  const std::uint8_t* at = bytes.data();
  const std::uint8_t* const end = at + bytes.size();
  while (at != end) {
    if (last_was_cr_) {
      last_was_cr_ = false;
      if (*at == '\n') {
        ++at;
        continue;
      }
    }
    const std::uint8_t* const stop = find_line_end(at, end);
    if (stop == nullptr) {
      break;
    }
    last_was_cr_ = *stop == '\r';
    end_line({at, stop});
    at = stop + 1;
  }
  if (!direct_.empty()) {
    // The input goes away before the event is dispatched.
    const Bytes data = direct_;
    direct_ = {};
    data_.assign(data.begin(), data.end());
    data_from_ = 0;
  }
  if (at == end || line_too_large_) {
    return;
  }
  const Bytes rest(at, end);
  if (line_.size() + rest.size() > max_event_bytes_) {
    line_too_large_ = true;
    line_ = Buffer();
    return;
  }
  append(line_, rest);
}

void Parser::finish() {
  if (bom_seen_ > 0 && bom_seen_ < kBom.size()) {
    line_.assign(kBom.begin(), kBom.begin() + static_cast<std::ptrdiff_t>(bom_seen_));
    bom_seen_ = kBom.size();
  }
  if (!line_.empty() || line_too_large_) {
    end_line({});
  }
  dispatch(true);
  line_ = Buffer();
  data_ = Buffer();
  orphans_ = Buffer();
}

/// A line ended: its last part is `in_input`, what came before is in `line_`.
void Parser::end_line(Bytes in_input) {
  if (line_too_large_ || line_.size() + in_input.size() > max_event_bytes_) {
    // Nobody knows what the line was once it is dropped; only data lines get this long.
    line_too_large_ = false;
    line_ = Buffer();
    event_too_large_ = true;
    has_data_ = true;
    direct_ = {};
    data_ = Buffer();
    data_from_ = 0;
    return;
  }
  if (line_.empty()) {
    on_line(in_input, false);
    return;
  }
  append(line_, in_input);
  on_line(line_, true);
  line_.clear();
  if (line_.capacity() > 64 * 1024) {
    line_ = Buffer();
  }
}

void Parser::on_line(Bytes line, bool is_owned) {
  if (line.empty()) {
    dispatch(false);
    return;
  }
  if (line[0] == ':') {
    return;
  }
  const auto* colon = find(':', line.data(), line.data() + std::min<std::size_t>(line.size(), 6));
  std::string_view name = as_text(line);
  Bytes value;
  if (colon != nullptr) {
    const auto at = static_cast<std::size_t>(colon - line.data());
    name = name.substr(0, at);
    value = line.subspan(at + 1);
    if (!value.empty() && value[0] == ' ') {
      value = value.subspan(1);
    }
  }
  if (name == "data") {
    add_data(value, is_owned);
  } else if (name == "event") {
    type_.assign(as_text(value.first(std::min(value.size(), kMaxTypeBytes))));
  } else if (name != "id" && name != "retry") {
    add_orphan(line);
  }
}

void Parser::add_data(Bytes value, bool is_owned) {
  const bool is_first = !has_data_;
  has_data_ = true;
  if (event_too_large_) {
    return;
  }
  if (is_first && is_owned) {
    // The line is the event's data: take its buffer over instead of copying megabytes.
    data_from_ = static_cast<std::size_t>(value.data() - line_.data());
    if (value.empty()) {
      data_from_ = line_.size();
    }
    data_.swap(line_);
    line_.clear();
    return;
  }
  if (is_first) {
    data_.clear();
    data_from_ = 0;
    direct_ = value;
    return;
  }
  if (!direct_.empty()) {
    data_.assign(direct_.begin(), direct_.end());
    data_from_ = 0;
    direct_ = {};
  }
  if (data_.size() - data_from_ + 1 + value.size() > max_event_bytes_) {
    event_too_large_ = true;
    data_ = Buffer();
    data_from_ = 0;
    return;
  }
  data_.push_back('\n');
  append(data_, value);
}

void Parser::add_orphan(Bytes line) {
  if (orphans_.size() + line.size() + 1 > kMaxOrphanBytes) {
    return;
  }
  if (!orphans_.empty()) {
    orphans_.push_back('\n');
  }
  append(orphans_, line);
}

void Parser::dispatch(bool unterminated) {
  if (!orphans_.empty()) {
    sink_->on_orphans(orphans_);
    orphans_ = Buffer();
  }
  if (has_data_) {
    emit(direct_.empty() ? Bytes(data_).subspan(data_from_) : direct_, unterminated);
    direct_ = {};
    data_.clear();
    data_from_ = 0;
    if (data_.capacity() > 64 * 1024) {
      data_ = Buffer();
    }
  }
  has_data_ = false;
  event_too_large_ = false;
  type_.clear();
}

void Parser::emit(Bytes data, bool unterminated) {
  Event event;
  event.type = type_.empty() ? std::string_view("message") : std::string_view(type_);
  event.data = event_too_large_ ? Bytes() : data;
  event.unterminated = unterminated;
  event.too_large = event_too_large_;
  sink_->on_event(event);
}

}  // namespace agp::sse
