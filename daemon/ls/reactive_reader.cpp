#include "daemon/ls/reactive_reader.h"

#include "daemon/ls/errors.h"
#include "daemon/ls/json_path.h"

#include <cstdint>
#include <span>
#include <utility>

#include <boost/json/parse.hpp>

namespace agp::ls {
namespace {

namespace json = boost::json;

/// What is kept of a message: numbers of ls-protocol appendix A with their JSON names.
struct Field {
  std::uint64_t number = 0;
  std::string_view name;
  std::span<const Field> message = {};  // empty: a plain value
};

constexpr Field kUsage[] = {{11, "responseId"}};
constexpr Field kStepMetadata[] = {{9, "modelUsage", kUsage}};
constexpr Field kToolCall[] = {{1, "id"}};
constexpr Field kPlanner[] = {
    {1, "response"}, {7, "toolCalls", kToolCall}, {8, "modifiedResponse"}, {12, "stopReason"}};
constexpr Field kDetails[] = {{1, "userErrorMessage"}, {2, "shortError"}, {9, "modelErrorMessage"}};
constexpr Field kErrorMessage[] = {{3, "error", kDetails}};
constexpr Field kNotify[] = {{2, "notificationContent"}};
constexpr Field kStep[] = {{1, "type"},
                           {4, "status"},
                           {5, "metadata", kStepMetadata},
                           {20, "plannerResponse", kPlanner},
                           {24, "errorMessage", kErrorMessage},
                           {31, "error", kDetails},
                           {94, "notifyUser", kNotify}};
constexpr Field kRetry[] = {{2, "usage", kUsage}};
constexpr Field kChat[] = {{4, "usage", kUsage}, {17, "retryInfos", kRetry}, {19, "responseModel"}};
constexpr Field kGenerator[] = {{1, "chatModel", kChat}, {2, "stepIndices"}};
constexpr Field kExecutor[] = {{1, "terminationReason"}, {3, "lastStepIdx"}};
constexpr Field kTrajectory[] = {
    {1, "trajectoryId"}, {2, "steps", kStep}, {3, "generatorMetadata", kGenerator}};
constexpr Field kState[] = {
    {2, "trajectory", kTrajectory}, {3, "status"}, {4, "executorMetadata", kExecutor}};

Error bad(const char* what) {
  return {Errc::bad_answer, std::string("StreamCascadeReactiveUpdates: ") + what};
}

Result<> apply(std::span<const Field> schema, const json::object& diff, json::object* into);

/// A SingularValue: an object whose only member is the value. Its name tells the type, which is
/// known already.
Result<> set_value(const Field& field, const json::object& value, json::value* into) {
  if (field.message.empty()) {
    for (const auto& member : value) {
      if (member.value().is_primitive()) {
        *into = member.value();
      }
    }
    return {};
  }
  if (!into->is_object()) {
    into->emplace_object();
  }
  for (const auto& member : value) {
    if (const auto* inner = member.value().if_object()) {
      return apply(field.message, *inner, &into->get_object());
    }
  }
  return {};
}

Result<> set_list(const Field& field, const json::object& diff, json::value* into) {
  if (!into->is_array()) {
    into->emplace_array();
  }
  json::array& list = into->get_array();
  const auto* values = array_at(diff, "updateValues");
  const auto* indices = array_at(diff, "updateIndices");
  const std::size_t count = values == nullptr ? 0 : values->size();
  if (count != (indices == nullptr ? 0 : indices->size())) {
    return bad("values without positions");
  }
  const auto length = static_cast<std::size_t>(count_at(diff, "newLength"));
  if (length > kMaxSteps) {
    return Error{Errc::too_large, "a list of " + std::to_string(length)};
  }
  for (std::size_t k = 0; k < count; ++k) {
    boost::system::error_code ec;
    const auto at = (*indices)[k].to_number<std::size_t>(ec);
    const auto* value = (*values)[k].if_object();
    if (ec || value == nullptr) {
      return bad("not a position and a value");
    }
    if (at >= kMaxSteps) {
      return Error{Errc::too_large, "an update of position " + std::to_string(at)};
    }
    if (at >= list.size()) {
      list.resize(at + 1);
    }
    if (auto set = set_value(field, *value, &list[at]); !set) {
      return set;
    }
  }
  // A zero is not written out; next to values it cannot be meant.
  if (length != 0 || count == 0) {
    list.resize(length);
  }
  return {};
}

/// A MessageDiff. Its depth is the schema's, whatever is sent.
Result<> apply(std::span<const Field> schema, const json::object& diff, json::object* into) {
  const auto* fields = array_at(diff, "fieldDiffs");
  if (fields == nullptr) {
    return {};
  }
  for (const auto& each : *fields) {
    const auto* one = each.if_object();
    if (one == nullptr) {
      return bad("not a field");
    }
    const std::uint64_t number = count_at(*one, "fieldNumber");
    const Field* field = nullptr;
    for (const Field& candidate : schema) {
      field = candidate.number == number ? &candidate : field;
    }
    if (field == nullptr) {
      continue;
    }
    const json::string_view name(field->name.data(), field->name.size());
    Result<> done;
    if (const auto* value = object_at(*one, "updateSingular")) {
      done = set_value(*field, *value, &(*into)[name]);
    } else if (const auto* list = object_at(*one, "updateRepeated")) {
      done = set_list(*field, *list, &(*into)[name]);
    } else if (value_at(*one, "clear") != nullptr) {
      into->erase(name);
    }
    if (!done) {
      return done;
    }
  }
  return {};
}

}  // namespace

Result<> ReactiveReader::feed(std::string_view text) {
  boost::system::error_code ec;
  json::parse_options options;
  options.max_depth = kMaxDiffDepth;
  const json::value root = json::parse({text.data(), text.size()}, ec, {}, options);
  const json::object* object = ec ? nullptr : root.if_object();
  if (object == nullptr) {
    return bad("not JSON");
  }
  // The version is not looked at: fields are set as a whole, so that a diff may come twice.
  if (const auto* diff = object_at(*object, "diff")) {
    if (auto applied = apply(kState, *diff, &tree_); !applied) {
      return applied;
    }
    read_tree();
  }
  return {};
}

void ReactiveReader::read_tree() {
  LiveState state;
  state.run_status = read_run_status(tree_);
  if (const auto* executor = object_at(tree_, "executorMetadata")) {
    state.end = read_run_end(*executor);
  }
  if (const auto* trajectory = object_at(tree_, "trajectory")) {
    state.trajectory_id = text_at(*trajectory, "trajectoryId");
    if (const auto* steps = array_at(*trajectory, "steps")) {
      state.steps.resize(steps->size());
      for (std::size_t i = baseline_; i < steps->size(); ++i) {
        const auto* step = (*steps)[i].if_object();
        if (step != nullptr) {
          state.steps[i] = read_step(*step);
        }
        state.is_complete = state.is_complete && !state.steps[i].type.empty();
      }
    }
    if (const auto* generations = array_at(*trajectory, "generatorMetadata")) {
      for (const auto& each : *generations) {
        const auto* generation = each.if_object();
        state.generations.push_back(generation == nullptr ? Generation{}
                                                          : read_generation(*generation));
      }
    }
  }
  state_ = std::move(state);
}

}  // namespace agp::ls
