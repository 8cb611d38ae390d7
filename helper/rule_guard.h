#pragma once

#include "helper/core/rule_watch.h"
#include "helper/os/netfilter_listener.h"

#include <functional>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace agp::helper {

/// Has the rules looked at when somebody changed netfilter, and now and then.
class RuleGuard {
 public:
  /// @param io   outlives this object.
  /// @param look compares the rules and puts back what is missing.
  RuleGuard(boost::asio::io_context& io, std::function<void()> look);
  RuleGuard(const RuleGuard&) = delete;
  RuleGuard& operator=(const RuleGuard&) = delete;
  ~RuleGuard();

  void start();
  /// @param keeps_rules whether there are rules to be looked at, from now on.
  void update(bool keeps_rules);
  /// Whether changes are announced; without that the rules are looked at within each second.
  [[nodiscard]] bool hears() const;

 private:
  void listen();
  void hear();
  void arm();
  void look();

  std::function<void()> look_;
  core::RuleWatch watch_;
  bool keeps_rules_ = false;
  bool is_announced_ = false;
  bool was_refused_ = false;
  std::optional<os::NetfilterListener> listener_;
  boost::asio::posix::stream_descriptor readable_;  // borrowed from the listener
  boost::asio::steady_timer timer_;
};

}  // namespace agp::helper
