#include "daemon/app/correlation.h"

#include <chrono>
#include <utility>

namespace agp::app {
namespace {

usage::Micros now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

void Correlation::on_instance(const std::string& instance) {
  cascades_.add_instance(instance, now());
}

void Correlation::on_conversation(const std::string& instance, const std::string& cascade_id) {
  cascades_.add(instance, cascade_id, now());
}

void Correlation::on_trajectory(const std::string& instance,
                                const std::string& cascade_id,
                                const std::string& trajectory_id) {
  cascades_.add_trajectory(instance, cascade_id, trajectory_id);
}

void Correlation::on_running(const std::string& instance,
                             const std::string& cascade_id,
                             bool is_running) {
  cascades_.set_running(instance, cascade_id, is_running, now());
}

void Correlation::on_response(const std::string& cascade_id,
                              const std::string& trajectory_id,
                              const ls::NamedResponse& response) {
  // The record may be in the ledger already or still be on its way: one of the two finds it.
  cascades_.add_response(response.response_id, cascade_id);
  ledger::Confirmation confirmation;
  confirmation.response_id = response.response_id;
  confirmation.cascade_id = cascade_id;
  if (!trajectory_id.empty()) {
    confirmation.trajectory_id = trajectory_id;
  }
  confirmation.step_index = response.step_index;
  if (ledger_ != nullptr) {
    ledger_->confirm(std::move(confirmation));
  }
}

void Correlation::resolve(usage::Record* record) const {
  if (record->instance.empty() && ls_uid_ && record->local_uid == ls_uid_) {
    record->instance = cascades_.instance_at(record->started_at);
  }
  cascades_.resolve(record);
}

}  // namespace agp::app
