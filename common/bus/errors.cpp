#include "common/bus/errors.h"

#include <array>
#include <utility>

namespace agp::bus {
namespace {

struct Entry {
  Errc code;
  const char* name;
  const char* text;
};

constexpr std::array kEntries{
    Entry{Errc::invalid_args, "org.freedesktop.DBus.Error.InvalidArgs", "invalid argument"},
    Entry{Errc::access_denied, "org.freedesktop.DBus.Error.AccessDenied", "not authorized"},
    Entry{Errc::interactive_authorization_required,
          "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
          "authorization needs a person to be asked"},
    Entry{Errc::limits_exceeded, "org.freedesktop.DBus.Error.LimitsExceeded", "limit reached"},
    Entry{Errc::unknown_member, "org.freedesktop.DBus.Error.UnknownMethod", "no such method"},
    Entry{Errc::not_running, "org.freedesktop.DBus.Error.ServiceUnknown", "service not available"},
    Entry{Errc::no_reply, "org.freedesktop.DBus.Error.NoReply", "no answer"},
    Entry{Errc::disconnected, "org.freedesktop.DBus.Error.Disconnected",
          "not connected to the bus"},
    Entry{Errc::configuration, "org.antigravityproxy.Error.Configuration", "wrong configuration"},
    Entry{Errc::accounts, "org.antigravityproxy.Error.Accounts", "accounts not usable"},
    Entry{Errc::firewall_missing, "org.antigravityproxy.Error.FirewallMissing",
          "iptables is missing"},
    Entry{Errc::firewall, "org.antigravityproxy.Error.Firewall", "firewall command failed"},
    Entry{Errc::certificate, "org.antigravityproxy.Error.Certificate", "certificate refused"},
    Entry{Errc::file, "org.antigravityproxy.Error.File", "file not written or not safe"},
    Entry{Errc::not_protected, "org.antigravityproxy.Error.NotProtected",
          "redirect or trust bundle not in place"},
    Entry{Errc::no_binary, "org.antigravityproxy.Error.NoBinary",
          "language server binary not usable"},
    Entry{Errc::unit, "org.antigravityproxy.Error.Unit", "unit operation failed"},
    Entry{Errc::failed, "org.freedesktop.DBus.Error.Failed", "failed"},
};

// Boost's destructor is protected in effect; g++ 12 does not see that through the friends.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "agp.bus"; }
  std::string message(int value) const override {
    for (const auto& entry : kEntries) {
      if (static_cast<int>(entry.code) == value) {
        return entry.text;
      }
    }
    return "unknown bus error";
  }
};
#pragma GCC diagnostic pop

// Names of the bus daemon and of libsystemd that mean the same to us.
constexpr std::array kAliases{
    std::pair{std::string_view("org.freedesktop.DBus.Error.UnknownObject"), Errc::unknown_member},
    std::pair{std::string_view("org.freedesktop.DBus.Error.UnknownInterface"),
              Errc::unknown_member},
    std::pair{std::string_view("org.freedesktop.DBus.Error.NameHasNoOwner"), Errc::not_running},
    std::pair{std::string_view("org.freedesktop.DBus.Error.Timeout"), Errc::no_reply},
    std::pair{std::string_view("org.freedesktop.DBus.Error.TimedOut"), Errc::no_reply},
    std::pair{std::string_view("System.Error.ETIMEDOUT"), Errc::no_reply},
    std::pair{std::string_view("System.Error.ECONNRESET"), Errc::disconnected},
    std::pair{std::string_view("System.Error.ENOTCONN"), Errc::disconnected},
};

constexpr std::string_view kActivationErrors = "org.freedesktop.DBus.Error.Spawn.";
constexpr std::size_t kMaxTextChars = 400;

}  // namespace

const boost::system::error_category& bus_category() {
  static const Category category;
  return category;
}

boost::system::error_code make_error_code(Errc code) {
  return {static_cast<int>(code), bus_category()};
}

const char* error_name(Errc code) {
  for (const auto& entry : kEntries) {
    if (entry.code == code) {
      return entry.name;
    }
  }
  return "org.freedesktop.DBus.Error.Failed";
}

Errc code_of(std::string_view error_name) {
  for (const auto& entry : kEntries) {
    if (error_name == entry.name) {
      return entry.code;
    }
  }
  for (const auto& [name, code] : kAliases) {
    if (error_name == name) {
      return code;
    }
  }
  if (error_name.starts_with(kActivationErrors)) {
    return Errc::not_running;
  }
  return Errc::failed;
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxTextChars)) {
    out += (c >= 0x20 && c < 0x7f) ? c : '?';
  }
  return out;
}

}  // namespace agp::bus
