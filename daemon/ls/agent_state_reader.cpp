#include "daemon/ls/agent_state_reader.h"

#include "daemon/ls/errors.h"
#include "daemon/ls/json_path.h"

#include <algorithm>
#include <initializer_list>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>

namespace agp::ls {
namespace {

const boost::json::array* items_at(const boost::json::object& update,
                                   std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (const auto* items = array_at(update, key)) {
      return items;
    }
  }
  return nullptr;
}

/// `{indices[], items[], totalLength}`: item k is the whole of position indices[k], the list is cut
/// to the total. `read` makes an element of an item; `wanted` says of which positions.
template <class T, class Read, class Wanted>
Result<> merge(const boost::json::object& update,
               const boost::json::array* items,
               std::vector<T>* into,
               Read read,
               Wanted wanted) {
  const auto* indices = array_at(update, "indices");
  const std::size_t count = indices == nullptr ? 0 : indices->size();
  if (count != (items == nullptr ? 0 : items->size())) {
    return Error{Errc::bad_answer, "an update with more items than positions, or fewer"};
  }
  for (std::size_t k = 0; k < count; ++k) {
    boost::system::error_code ec;
    const auto at = (*indices)[k].to_number<std::size_t>(ec);
    const auto* item = (*items)[k].if_object();
    if (ec || item == nullptr) {
      return Error{Errc::bad_answer, "an update of something else than positions and items"};
    }
    if (at >= kMaxSteps) {
      return Error{Errc::too_large, "an update of position " + std::to_string(at)};
    }
    if (at >= into->size()) {
      into->resize(at + 1);
    }
    if (wanted(at)) {
      (*into)[at] = read(*item);
    }
  }
  const auto total = static_cast<std::size_t>(count_at(update, "totalLength"));
  if (total > kMaxSteps) {
    return Error{Errc::too_large, "a list of " + std::to_string(total)};
  }
  // A zero is not written out; next to items it cannot be meant.
  if (total != 0 || count == 0) {
    into->resize(total);
  }
  return {};
}

}  // namespace

Result<> AgentStateReader::feed(std::string_view json) {
  boost::system::error_code ec;
  boost::json::parse_options options;
  options.max_depth = kMaxDiffDepth;
  const boost::json::value root = boost::json::parse({json.data(), json.size()}, ec, {}, options);
  const boost::json::object* object = ec ? nullptr : root.if_object();
  if (object == nullptr) {
    return Error{Errc::bad_answer, "StreamAgentStateUpdates"};
  }
  const auto* update = object_at(*object, "update");
  return update == nullptr ? Result<>() : apply(*update);
}

/// What a later message does not have is as it was.
Result<> AgentStateReader::apply(const boost::json::object& update) {
  if (std::string id = text_at(update, "trajectoryId"); !id.empty()) {
    state_.trajectory_id = std::move(id);
  }
  if (std::string status = read_run_status(update); !status.empty()) {
    state_.run_status = std::move(status);
  }
  const auto* main = object_at(update, "mainTrajectoryUpdate");
  if (main != nullptr) {
    if (const auto* steps = object_at(*main, "stepsUpdate")) {
      auto merged = merge(*steps, items_at(*steps, {"steps"}), &state_.steps, read_step,
                          [this](std::size_t at) { return at >= baseline_; });
      if (!merged) {
        return merged;
      }
    }
    if (const auto* generations = object_at(*main, "generatorMetadatasUpdate")) {
      auto merged =
          merge(*generations, items_at(*generations, {"generatorMetadatas", "generatorMetadata"}),
                &state_.generations, read_generation, [](std::size_t) { return true; });
      if (!merged) {
        return merged;
      }
    }
    if (const auto* executors = object_at(*main, "executorMetadatasUpdate")) {
      const auto* items = items_at(*executors, {"executorMetadatas", "executorMetadata"});
      if (items != nullptr && !items->empty() && items->back().is_object()) {
        state_.end = read_run_end(items->back().get_object());
      }
    }
  }
  if (const auto* executor = object_at(update, "executorMetadata")) {
    state_.end = read_run_end(*executor);
  }
  // A position that was skipped is a step that has not come yet.
  state_.is_complete = std::none_of(
      state_.steps.begin() + static_cast<std::ptrdiff_t>(std::min(baseline_, state_.steps.size())),
      state_.steps.end(), [](const LiveStep& step) { return step.type.empty(); });
  return {};
}

}  // namespace agp::ls
