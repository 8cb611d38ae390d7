#include "cli/doctor/reach.h"

#include "cli/doctor/tls_handshake.h"
#include "cli/document.h"
#include "common/base/unique_fd.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <variant>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace agp::cli::doctor {
namespace {

namespace json = boost::json;
using Stage = Reach::Stage;
using std::chrono::milliseconds;

constexpr milliseconds kResolveLimit{6000};
constexpr timeval kStepLimit{4, 0};  // of connecting, and of each read and write
constexpr milliseconds kReachLimit{15000};
constexpr milliseconds kRejectLimit{1000};

struct AddressListCloser {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, AddressListCloser>;

// A numeric address never waits for anybody.
AddressList look_up(const std::string& host, std::uint16_t port, int flags, int* error) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* raw = nullptr;
  *error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &raw);
  return AddressList(*error == 0 ? raw : nullptr);
}

// In the child: the first address of each family, or why there is none.
std::string resolve(const ReachPlan& plan) {
  int error = 0;
  const auto list = look_up(plan.host, plan.port, 0, &error);
  if (error != 0) {
    return json::serialize(json::object{
        {"problem", error == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(error)}});
  }
  json::object out;
  for (const auto* each = list.get(); each != nullptr; each = each->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(each->ai_addr, each->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      const char* family = each->ai_family == AF_INET6 ? "IPv6" : "IPv4";
      if (!out.contains(family)) {
        out[family] = text.data();
      }
    }
  }
  return json::serialize(out);
}

bool has_no_route(int error) {
  return error == ENETUNREACH || error == EHOSTUNREACH || error == EADDRNOTAVAIL ||
         error == EAFNOSUPPORT;
}

std::string connect_problem(int error) {
  // A limit of sending ends connect() like this.
  return error == EINPROGRESS || error == EAGAIN ? "no answer within 4 seconds"
                                                 : std::strerror(error);
}

// The kernel tells at once: with the datagram, or as an error of the socket.
void try_quic(const addrinfo& address, Reach& out) {
  const UniqueFd socket(::socket(address.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const char nothing = 0;
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) != 0) {
    out.quic = std::strerror(errno);
    return;
  }
  int error = ::send(socket.get(), &nothing, 1, 0) < 0 ? errno : 0;
  pollfd waited{socket.get(), POLLIN, 0};
  if (error == 0 && ::poll(&waited, 1, static_cast<int>(kRejectLimit.count())) > 0) {
    socklen_t size = sizeof error;
    (void)::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);  // stays 0
  }
  out.is_quic_refused = error == ECONNREFUSED || error == EPERM || error == EACCES;
  out.quic = *out.is_quic_refused ? "refused at once"
             : error == 0         ? "not refused"
                                  : std::strerror(error);
}

Reach try_address(const ReachPlan& plan, const std::string& family, const std::string& text) {
  Reach out;
  out.family = family;
  out.address = text;
  int error = 0;
  const auto address = look_up(text, plan.port, AI_NUMERICHOST, &error);
  const UniqueFd socket(address ? ::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1);
  if (!socket.is_open()) {
    out.problem = address ? std::strerror(errno) : ::gai_strerror(error);
    return out;
  }
  for (const int option : {SO_SNDTIMEO, SO_RCVTIMEO}) {
    (void)::setsockopt(socket.get(), SOL_SOCKET, option, &kStepLimit, sizeof kStepLimit);
  }
  if (::connect(socket.get(), address->ai_addr, address->ai_addrlen) != 0) {
    out.stage = has_no_route(errno) ? Stage::route : Stage::connect;
    out.problem = connect_problem(errno);
  } else if (plan.trusted_files.empty()) {
    out.stage = Stage::done;
  } else {
    shake_hands(socket.get(), plan.host, plan.trusted_files, out);
  }
  if (plan.tries_quic && out.stage != Stage::route) {
    try_quic(*address, out);
  }
  return out;
}

json::object document_of(const Reach& reach) {
  return {
      {"family", reach.family},
      {"address", reach.address},
      {"stage", static_cast<int>(reach.stage)},
      {"problem", reach.problem},
      {"is_ours", reach.is_ours},
      {"issuer", reach.issuer},
      {"is_quic_refused", reach.is_quic_refused ? json::value(*reach.is_quic_refused) : nullptr},
      {"quic", reach.quic}};
}

Reach reach_of(const json::object& document) {
  Reach out;
  out.family = text_of(document, "family");
  out.address = text_of(document, "address");
  out.stage = static_cast<Stage>(number_of(document, "stage").value_or(0));
  out.problem = text_of(document, "problem");
  out.is_ours = yes_or_no(document, "is_ours") == "yes";
  out.issuer = text_of(document, "issuer");
  out.quic = text_of(document, "quic");
  if (const auto refused = yes_or_no(document, "is_quic_refused"); refused != kUnknown) {
    out.is_quic_refused = refused == "yes";
  }
  return out;
}

// In the child.
std::string try_all(const ReachPlan& plan, const json::object& addresses) {
  std::vector<Reach> tried(addresses.size());
  std::vector<std::thread> threads;
  std::size_t next = 0;
  for (const auto& [family, address] : addresses) {
    threads.emplace_back([&plan, into = &tried[next], name = std::string(family),
                          text = key_text(address)] { *into = try_address(plan, name, text); });
    ++next;
  }
  json::array out;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    threads[i].join();
    out.push_back(document_of(tried[i]));
  }
  return json::serialize(out);
}

Reaches nothing(std::string problem) {
  Reaches out;
  out.problem = std::move(problem);
  return out;
}

}  // namespace

Reaches try_to_reach(const ReachPlan& plan) {
  const auto resolved = run_bounded([&plan] { return resolve(plan); }, kResolveLimit, plan.account);
  if (const auto* failure = std::get_if<Failure>(&resolved)) {
    return nothing("the name " + plan.host + " was not resolved: " + failure->message);
  }
  boost::system::error_code error;
  const auto addresses = json::parse(std::get<std::string>(resolved), error);
  if (error || !addresses.is_object()) {
    return nothing("the name " + plan.host + " was not resolved");
  }
  if (const auto* problem = find(addresses.get_object(), "problem")) {
    return nothing("the name " + plan.host + " does not resolve: " + key_text(*problem));
  }
  const auto tried =
      run_bounded([&] { return try_all(plan, addresses.get_object()); }, kReachLimit, plan.account);
  if (const auto* failure = std::get_if<Failure>(&tried)) {
    return nothing(plan.host + ": " + failure->message);
  }
  Reaches out;
  const auto list = json::parse(std::get<std::string>(tried), error);
  if (error || !list.is_array()) {
    return nothing(plan.host + ": the try said nothing");
  }
  for (const auto& each : list.get_array()) {
    if (const auto* object = each.if_object()) {
      out.list.push_back(reach_of(*object));
    }
  }
  return out;
}

}  // namespace agp::cli::doctor
