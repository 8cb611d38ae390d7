#include "daemon/usage/cascades.h"

#include <algorithm>
#include <utility>

namespace agp::usage {
namespace {

constexpr std::size_t kMaxTrajectories = 64;  // of one cascade: each sub-agent has one

// The oldest entry of a map by a member of its values.
template <class Map, class Age>
typename Map::iterator oldest(Map& map, Age age) {
  return std::min_element(map.begin(), map.end(), [&](const auto& a, const auto& b) {
    return age(a.second) < age(b.second);
  });
}

}  // namespace

Cascades::Instance* Cascades::open(const std::string& instance, Micros now) {
  if (const auto found = instances_.find(instance); found != instances_.end()) {
    return &found->second;
  }
  if (instances_.size() >= limits_.instances) {
    instances_.erase(oldest(instances_, [](const Instance& each) { return each.since; }));
  }
  Instance& made = instances_[instance];
  made.since = now;
  return &made;
}

Cascades::Cascade* Cascades::open_cascade(Instance* instance,
                                          const std::string& cascade_id,
                                          Micros now) {
  auto found = instance->cascades.find(cascade_id);
  if (found == instance->cascades.end()) {
    if (instance->cascades.size() >= limits_.cascades) {
      // One that runs is younger than any that does not.
      const auto victim = oldest(instance->cascades, [](const Cascade& each) {
        return std::pair(each.running != 0, each.used);
      });
      for (const std::string& trajectory : victim->second.trajectories) {
        instance->trajectories.erase(trajectory);
      }
      instance->cascades.erase(victim);
    }
    found = instance->cascades.emplace(cascade_id, Cascade()).first;
  }
  found->second.used = std::max(found->second.used, now);
  return &found->second;
}

void Cascades::add_instance(const std::string& instance, Micros now) {
  const std::lock_guard lock(mutex_);
  (void)open(instance, now);
}

void Cascades::add(const std::string& instance, const std::string& cascade_id, Micros now) {
  const std::lock_guard lock(mutex_);
  (void)open_cascade(open(instance, now), cascade_id, now);
}

void Cascades::add_trajectory(const std::string& instance,
                              const std::string& cascade_id,
                              const std::string& trajectory_id) {
  const std::lock_guard lock(mutex_);
  const auto found = instances_.find(instance);
  if (found == instances_.end()) {
    return;
  }
  const auto cascade = found->second.cascades.find(cascade_id);
  if (cascade == found->second.cascades.end() ||
      !found->second.trajectories.emplace(trajectory_id, cascade_id).second) {
    return;
  }
  auto& list = cascade->second.trajectories;
  list.push_back(trajectory_id);
  if (list.size() > kMaxTrajectories) {
    found->second.trajectories.erase(list.front());
    list.pop_front();
  }
}

void Cascades::set_running(const std::string& instance,
                           const std::string& cascade_id,
                           bool is_running,
                           Micros now) {
  const std::lock_guard lock(mutex_);
  Cascade* cascade = open_cascade(open(instance, now), cascade_id, now);
  if (is_running) {
    // Runs close to each other count as one, so that a late record of the first finds it.
    if (cascade->running++ == 0 && (!cascade->ended || *cascade->ended + limits_.linger < now)) {
      cascade->began = now;
    }
    cascade->ended.reset();
  } else if (cascade->running != 0 && --cascade->running == 0) {
    cascade->ended = now;
  }
}

void Cascades::add_response(const std::string& response_id, const std::string& cascade_id) {
  const std::lock_guard lock(mutex_);
  if (!responses_.emplace(response_id, cascade_id).second) {
    return;
  }
  response_order_.push_back(response_id);
  if (response_order_.size() > limits_.responses) {
    responses_.erase(response_order_.front());
    response_order_.pop_front();
  }
}

std::string Cascades::instance_at(Micros time) const {
  const std::lock_guard lock(mutex_);
  const std::pair<const std::string, Instance>* last = nullptr;
  for (const auto& each : instances_) {
    if (each.second.since <= time && (last == nullptr || last->second.since < each.second.since)) {
      last = &each;
    }
  }
  return last == nullptr ? std::string() : last->first;
}

// What the call itself names, if it is known.
std::optional<Cascades::Tie> Cascades::named(const Instance& instance, const Record& record) {
  std::optional<Tie> tie;
  const auto add = [&](const std::optional<std::string>& id, const char* evidence) {
    if (!id || instance.cascades.find(*id) == instance.cascades.end()) {
      return;
    }
    if (!tie) {
      tie = Tie{*id, CascadeSource::exact, evidence};
    } else if (tie->cascade_id != *id) {
      tie->source = CascadeSource::inferred;  // the keys disagree
    }
  };
  if (record.cascade_evidence == "request_id") {
    add(record.cascade_id, "request_id");
  }
  if (record.trajectory_id) {
    const auto found = instance.trajectories.find(*record.trajectory_id);
    if (found != instance.trajectories.end()) {
      add(found->second, "trajectory_id");
    }
  }
  add(record.hints.conversation_id, "conversation_id");
  add(record.hints.brain_id, "brain_path");
  return tie;
}

// Completions of the editor belong to no conversation.
std::optional<Cascades::Tie> Cascades::only_running(const Instance& instance,
                                                    const Record& record) const {
  if (record.api != Api::code_assist || record.request_kind == RequestKind::tab ||
      (instance.session_id && record.hints.session_id &&
       *instance.session_id != *record.hints.session_id)) {
    return std::nullopt;
  }
  std::optional<Tie> tie;
  for (const auto& [id, cascade] : instance.cascades) {
    const bool is_at_work =
        cascade.began && *cascade.began <= record.started_at &&
        (cascade.running != 0 ||
         (cascade.ended && record.started_at <= *cascade.ended + limits_.linger));
    if (is_at_work && tie) {
      return std::nullopt;
    }
    if (is_at_work) {
      tie = Tie{id, CascadeSource::inferred, "only_running"};
    }
  }
  return tie;
}

void Cascades::resolve(Record* record) const {
  const std::lock_guard lock(mutex_);
  const auto instance = instances_.find(record->instance);
  if (instance != instances_.end() && !instance->second.cascades.empty()) {
    auto tie = named(instance->second, *record);
    if (tie && tie->source == CascadeSource::exact && record->hints.session_id) {
      instance->second.session_id = record->hints.session_id;
    }
    if (!tie) {
      tie = only_running(instance->second, *record);
    }
    if (tie) {
      record->cascade_id = std::move(tie->cascade_id);
      record->cascade_source = tie->source;
      record->cascade_evidence = std::move(tie->evidence);
    } else if (record->cascade_id) {
      record->cascade_source = CascadeSource::inferred;  // named, but not known
    }
  }
  record->hints = {};
  if (record->response_id) {
    if (const auto found = responses_.find(*record->response_id); found != responses_.end()) {
      // The language server's own word ends all doubt.
      if (record->cascade_id != found->second) {
        record->cascade_id = found->second;
        record->cascade_evidence = "response_id";
      }
      record->cascade_source = CascadeSource::exact;
      record->cascade_confirmed = true;
    }
  }
}

}  // namespace agp::usage
