#include "daemon/ls/trajectory_reader.h"

#include "daemon/ls/errors.h"
#include "daemon/ls/json_path.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <boost/json/parse.hpp>

namespace agp::ls {

Result<> TrajectoryReader::feed(std::string_view json) {
  boost::system::error_code ec;
  const boost::json::value root = boost::json::parse({json.data(), json.size()}, ec);
  const boost::json::object* object = ec ? nullptr : root.if_object();
  if (object == nullptr) {
    return Error{Errc::bad_answer, "GetCascadeTrajectory"};
  }
  const std::size_t hash = std::hash<std::string_view>{}(json);
  is_news_ = hash != hash_;
  hash_ = hash;
  LiveState state;
  state.trajectory_id = std::move(state_.trajectory_id);  // need not be said again
  state.run_status = read_run_status(*object);
  if (const auto* trajectory = object_at(*object, "trajectory")) {
    if (std::string id = text_at(*trajectory, "trajectoryId"); !id.empty()) {
      state.trajectory_id = std::move(id);
    }
    if (const auto* steps = array_at(*trajectory, "steps")) {
      state.steps.resize(steps->size());
      for (std::size_t i = baseline_; i < steps->size(); ++i) {
        if (const auto* step = (*steps)[i].if_object()) {
          state.steps[i] = read_step(*step);
        }
      }
    }
    if (const auto* generations = array_at(*trajectory, "generatorMetadata")) {
      for (const auto& each : *generations) {
        const auto* generation = each.if_object();
        state.generations.push_back(generation == nullptr ? Generation{}
                                                          : read_generation(*generation));
      }
    }
    if (const auto* executors = array_at(*trajectory, "executorMetadatas");
        executors != nullptr && !executors->empty() && executors->back().is_object()) {
      state.end = read_run_end(executors->back().get_object());
    }
  }
  state.is_complete = count_at(*object, "numTotalSteps") <= state.steps.size();
  state_ = std::move(state);
  return {};
}

Result<Standing> read_standing(std::string_view json) {
  boost::system::error_code ec;
  const boost::json::value root = boost::json::parse({json.data(), json.size()}, ec);
  const boost::json::object* object = ec ? nullptr : root.if_object();
  if (object == nullptr) {
    return Error{Errc::bad_answer, "GetCascadeTrajectory"};
  }
  const auto* trajectory = object_at(*object, "trajectory");
  const auto* steps = trajectory == nullptr ? nullptr : array_at(*trajectory, "steps");
  return Standing{std::max<std::size_t>(steps == nullptr ? 0 : steps->size(),
                                        count_at(*object, "numTotalSteps")),
                  read_run_status(*object)};
}

}  // namespace agp::ls
