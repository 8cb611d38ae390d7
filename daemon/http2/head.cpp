#include "daemon/http2/head.h"

#include "daemon/http2/limits.h"

namespace agp::http2 {
namespace {

std::uint16_t status_of(std::string_view text) {
  if (text.size() != 3) {
    return 0;
  }
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return 0;
    }
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return static_cast<std::uint16_t>(value);
}

}  // namespace

std::string_view Head::field(std::string_view name) const {
  for (const Field& candidate : fields) {
    if (candidate.name == name) {
      return candidate.value;
    }
  }
  return {};
}

void FieldList::add(std::string_view name, std::string_view value) {
  constexpr std::size_t kFieldOverhead = 32;
  const std::size_t bytes = name.size() + value.size() + kFieldOverhead;
  if (is_cut_ || slices_.size() == kMaxFields || list_bytes_ + bytes > kMaxHeaderListBytes) {
    is_cut_ = true;
    return;
  }
  list_bytes_ += bytes;
  slices_.push_back({text_.size(), name.size(), value.size()});
  text_.append(name);
  text_.append(value);
}

const Head& FieldList::head() {
  head_ = Head();
  fields_.clear();
  head_.is_cut = is_cut_;
  const std::string_view text = text_;
  for (const Slice& slice : slices_) {
    const Field field{text.substr(slice.from, slice.name_size),
                      text.substr(slice.from + slice.name_size, slice.value_size)};
    if (!field.name.starts_with(':')) {
      fields_.push_back(field);
    } else if (field.name == ":method") {
      head_.method = field.value;
    } else if (field.name == ":path") {
      head_.target = field.value;
    } else if (field.name == ":authority") {
      head_.authority = field.value;
    } else if (field.name == ":protocol") {
      head_.protocol = field.value;
    } else if (field.name == ":status") {
      head_.status = status_of(field.value);
    }
  }
  head_.fields = fields_;
  return head_;
}

void FieldList::clear() {
  head_ = Head();
  text_.clear();
  slices_.clear();
  fields_.clear();
  list_bytes_ = 0;
  is_cut_ = false;
  if (text_.capacity() > kKeptScratchBytes) {
    text_ = std::string();
  }
  if (slices_.capacity() * sizeof(Slice) > kKeptScratchBytes) {
    slices_ = std::vector<Slice>();
    fields_ = std::vector<Field>();
  }
}

}  // namespace agp::http2
