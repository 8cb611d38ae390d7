#include "common/bus/polkit.h"

#include "common/bus/call.h"

#include <map>

namespace agp::bus {
namespace {

namespace asio = boost::asio;

constexpr char kPolkitName[] = "org.freedesktop.PolicyKit1";
constexpr char kPolkitPath[] = "/org/freedesktop/PolicyKit1/Authority";
constexpr char kPolkit[] = "org.freedesktop.PolicyKit1.Authority";
constexpr std::chrono::seconds kLimit{20};
constexpr std::chrono::seconds kHumanLimit{120};  // somebody has to find a password

using Details = std::map<std::string, std::string>;
using Subject = sdbus::Struct<std::string, std::map<std::string, sdbus::Variant>>;
using Answer = sdbus::Struct<bool, bool, Details>;

Error denied(const char* why) {
  return {Errc::access_denied, why};
}

}  // namespace

struct Authority::Impl {
  Connection* connection;
  std::unique_ptr<sdbus::IProxy> polkit;
  std::unique_ptr<sdbus::IProxy> daemon;
  Interaction interaction = Interaction::never;
};

Authority::Authority(Connection* connection, Interaction interaction)
    : impl_(std::make_unique<Impl>()) {
  impl_->connection = connection;
  impl_->interaction = interaction;
  impl_->polkit = sdbus::createProxy(connection->raw(), compat::ServiceName(kPolkitName),
                                     compat::ObjectPath(kPolkitPath));
  impl_->daemon = sdbus::createProxy(connection->raw(), compat::ServiceName("org.freedesktop.DBus"),
                                     compat::ObjectPath("/org/freedesktop/DBus"));
}

Authority::~Authority() = default;

asio::awaitable<Result<>> Authority::check(std::string sender, std::string action) {
  std::map<std::string, sdbus::Variant> identity;
  identity.emplace("name", sdbus::Variant(sender));
  Subject subject(std::string("system-bus-name"), identity);
  Details details;
  std::string cancellation;
  const bool may_ask = impl_->interaction == Interaction::allowed;
  const std::uint32_t flags = may_ask ? 1 : 0;
  const auto limit = may_ask ? kHumanLimit : kLimit;
  auto asked = call<Answer>(impl_->connection, impl_->polkit.get(), kPolkit, "CheckAuthorization",
                            limit, subject, action, details, flags, cancellation);
  auto answer = co_await std::move(asked);
  if (!answer) {
    co_return denied("polkit did not answer: is the package polkitd installed and running?");
  }
  const auto& verdict = std::get<0>(*answer);
  if (!std::get<0>(verdict)) {
    if (std::get<1>(verdict)) {
      co_return Error(Errc::interactive_authorization_required,
                      "polkit would have to ask: run it as root, or allow " + action);
    }
    co_return denied("polkit does not allow it to this user");
  }
  // polkit may have answered for somebody who is gone by now.
  auto looked = call<bool>(impl_->connection, impl_->daemon.get(), "org.freedesktop.DBus",
                           "NameHasOwner", kLimit, sender);
  auto present = co_await std::move(looked);
  if (!present || !std::get<0>(*present)) {
    co_return denied("the sender has left the bus");
  }
  co_return Result<>();
}

asio::awaitable<Result<std::uint32_t>> Authority::uid_of(std::string sender) {
  auto asked = call<std::uint32_t>(impl_->connection, impl_->daemon.get(), "org.freedesktop.DBus",
                                   "GetConnectionUnixUser", kLimit, sender);
  auto answer = co_await std::move(asked);
  if (!answer) {
    co_return denied("the bus does not know who is calling");
  }
  co_return std::get<0>(*answer);
}

}  // namespace agp::bus
