#include "daemon/quota/pace.h"

#include <algorithm>

namespace agp::quota {
namespace {

using namespace std::chrono_literals;

constexpr auto kCharged = 30s;  // until what a call cost shows in the quota
constexpr auto kIdle = 1h;      // without a call: nobody is there to be told any more

}  // namespace

void Pace::on_call(Time now) {
  first_ = first_ ? first_ : now;
  last_ = now;
}

void Pace::on_look(Time now) {
  looked_ = now;
  if (first_ && now - last_ >= kIdle) {
    first_.reset();  // the language server has been silent for all that time
  }
}

void Pace::on_answer(Time now) {
  looked_ = now;
  if (first_) {
    first_ = now - last_ < charged() ? std::optional(last_) : std::nullopt;
  }
}

std::optional<Pace::Time> Pace::next() const {
  if (!first_ || every_ == Duration::zero()) {
    return std::nullopt;
  }
  const auto earliest = *first_ + charged();
  return looked_ ? std::max(earliest, *looked_ + every_) : earliest;
}

Pace::Duration Pace::charged() const {
  return std::min<Duration>(kCharged, every_);
}

}  // namespace agp::quota
