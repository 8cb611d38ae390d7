// The helper's object against many calls that chance made up.
#include "helper/core/errc.h"
#include "tests/helper/bus/helper_surface.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <random>
#include <set>
#include <sstream>

#include <fcntl.h>
#include <malloc.h>

#if defined(__SANITIZE_ADDRESS__)
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace agp::helper {
namespace {

std::size_t allocated_bytes() {
#if defined(__SANITIZE_ADDRESS__)
  return __sanitizer_get_current_allocated_bytes();
#else
  return ::mallinfo2().uordblks;
#endif
}

constexpr char kMarker[] = "mArKeR";

std::string random_text(std::mt19937& random) {
  static const std::vector<std::string> kPieces{kMarker,
                                                "/etc/passwd",
                                                "\n",
                                                "%n",
                                                "$HOME",
                                                "\x1b[2J",
                                                "42100",
                                                "-",
                                                "..",
                                                std::string(200, 'x'),
                                                "-----BEGIN CERTIFICATE-----\n",
                                                "a",
                                                "0123456789abcdef0123456789abcdef",
                                                "\xc3\xa4"};
  std::string text;
  for (auto pieces = random() % 5; pieces > 0; --pieces) {
    text += kPieces[random() % kPieces.size()];
  }
  return text;
}

// threat-model 14
TEST_F(HelperSurface, ErrorsOfTenThousandCallsSayNothingThatSomebodyElseSaid) {
  for (const auto code :
       {core::Errc::invalid_argument, core::Errc::configuration, core::Errc::accounts,
        core::Errc::firewall, core::Errc::file, core::Errc::no_binary, core::Errc::unit,
        core::Errc::service_manager, core::Errc::not_protected}) {
    operations.failures.emplace_back(code, std::string("/var/lib/") + kMarker + " said \"x\"");
  }
  operations.failures.push_back(errno_error(ENOENT, std::string("opening ") + kMarker));
  operations.failures.push_back(errno_error(EACCES, "/etc/shadow"));
  const auto said = serve(0, [](sd_bus* caller) {
    std::mt19937 random(20250101);
    std::set<std::string> different;
    std::array<int, 2> ends{};
    (void)::pipe2(ends.data(), O_CLOEXEC);
    const auto port = [&random] {
      return random() % 4 != 0 ? 42100 + int(random() % 9) : int(random() % 65536);
    };
    for (int i = 0; i < 10'000; ++i) {
      const auto a = random_text(random);
      const auto b = random_text(random);
      const auto c = random_text(random);
      switch (random() % 6) {
        case 0:
          different.insert(ask(caller, kInterface, "EnsureRedirect", ""));
          break;
        case 1:
          different.insert(ask(caller, kInterface, "EnsureTrustBundle", "s", a.c_str()));
          break;
        case 2:
          different.insert(ask(caller, kInterface, "StopLanguageServer", "s", a.c_str()));
          break;
        case 3:
          different.insert(ask(caller, kInterface, "CaptureScope", "su",
                               random() % 2 != 0 ? kScope : a.c_str(), unsigned(random())));
          break;
        default:
          different.insert(ask(
              caller, kInterface, "LaunchLanguageServer", "qqqqsssuhh", port(), 0, port(), 35987,
              random() % 2 != 0 ? "token" : a.c_str(), random() % 2 != 0 ? "" : b.c_str(),
              random() % 2 != 0 ? "" : c.c_str(), int(random() % 12), ends[0], ends[1]));
      }
    }
    std::string all;
    for (const auto& text : different) {
      all += text + "\n";
    }
    return all;
  });
  std::istringstream lines(said);
  std::string line;
  std::size_t count = 0;
  while (std::getline(lines, line)) {
    ++count;
    EXPECT_EQ(line.find(kMarker), std::string::npos) << line;
    EXPECT_EQ(line.find('/'), std::string::npos) << line;
    EXPECT_EQ(line.find(std::strerror(ENOENT)), std::string::npos) << line;
    EXPECT_EQ(line.find(std::strerror(EACCES)), std::string::npos) << line;
    EXPECT_TRUE(line.starts_with("org.antigravityproxy.Error.") ||
                line.starts_with("org.freedesktop.DBus.Error."))
        << line;
  }
  EXPECT_GT(count, 10U);
  EXPECT_LT(count, 30U) << "texts vary with what is sent:\n" << said;
}

/// Appends something; what the library does not take is left out.
void append_random(sd_bus_message* message, std::mt19937& random, int depth) {
  const auto text = random_text(random);
  switch (random() % (depth < 8 ? 9 : 6)) {
    case 0:
      (void)sd_bus_message_append(message, "s", text.c_str());
      break;
    case 1:
      (void)sd_bus_message_append(message, "q", int(random() % 65536));
      break;
    case 2:
      (void)sd_bus_message_append(message, "u", static_cast<unsigned>(random()));
      break;
    case 3:
      (void)sd_bus_message_append(message, "b", int(random() % 2));
      break;
    case 4:
      (void)sd_bus_message_append(message, "h", STDERR_FILENO);
      break;
    case 5:
      (void)sd_bus_message_append(message, "o", "/org/example");
      break;
    case 6:
      (void)sd_bus_message_append(message, "a{sv}", 1, text.size() % 2 != 0 ? "uid" : "path", "u",
                                  0);
      break;
    case 7:
      (void)sd_bus_message_append(message, "as", 2, "a", "b");
      break;
    default:
      (void)sd_bus_message_append(message, "v", "(sv)", "deeper", "s", "x");
  }
}

std::string ten_thousand_random_messages(sd_bus* caller) {
  std::mt19937 random(7);
  for (int i = 0; i < 10'000; ++i) {
    auto* message =
        message_to(caller, random() % 8 != 0 ? kInterface : "org.freedesktop.DBus.Properties",
                   kMembers[random() % std::size(kMembers)]);
    // Some as the methods want it, so that they get as far as polkit.
    if (const auto kind = random() % 16; kind == 0) {
      (void)sd_bus_message_append(message, "qqqqsssuhh", 42100, 0, 42101, 35987, "t", "", "", 0, 2,
                                  2);
    } else if (kind == 1) {
      (void)sd_bus_message_append(message, "su", kScope, unsigned(random() % 2 != 0 ? kNobody : 0));
    } else {
      for (auto values = random() % 6; values > 0; --values) {
        append_random(message, random, static_cast<int>(values));
      }
    }
    if (random() % 3 == 0) {
      (void)sd_bus_message_set_expect_reply(message, 0);
      (void)sd_bus_send(caller, message, nullptr);
      sd_bus_message_unref(message);
    } else if (send(caller, message) == "ok") {
      return "message " + std::to_string(i) + " was obeyed";
    }
  }
  return "done";
}

class HelperSurfaceAtRandom : public HelperSurface {
 protected:
  /// What the doubles remember is no memory of the helper's.
  void forget_questions() {
    polkit->actions = {};
    polkit->subjects = {};
    operations.looked_for = {};
  }
};

// threat-model 66
TEST_F(HelperSurfaceAtRandom, TenThousandRandomMessagesCostNobodyAnything) {
  polkit->verdict = Verdict::no;
  // Once before, so that what is allocated once is there.
  ASSERT_EQ(serve(kNobody, ten_thousand_random_messages), "done");
  forget_questions();
  const auto memory = allocated_bytes();
  const auto descriptors = open_descriptors();
  std::size_t served = 0;
  {
    CallerProcess hostile(kNobody, ten_thousand_random_messages);
    while (hostile.is_running()) {
      CallerProcess other(0, [](sd_bus* caller) {
        return ask(caller, "org.freedesktop.DBus.Peer", "Ping", "") + " " +
               name_of(ask(caller, kInterface, "Status", ""));
      });
      run_until([&] { return !other.is_running(); });
      ASSERT_EQ(other.found(), "ok AccessDenied");
      ++served;
    }
    EXPECT_EQ(hostile.found(), "done");
  }
  EXPECT_GT(served, 1U);
  run_until([this] { return adaptor->calls_in_flight() == 0; });
  forget_questions();
  EXPECT_LT(allocated_bytes(), memory + 128 * 1024);
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_TRUE(operations.calls.empty());
  EXPECT_EQ(operations.statuses, 0U);
}

}  // namespace
}  // namespace agp::helper
