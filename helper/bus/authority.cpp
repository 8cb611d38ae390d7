#include "helper/bus/authority.h"

#include "common/bus/call.h"

#include <map>

namespace agp::helper {
namespace {

namespace asio = boost::asio;

constexpr char kPolkitName[] = "org.freedesktop.PolicyKit1";
constexpr char kPolkitPath[] = "/org/freedesktop/PolicyKit1/Authority";
constexpr char kPolkit[] = "org.freedesktop.PolicyKit1.Authority";
constexpr std::chrono::seconds kLimit{20};
// The caller is a service: nobody is there to be asked.
constexpr std::uint32_t kNoInteraction = 0;

using Details = std::map<std::string, std::string>;
using Subject = sdbus::Struct<std::string, std::map<std::string, sdbus::Variant>>;
using Answer = sdbus::Struct<bool, bool, Details>;

Error denied(const char* why) {
  return {bus::Errc::access_denied, why};
}

}  // namespace

struct Authority::Impl {
  bus::Connection* connection;
  std::unique_ptr<sdbus::IProxy> polkit;
  std::unique_ptr<sdbus::IProxy> daemon;
};

Authority::Authority(bus::Connection* connection) : impl_(std::make_unique<Impl>()) {
  impl_->connection = connection;
  impl_->polkit = sdbus::createProxy(connection->raw(), bus::compat::ServiceName(kPolkitName),
                                     bus::compat::ObjectPath(kPolkitPath));
  impl_->daemon =
      sdbus::createProxy(connection->raw(), bus::compat::ServiceName("org.freedesktop.DBus"),
                         bus::compat::ObjectPath("/org/freedesktop/DBus"));
}

Authority::~Authority() = default;

asio::awaitable<Result<>> Authority::check(std::string sender, std::string action) {
  std::map<std::string, sdbus::Variant> identity;
  identity.emplace("name", sdbus::Variant(sender));
  Subject subject(std::string("system-bus-name"), identity);
  Details details;
  std::string cancellation;
  auto asked =
      bus::call<Answer>(impl_->connection, impl_->polkit.get(), kPolkit, "CheckAuthorization",
                        kLimit, subject, action, details, kNoInteraction, cancellation);
  auto answer = co_await std::move(asked);
  if (!answer) {
    co_return denied("polkit did not answer: is the package polkitd installed and running?");
  }
  const auto& verdict = std::get<0>(*answer);
  if (!std::get<0>(verdict)) {
    if (std::get<1>(verdict)) {
      co_return Error(bus::Errc::interactive_authorization_required,
                      "polkit would have to ask: run it as root, or allow " + action);
    }
    co_return denied("polkit does not allow it to this user");
  }
  // polkit may have answered for somebody who is gone by now.
  auto looked = bus::call<bool>(impl_->connection, impl_->daemon.get(), "org.freedesktop.DBus",
                                "NameHasOwner", kLimit, sender);
  auto present = co_await std::move(looked);
  if (!present || !std::get<0>(*present)) {
    co_return denied("the sender has left the bus");
  }
  co_return Result<>();
}

}  // namespace agp::helper
