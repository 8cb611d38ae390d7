#include "daemon/usage/field_extractor.h"

#include "daemon/usage/number.h"
#include "daemon/usage/text.h"

#include <cassert>

namespace agp::usage {
namespace {

bool is_number(FieldKind kind) {
  return kind == FieldKind::count || kind == FieldKind::amount || kind == FieldKind::entry_count;
}

bool is_container(FieldKind kind) {
  switch (kind) {
    case FieldKind::path:
    case FieldKind::usage:
    case FieldKind::error:
    case FieldKind::scope:
    case FieldKind::list:
    case FieldKind::entry:
    case FieldKind::tally:
      return true;
    case FieldKind::count:
    case FieldKind::word:
    case FieldKind::lower_word:
    case FieldKind::code:
    case FieldKind::id:
    case FieldKind::model:
    case FieldKind::tool_name:
    case FieldKind::note:
    case FieldKind::amount:
    case FieldKind::entry_name:
    case FieldKind::entry_count:
      break;
  }
  return false;
}

}  // namespace

FieldExtractor::FieldExtractor(const FieldTable* table, FieldHandler* handler)
    : table_(table), handler_(handler) {}

void FieldExtractor::reset() {
  at_ = nullptr;
  next_ = nullptr;
  depth_ = 0;
  skipped_ = 0;
  is_array_ = false;
  counted_ = 0;
  counted_other_ = 0;
  counted_into_ = nullptr;
  is_mixed_ = false;
}

/// What the next value is when no key says so.
void FieldExtractor::settle() {
  next_ = at_ != nullptr && at_->is_array ? table_->element(*at_) : nullptr;
}

void FieldExtractor::on_container(bool is_object) {
  if (skipped_ > 0) {
    ++skipped_;
    return;
  }
  const Node* node = next_;
  if (at_ == nullptr) {
    node = is_object ? &table_->root() : &table_->objects();
    is_array_ = !is_object;
  } else if (at_->kind == FieldKind::tally) {
    ++tally_;
  }
  if (node == nullptr || !is_container(node->kind) || node->is_array == is_object) {
    if (node != nullptr && is_number(node->kind)) {
      into_->set_has_bad_number();
    }
    skipped_ = 1;
    return;
  }
  assert(depth_ < kMaxFieldDepth);  // the table is not as deep
  open_[depth_++] = at_;
  at_ = node;
  settle();
  begin(*node);
}

void FieldExtractor::on_container_end() {
  if (skipped_ > 0) {
    if (--skipped_ == 0) {
      settle();
    }
    return;
  }
  const Node* const closed = at_;
  at_ = open_[--depth_];
  settle();
  end(*closed);
}

void FieldExtractor::begin(const Node& node) {
  switch (node.kind) {
    case FieldKind::usage:
      into_->set_has_usage();
      break;
    case FieldKind::error:
      into_->begin_error();
      break;
    case FieldKind::scope:
      handler_->on_scope_begin(node.index);
      break;
    case FieldKind::list:
      list_ = node.index;
      into_->begin_list(list_);
      break;
    case FieldKind::entry:
      entry_name_.clear();
      entry_count_.reset();
      break;
    case FieldKind::tally:
      tally_ = 0;
      break;
    case FieldKind::path:
      if (&node == &table_->root()) {
        handler_->on_object_begin();
      }
      break;
    case FieldKind::count:
    case FieldKind::word:
    case FieldKind::lower_word:
    case FieldKind::code:
    case FieldKind::id:
    case FieldKind::model:
    case FieldKind::tool_name:
    case FieldKind::note:
    case FieldKind::amount:
    case FieldKind::entry_name:
    case FieldKind::entry_count:
      break;  // no containers
  }
}

void FieldExtractor::end(const Node& node) {
  if (node.kind == FieldKind::scope) {
    handler_->on_scope_end(node.index);
  } else if (node.kind == FieldKind::entry) {
    into_->add_to_list(list_, entry_name_, entry_count_.value_or(0));
  } else if (node.kind == FieldKind::tally) {
    note_other_count(node.index);
    into_->set_count(node.index, tally_);
  } else if (&node == &table_->root()) {
    handler_->on_object_end();
  }
}

void FieldExtractor::on_key(std::string_view key) {
  if (skipped_ == 0) {
    next_ = table_->child(*at_, key);
  }
}

bool FieldExtractor::wants_string() {
  if (skipped_ > 0) {
    return false;
  }
  if (next_ != nullptr) {
    return !is_container(next_->kind);
  }
  if (at_ != nullptr && at_->kind == FieldKind::tally) {
    ++tally_;
  }
  return false;
}

void FieldExtractor::on_string(std::string_view text) {
  const Node* const node = next_;
  settle();
  if (node == nullptr) {
    return;
  }
  if (is_number(node->kind)) {
    if (node->kind == FieldKind::count) {
      note_other_count(node->index);
    }
    take_number(*node, parse_count_string(text));
  } else if (!text.empty()) {
    take_text(*node, text);
  }
}

void FieldExtractor::on_number(std::string_view text) {
  number_use_ = kNumberIgnored;
  if (skipped_ > 0) {
    return;
  }
  const Node* const node = next_;
  settle();
  if (node == nullptr) {
    return;
  }
  note_number(*node);
  if (is_number(node->kind)) {
    take_number(*node, parse_count(text));
  } else if (node->kind == FieldKind::code) {
    *into_->set_word(static_cast<Snapshot::Word>(node->index)) = text;
  }
}

void FieldExtractor::note_number(const Node& node) {
  if (node.kind != FieldKind::count) {
    number_use_ = kNumberMatters;
    return;
  }
  number_use_ = static_cast<NumberUse>(node.index);
  const std::uint32_t bit = std::uint32_t{1} << node.index;
  is_mixed_ = is_mixed_ || (counted_ != 0 && counted_into_ != into_) || (counted_other_ & bit) != 0;
  counted_ |= bit;
  counted_into_ = into_;
}

void FieldExtractor::note_other_count(std::size_t index) {
  const std::uint32_t bit = std::uint32_t{1} << index;
  is_mixed_ = is_mixed_ || (counted_ & bit) != 0;
  counted_other_ |= bit;
}

void FieldExtractor::on_other(bool is_bad_number) {
  if (skipped_ > 0) {
    return;
  }
  if (is_bad_number && next_ != nullptr && is_number(next_->kind)) {
    into_->set_has_bad_number();
  }
  settle();
}

void FieldExtractor::take_number(const Node& node, std::optional<std::uint64_t> value) {
  if (!value) {
    into_->set_has_bad_number();
  } else if (node.kind == FieldKind::count) {
    into_->set_count(node.index, *value);
  } else if (node.kind == FieldKind::entry_count) {
    entry_count_ = value;
  } else {
    handler_->on_amount(node.index, *value);
  }
}

void FieldExtractor::take_text(const Node& node, std::string_view text) {
  const auto word = [&] {
    return into_->set_word(static_cast<Snapshot::Word>(node.index));
  };
  switch (node.kind) {
    case FieldKind::word:
    case FieldKind::code:
      *word() = clip_word(text);
      break;
    case FieldKind::lower_word:
      *word() = lower(clip_word(text));
      break;
    case FieldKind::id:
      clip_into(word(), text, kMaxIdBytes);
      break;
    case FieldKind::model:
      if (const std::string_view name = last_segment(text); !name.empty()) {
        clip_into(word(), name, kMaxModelBytes);
      }
      break;
    case FieldKind::tool_name:
      into_->add_tool_name(text);
      break;
    case FieldKind::note:
      handler_->on_note(node.index, text);
      break;
    case FieldKind::entry_name:
      entry_name_ = clip_word(text);
      break;
    case FieldKind::path:
    case FieldKind::count:
    case FieldKind::amount:
    case FieldKind::entry_count:
    case FieldKind::usage:
    case FieldKind::error:
    case FieldKind::scope:
    case FieldKind::list:
    case FieldKind::entry:
    case FieldKind::tally:
      break;  // no text
  }
}

}  // namespace agp::usage
