#include "daemon/app/listening.h"

#include <string>
#include <utility>

#include <boost/system/errc.hpp>

namespace agp::app {
namespace {

// Binds and listens on each, and notes what `status` shows.
Result<> open_each(const std::vector<config::Endpoint>& wanted,
                   std::vector<UniqueFd>* into,
                   std::vector<std::string>* names) {
  for (const auto& endpoint : wanted) {
    auto fd = io::listen_on(endpoint.text());
    if (!fd) {
      return Error{fd.error().code,
                   fd.error().context + " (another service may have it; choose another address)"};
    }
    into->push_back(std::move(*fd));
    names->push_back(endpoint.text());
  }
  return {};
}

Result<> open_passed_or_configured(const daemon_config::Config& config, Listening* into) {
  auto passed = io::listeners_from_systemd();
  if (!passed) {
    return passed.error();
  }
  into->is_service = !passed->intercept.empty() || !passed->api.empty();
  if (into->is_service) {
    if (passed->intercept.empty() || passed->api.empty()) {
      return Error{make_error_code(boost::system::errc::not_connected),
                   "systemd passed only some of the sockets; start antigravity-proxy.service"};
    }
    into->listeners = std::move(*passed);
    into->names.api = {"127.0.0.1:8741", "[::1]:8741", "/run/antigravity-proxy/api.sock"};
    into->names.intercept = {"127.0.0.1:8742", "[::1]:8742"};
    return {};
  }
  if (auto done =
          open_each(config.listen.intercept, &into->listeners.intercept, &into->names.intercept);
      !done) {
    return done;
  }
  if (auto done = open_each(config.listen.connect, &into->listeners.connect, &into->names.connect);
      !done) {
    return done;
  }
  if (auto done = open_each(config.listen.api, &into->listeners.api, &into->names.api); !done) {
    return done;
  }
  return {};
}

}  // namespace

Result<Listening> open_listening(const daemon_config::Config& config) {
  Listening out;
  if (auto done = open_passed_or_configured(config, &out); !done) {
    return done.error();
  }
  if (auto done = open_each(config.capture_connect, &out.listeners.connect, &out.names.connect);
      !done) {
    return done.error();
  }
  for (const auto& endpoint : config.capture_reverse) {
    std::vector<std::string> names;
    if (auto done = open_each({endpoint.listen}, &out.reverse, &names); !done) {
      return done.error();
    }
    out.names.reverse.push_back(names.front() + " for https://" + endpoint.host);
  }
  if (out.listeners.intercept.empty() && out.listeners.connect.empty() &&
      out.listeners.api.empty() && out.reverse.empty()) {
    return Error{make_error_code(boost::system::errc::invalid_argument),
                 "nothing to listen on: set listen.connect, listen.intercept or listen.api"};
  }
  return out;
}

}  // namespace agp::app
