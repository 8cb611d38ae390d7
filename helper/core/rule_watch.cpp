#include "helper/core/rule_watch.h"

#include <algorithm>

namespace agp::core {

void RuleWatch::set(bool is_on, bool hears, TimePoint now) {
  if (is_on && !is_on_) {
    // Whoever put the rules in place has read them back.
    on_looked(now);
  }
  is_on_ = is_on;
  hears_ = hears;
}

void RuleWatch::on_change(TimePoint now) {
  newest_ = now;
  first_ = first_.value_or(now);
}

void RuleWatch::on_overrun(TimePoint now) {
  on_change(now);
  is_urgent_ = true;
}

void RuleWatch::on_looked(TimePoint now) {
  looked_at_ = now;
  first_.reset();
  is_urgent_ = false;
}

std::optional<RuleWatch::TimePoint> RuleWatch::due() const {
  if (!is_on_) {
    return std::nullopt;
  }
  const TimePoint without_news = looked_at_ + (hears_ ? pace_.safety : pace_.unheard);
  if (!first_) {
    return without_news;
  }
  const TimePoint settled =
      is_urgent_ ? *first_ : std::min(newest_ + pace_.quiet, *first_ + pace_.longest);
  return std::min(without_news, std::max(settled, looked_at_ + pace_.pause));
}

}  // namespace agp::core
