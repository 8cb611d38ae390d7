#include "daemon/app/helper_over_bus.h"

#include "common/bus/errors.h"
#include "daemon/control/errors.h"

#include <utility>

namespace agp::app {

namespace asio = boost::asio;

Error HelperOverBus::translate(const Error& error) {
  control::Errc code = control::Errc::helper_failed;
  const auto is = [&error](bus::Errc value) {
    return error.code == make_error_code(value);
  };
  if (is(bus::Errc::not_running) || is(bus::Errc::no_reply) || is(bus::Errc::disconnected) ||
      is(bus::Errc::unknown_member)) {
    code = control::Errc::helper_unreachable;
  } else if (is(bus::Errc::access_denied) || is(bus::Errc::interactive_authorization_required)) {
    code = control::Errc::helper_denied;
  }
  is_reachable_ = code != control::Errc::helper_unreachable;
  return {make_error_code(code), error.context};
}

void HelperOverBus::on_redirect_repaired(std::vector<std::string> lost) {
  ++repairs_.count;
  repairs_.last_at = std::chrono::system_clock::now();
  repairs_.last_lost = std::move(lost);
}

asio::awaitable<Result<>> HelperOverBus::ensure_redirect() {
  auto done = co_await client_->ensure_redirect();
  if (!done) {
    is_redirected_ = false;
    co_return translate(done.error());
  }
  is_reachable_ = is_redirected_ = true;
  if (surroundings_.firewall_backend.empty()) {
    // Who holds the rules, and what else the status tells of them. An error changes nothing of what
    // is in place.
    auto asked = status();
    (void)co_await std::move(asked);
  }
  co_return Result<>();
}

asio::awaitable<Result<>> HelperOverBus::remove_redirect() {
  auto done = co_await client_->remove_redirect();
  if (!done) {
    co_return translate(done.error());
  }
  is_reachable_ = true;
  is_redirected_ = false;
  co_return Result<>();
}

asio::awaitable<Result<>> HelperOverBus::ensure_trust_bundle(std::string pem) {
  auto done = co_await client_->ensure_trust_bundle(std::move(pem));
  if (!done) {
    co_return translate(done.error());
  }
  is_reachable_ = true;
  co_return Result<>();
}

asio::awaitable<Result<control::StartedLs>> HelperOverBus::start_language_server(
    control::StartSpec spec) {
  bus::HelperStart request;
  request.server_port = spec.server_port;
  request.http_port = spec.http_port;
  request.lsp_port = spec.lsp_port;
  request.extension_server_port = spec.extension_server_port;
  request.csrf_token = spec.csrf_token.expose();
  request.extension_csrf_token = spec.extension_csrf_token.expose();
  request.workspace_id = spec.workspace_id;
  request.binary_index = spec.binary_index;
  auto done = co_await client_->start_language_server(std::move(request), std::move(spec.stdin_fd),
                                                      std::move(spec.log_fd));
  if (!done) {
    co_return translate(done.error());
  }
  co_return control::StartedLs{done->id, done->unit, done->has_one_token};
}

asio::awaitable<Result<>> HelperOverBus::stop_language_server(std::string id) {
  auto done = co_await client_->stop_language_server(std::move(id));
  if (!done) {
    co_return translate(done.error());
  }
  co_return Result<>();
}

asio::awaitable<Result<control::HelperStatus>> HelperOverBus::status() {
  auto answer = co_await client_->status();
  if (!answer) {
    co_return translate(answer.error());
  }
  is_reachable_ = true;
  surroundings_ = {answer->egress, answer->egress_guard, answer->firewall_backend,
                   answer->firewall_reason, answer->limits};
  control::HelperStatus status;
  for (const auto& server : answer->language_servers) {
    status.running.push_back({server.id, server.unit, false});
  }
  for (const auto& binary : answer->binaries) {
    if (binary.usable) {
      status.binaries.push_back({binary.index, binary.path});
    } else {
      status.refused.push_back(binary.path + ": " + binary.reason);
    }
  }
  co_return status;
}

}  // namespace agp::app
