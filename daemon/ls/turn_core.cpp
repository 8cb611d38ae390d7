#include "daemon/ls/turn_core.h"

#include "daemon/ls/errors.h"
#include "daemon/ls/json_path.h"

#include <algorithm>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace agp::ls {

TurnCore::TurnCore(std::size_t baseline, Limits limits, TimePoint now)
    : reader_(baseline), follower_(baseline, limits, now), max_failed_polls_(limits.failed_polls) {}

TurnCore::Verdict TurnCore::feed(std::string_view json, TimePoint now) {
  failed_polls_ = 0;
  if (auto fed = reader_.feed(json); !fed) {
    follower_.fail(fed.error());
  } else {
    follower_.observe(reader_.state(), reader_.is_news(), now);
  }
  return verdict();
}

TurnCore::Verdict TurnCore::on_poll_failed(const Error& error, TimePoint) {
  if (++failed_polls_ >= max_failed_polls_) {
    follower_.fail(error);
  }
  return verdict();
}

TurnCore::Verdict TurnCore::verdict() const {
  if (!follower_.is_over()) {
    return Verdict::again;
  }
  return follower_.is_done() ? Verdict::done : Verdict::failed;
}

Result<std::size_t> step_count(std::string_view json) {
  boost::system::error_code ec;
  const boost::json::value root = boost::json::parse({json.data(), json.size()}, ec);
  const boost::json::object* object = ec ? nullptr : root.if_object();
  if (object == nullptr) {
    return Error{Errc::bad_answer, "GetCascadeTrajectory"};
  }
  const auto* trajectory = object_at(*object, "trajectory");
  const auto* steps = trajectory == nullptr ? nullptr : array_at(*trajectory, "steps");
  return std::max<std::size_t>(steps == nullptr ? 0 : steps->size(),
                               count_at(*object, "numTotalSteps"));
}

}  // namespace agp::ls
