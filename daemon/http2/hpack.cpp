#include "daemon/http2/hpack.h"

#include "daemon/http2/head.h"
#include "daemon/http2/limits.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <nghttp2/nghttp2.h>

namespace agp::http2 {
namespace {

std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace

void Inflater::Delete::operator()(nghttp2_hd_inflater* inflater) const {
  ::nghttp2_hd_inflate_del(inflater);
}

Inflater::Inflater() {
  nghttp2_hd_inflater* made = nullptr;
  if (::nghttp2_hd_inflate_new(&made) == 0) {
    inflater_.reset(made);
  }
}

Inflater::~Inflater() = default;

bool Inflater::feed(Bytes fragment, bool is_last, FieldList* into) {
  if (inflater_ == nullptr) {
    return false;
  }
  in_block_ = true;
  while (true) {
    nghttp2_nv field{};
    int flags = 0;
    const auto used = ::nghttp2_hd_inflate_hd2(inflater_.get(), &field, &flags, fragment.data(),
                                               fragment.size(), is_last ? 1 : 0);
    if (used < 0) {
      inflater_.reset();
      return false;
    }
    fragment = fragment.subspan(static_cast<std::size_t>(used));
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      if (into != nullptr) {
        into->add(text(field.name, field.namelen), text(field.value, field.valuelen));
      }
      continue;
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
      (void)::nghttp2_hd_inflate_end_headers(inflater_.get());  // always 0
      in_block_ = false;
      if (pending_max_) {
        return set_max_table_size(*std::exchange(pending_max_, std::nullopt));
      }
      return true;
    }
    if (fragment.empty()) {
      return true;
    }
  }
}

bool Inflater::set_max_table_size(std::size_t bytes) {
  if (in_block_) {
    pending_max_ = bytes;
    return true;
  }
  max_table_ = std::min(bytes, kMaxTableBytes);
  return inflater_ != nullptr &&
         ::nghttp2_hd_inflate_change_table_size(inflater_.get(), max_table_) == 0;
}

bool Inflater::raise_max_table_size(std::size_t bytes) {
  return bytes <= pending_max_.value_or(max_table_) || set_max_table_size(bytes);
}

std::size_t Inflater::table_bytes() const {
  return inflater_ == nullptr ? 0 : ::nghttp2_hd_inflate_get_dynamic_table_size(inflater_.get());
}

}  // namespace agp::http2
