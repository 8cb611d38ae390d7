#include "daemon/ls/live_reader.h"

#include "daemon/ls/agent_state_reader.h"
#include "daemon/ls/reactive_reader.h"
#include "daemon/ls/trajectory_reader.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace agp::ls {

std::unique_ptr<LiveReader> make_live_reader(LiveSource source, std::size_t baseline) {
  switch (source) {
    case LiveSource::agent_state:
      return std::make_unique<AgentStateReader>(baseline);
    case LiveSource::reactive:
      return std::make_unique<ReactiveReader>(baseline);
    case LiveSource::poll:
      break;
  }
  return std::make_unique<TrajectoryReader>(baseline);
}

LiveRequest live_request(LiveSource source,
                         const std::string& cascade_id,
                         const std::string& subscriber_id) {
  using boost::json::object;
  using boost::json::serialize;
  switch (source) {
    case LiveSource::agent_state:
      return {"StreamAgentStateUpdates",
              serialize(object{{"conversationId", cascade_id}, {"subscriberId", subscriber_id}})};
    case LiveSource::reactive:
      return {"StreamCascadeReactiveUpdates",
              serialize(object{
                  {"protocolVersion", 1}, {"id", cascade_id}, {"subscriberId", subscriber_id}})};
    case LiveSource::poll:
      break;
  }
  return {"GetCascadeTrajectory", serialize(object{{"cascadeId", cascade_id}})};
}

}  // namespace agp::ls
