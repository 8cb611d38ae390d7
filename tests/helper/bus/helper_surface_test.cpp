// The helper's object against callers that mean harm: what they send and hand over.
#include "tests/helper/bus/helper_surface.h"

#include <array>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

namespace agp::helper {
namespace {

std::string content_of(const char* path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// What the object has, as lines of its description in XML.
std::set<std::string> members_of(const std::string& xml, const std::string& interface) {
  std::set<std::string> members;
  const auto start = xml.find("<interface name=\"" + interface + "\"");
  const auto end = xml.find("</interface>", start);
  const std::string text = start == std::string::npos ? "" : xml.substr(start, end - start);
  const std::regex element(R"re(<(method|signal|property|arg)\s([^>]*)>)re");
  const std::regex attribute(R"re((name|type|direction|access)="([^"]*)")re");
  std::string member;
  for (std::sregex_iterator it(text.begin(), text.end(), element), none; it != none; ++it) {
    std::map<std::string, std::string> of;
    const std::string attributes = (*it)[2];
    for (std::sregex_iterator a(attributes.begin(), attributes.end(), attribute); a != none; ++a) {
      of[(*a)[1]] = (*a)[2];
    }
    if ((*it)[1] == "arg") {
      member += " " + of["direction"] + ":" + of["type"];
      continue;
    }
    if (!member.empty()) {
      members.insert(member);
    }
    member = (*it)[1].str() + " " + of["name"] + of["access"];
  }
  members.insert(member);
  return members;
}

// threat-model 11
TEST_F(HelperSurface, OffersExactlyWhatItsDescriptionSays) {
  const auto said = serve(0, [](sd_bus* caller) {
    auto* message = message_to(caller, "org.freedesktop.DBus.Introspectable", "Introspect");
    sd_bus_message* reply = nullptr;
    const char* xml = nullptr;
    if (sd_bus_call(caller, message, 0, nullptr, &reply) < 0 ||
        sd_bus_message_read(reply, "s", &xml) < 0) {
      return std::string();
    }
    return std::string(xml);
  });
  auto offered = members_of(said, kInterface);
  auto described = members_of(content_of(AGP_HELPER_XML), kInterface);
  EXPECT_GE(described.size(), 12U);
  EXPECT_EQ(offered, described);
  for (const auto& member : offered) {
    EXPECT_FALSE(member.starts_with("property")) << member;
  }
  std::set<std::string> interfaces;
  const std::regex name(R"re(<interface name="([^"]*)")re");
  for (std::sregex_iterator it(said.begin(), said.end(), name), none; it != none; ++it) {
    interfaces.insert((*it)[1]);
  }
  EXPECT_EQ(interfaces, (std::set<std::string>{kInterface, "org.freedesktop.DBus.Introspectable",
                                               "org.freedesktop.DBus.Peer",
                                               "org.freedesktop.DBus.Properties"}));
}

// threat-model 10
TEST_F(HelperSurface, NonsenseIsACleanErrorAndTheHelperGoesOn) {
  const auto said = serve(0, [](sd_bus* caller) {
    std::string all;
    const auto note = [&all](const char* what, const std::string& result) {
      all += std::string(what) + "=" + name_of(result) + "\n";
    };
    note("interface", ask(caller, "org.example.Other", "Status", ""));
    note("method", ask(caller, kInterface, "Run", "s", "id"));
    note("get", ask(caller, "org.freedesktop.DBus.Properties", "Get", "ss", kInterface, "Uid"));
    note("set",
         ask(caller, "org.freedesktop.DBus.Properties", "Set", "ssv", kInterface, "Uid", "u", 0));
    note("signature", ask(caller, kInterface, "StopLanguageServer", "u", 7));
    note("too many", ask(caller, kInterface, "Status", "s", "x"));
    auto* nested = message_to(caller, kInterface, "StopLanguageServer");
    constexpr int kDepth = 32;
    for (int i = 0; i < kDepth; ++i) {
      (void)sd_bus_message_open_container(nested, 'v', i + 1 < kDepth ? "v" : "s");
    }
    (void)sd_bus_message_append(nested, "s", "x");
    for (int i = 0; i < kDepth; ++i) {
      (void)sd_bus_message_close_container(nested);
    }
    note("nested", send(caller, nested));
    const std::string mebibyte(std::size_t{1} << 20, 'a');
    note("1 MiB", ask(caller, kInterface, "EnsureTrustBundle", "s", mebibyte.c_str()));
    note("1 MiB id", ask(caller, kInterface, "StopLanguageServer", "s", mebibyte.c_str()));
    note("64 KiB",
         ask(caller, kInterface, "EnsureTrustBundle", "s", mebibyte.substr(0, 65536).c_str()));
    note("status", ask(caller, kInterface, "Status", ""));
    return all;
  });
  EXPECT_EQ(said,
            "interface=UnknownMethod\nmethod=UnknownMethod\nget=UnknownProperty\n"
            "set=UnknownProperty\nsignature=InvalidArgs\ntoo many=InvalidArgs\nnested=InvalidArgs\n"
            "1 MiB=InvalidArgs\n1 MiB id=InvalidArgs\n64 KiB=InvalidArgs\nstatus=ok\n");
  EXPECT_TRUE(operations.calls.empty());
}

std::string start_with(sd_bus* caller, int input, int log) {
  return ask(caller, kInterface, "LaunchLanguageServer", "qqqqsssuhh", 42100, 0, 42101, 35987,
             "token", "", "", 0, input, log);
}

int sealed(std::size_t bytes, int seals) {
  const int fd = ::memfd_create("input", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  (void)::ftruncate(fd, static_cast<off_t>(bytes));
  (void)::fcntl(fd, F_ADD_SEALS, seals);
  return fd;
}

/// Everything that is not what it should be, by name; the same each time.
std::vector<std::pair<std::string, int>> hostile_descriptors() {
  std::array<int, 2> ends{};
  std::array<int, 2> pair{};
  (void)::pipe2(ends.data(), O_CLOEXEC);
  (void)::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data());
  const std::string own = "/proc/self/fd/" + std::to_string(ends[0]);
  constexpr int kAll = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  return {{"directory", ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)},
          {"O_PATH", ::open("/etc/passwd", O_PATH | O_CLOEXEC)},
          {"O_PATH of a pipe", ::open(own.c_str(), O_PATH | O_CLOEXEC)},
          {"file", ::open("/etc/passwd", O_RDONLY | O_CLOEXEC)},
          {"device", ::open("/dev/zero", O_RDWR | O_CLOEXEC)},
          {"socket", pair[0]},
          {"pipe both ways", ::open(own.c_str(), O_RDWR | O_CLOEXEC)},
          {"event", ::eventfd(0, EFD_CLOEXEC)},
          {"epoll", ::epoll_create1(EPOLL_CLOEXEC)},
          {"unsealed", sealed(10, 0)},
          {"without F_SEAL_WRITE", sealed(10, kAll & ~F_SEAL_WRITE)},
          {"without F_SEAL_GROW", sealed(10, kAll & ~F_SEAL_GROW)},
          {"without F_SEAL_SHRINK", sealed(10, kAll & ~F_SEAL_SHRINK)},
          {"without F_SEAL_SEAL", sealed(10, kAll & ~F_SEAL_SEAL)},
          {"too large", sealed(65537, kAll)}};
}

// threat-model 18
TEST_F(HelperSurface, EveryWrongDescriptorIsRefusedAndClosed) {
  ASSERT_EQ(serve(0, [](sd_bus* caller) { return ask(caller, kInterface, "Status", ""); }), "ok");
  const auto before = open_descriptors();
  const auto said = serve(0, [](sd_bus* caller) {
    std::array<int, 2> ends{};
    (void)::pipe2(ends.data(), O_CLOEXEC);
    std::set<std::string> accepted;
    auto hostile = hostile_descriptors();
    for (int i = 0; i < 1000; ++i) {
      const auto& [name, fd] = hostile[static_cast<std::size_t>(i) % hostile.size()];
      if (name_of(start_with(caller, fd, ends[1])) != "InvalidArgs") {
        accepted.insert(name);
      }
      if (i < 100 && name_of(start_with(caller, ends[0], fd)) != "InvalidArgs") {
        accepted.insert(name + " to log to");
      }
    }
    if (name_of(start_with(caller, ends[1], ends[1])) != "InvalidArgs") {
      accepted.insert("the writing end");
    }
    if (name_of(start_with(caller, ends[0], ends[0])) != "InvalidArgs") {
      accepted.insert("the reading end to log to");
    }
    // Sixteen descriptors are what the bus takes in one message; no method has that many.
    auto* many = message_to(caller, kInterface, "StopLanguageServer");
    for (int i = 0; i < 16; ++i) {
      (void)sd_bus_message_append(many, "h", ends[0]);
    }
    if (name_of(send(caller, many)) != "InvalidArgs") {
      accepted.insert("sixteen");
    }
    std::string all;
    for (const auto& name : accepted) {
      all += name + "\n";
    }
    return all + start_with(caller, ends[0], ends[1]);
  });
  EXPECT_EQ(said, "ok");
  EXPECT_EQ(operations.calls, std::vector<std::string>{"start token"});
  EXPECT_EQ(open_descriptors(), before);
}

// threat-model 19
TEST_F(HelperSurface, PortsOutsideTheirRangesAreRefused) {
  const auto said = serve(0, [](sd_bus* caller) {
    std::array<int, 2> ends{};
    (void)::pipe2(ends.data(), O_CLOEXEC);
    const auto start = [&](int server, int http, int lsp, int extension) {
      return name_of(ask(caller, kInterface, "LaunchLanguageServer", "qqqqsssuhh", server, http,
                         lsp, extension, "token", "", "", 0, ends[0], ends[1]));
    };
    std::string accepted;
    // 65536 and -1 arrive as what is left of them in sixteen bits.
    for (const int port : {0, 22, 80, 443, 1023, 8741, 8742, 42099, 42200, 65535, 65536, -1}) {
      const bool is_extension_port = port >= 1024 && port != 8741 && port != 8742 && port <= 65535;
      accepted +=
          start(port, 0, 42101, 35987) == "InvalidArgs" ? "" : "server " + std::to_string(port);
      accepted +=
          start(42100, 0, port, 35987) == "InvalidArgs" ? "" : "lsp " + std::to_string(port);
      accepted += port == 0 || port == 65536 || start(42100, port, 42101, 35987) == "InvalidArgs"
                      ? ""
                      : "http " + std::to_string(port);
      accepted += is_extension_port || port == -1 || start(42100, 0, 42101, port) == "InvalidArgs"
                      ? ""
                      : "extension " + std::to_string(port);
    }
    return accepted;
  });
  EXPECT_EQ(said, "");
  EXPECT_TRUE(operations.calls.empty());
}

// threat-model 5
TEST_F(HelperSurface, AnErrorOfPolkitIsANo) {
  polkit->verdict = Verdict::error;
  const auto said = serve(0, [](sd_bus* caller) {
    return name_of(ask(caller, kInterface, "EnsureRedirect", "")) + " " +
           name_of(ask(caller, kInterface, "RemoveRedirect", "")) + " " +
           name_of(ask(caller, kInterface, "EnsureTrustBundle", "s", "pem")) + " " +
           name_of(ask(caller, kInterface, "Status", "")) + " " +
           name_of(ask(caller, kInterface, "ApplyIdePatch", ""));
  });
  EXPECT_EQ(said, "AccessDenied AccessDenied AccessDenied AccessDenied AccessDenied");
  EXPECT_TRUE(operations.calls.empty());
}

// threat-model 1
TEST_F(HelperSurface, WithThePolicyThatIsInstalledOthersDoNotReachIt) {
  open_bus(std::string("<include>") + AGP_HELPER_BUS_POLICY + "</include>");
  const auto said = serve(kNobody, [](sd_bus* caller) {
    std::set<std::string> different;
    for (const auto* interface : {kInterface, "org.freedesktop.DBus.Peer", "org.example.Other",
                                  "org.freedesktop.DBus.Properties"}) {
      for (const auto* member : kMembers) {
        if (interface != kInterface || std::string(member) != "CaptureScope") {
          different.insert(name_of(send(caller, message_to(caller, interface, member))));
        }
      }
    }
    for (const auto* member : kMembers) {
      different.insert(name_of(send(caller, message_to(caller, nullptr, member))));
    }
    std::string all;
    for (const auto& name : different) {
      all += name + "\n";
    }
    return all;
  });
  EXPECT_EQ(said, "AccessDenied\n");
  EXPECT_TRUE(polkit->actions.empty()) << "the helper was reached";
  const auto capture = [](sd_bus* caller) {
    return name_of(ask(caller, kInterface, "CaptureScope", "su", kScope, kNobody));
  };
  EXPECT_EQ(serve(kNobody, capture), "ok") << "the one method for everybody";
  EXPECT_EQ(serve(0, [](sd_bus* caller) { return ask(caller, kInterface, "Status", ""); }), "ok");
}

// threat-model 17
TEST_F(HelperSurface, AScopeIsNamedByAnIdAndByNothingElse) {
  const auto hostile_ids = [](sd_bus* caller) {
    const std::string digits(kScope);
    std::string accepted;
    for (const auto& id :
         {std::string(), digits.substr(1), digits + "0", digits + "\n", digits + ".scope",
          std::string(32, 'A'), std::string(32, 'g'), std::string(32, ' '), std::string(32, '/'),
          std::string(32, '.'), "../../system.slice/" + digits.substr(19), "%n" + digits.substr(2),
          "$HOME" + digits.substr(5), "\x1b[2J" + digits.substr(4), "\xc3\xa4" + digits.substr(2),
          std::string(1 << 20, 'a')}) {
      const auto said =
          name_of(ask(caller, kInterface, "CaptureScope", "su", id.c_str(), ::getuid()));
      accepted += said == "InvalidArgs" ? "" : id.substr(0, 40) + ": " + said + "\n";
    }
    accepted += name_of(ask(caller, kInterface, "CaptureScope", "s", kScope)) + "\n";
    accepted += name_of(ask(caller, kInterface, "CaptureScope", "ss", kScope, "0")) + "\n";
    accepted += name_of(ask(caller, kInterface, "CaptureScope", "si", kScope, -1)) + "\n";
    accepted += name_of(ask(caller, kInterface, "CaptureScope", "sus", kScope, 0, "/")) + "\n";
    return accepted;
  };
  const std::string refused = "InvalidArgs\nInvalidArgs\nInvalidArgs\nInvalidArgs\n";
  EXPECT_EQ(serve(0, hostile_ids), refused);
  EXPECT_EQ(serve(kNobody, hostile_ids), refused);
  EXPECT_TRUE(operations.looked_for.empty()) << "nothing is looked for under such a name";
  EXPECT_TRUE(polkit->actions.empty());
  EXPECT_TRUE(operations.calls.empty());
}

// threat-model 6
TEST_F(HelperSurface, NobodyButRootCapturesWhatOthersRun) {
  const auto said = serve(kNobody, [](sd_bus* caller) {
    std::string accepted;
    for (const unsigned user : {0U, 1U, kNobody - 1U, kNobody + 1U, 0x7fffffffU, 0xffffffffU}) {
      const auto answer = name_of(ask(caller, kInterface, "CaptureScope", "su", kScope, user));
      accepted += answer == "AccessDenied" ? "" : std::to_string(user) + ": " + answer + "\n";
    }
    return accepted;
  });
  EXPECT_EQ(said, "");
  EXPECT_TRUE(operations.looked_for.empty()) << "and learns nothing of them";
  EXPECT_TRUE(polkit->actions.empty());
  const auto capture = [](sd_bus* caller) {
    return ask(caller, kInterface, "CaptureScope", "su", kScope, kNobody);
  };
  EXPECT_EQ(serve(kNobody, capture), "ok");
  EXPECT_EQ(serve(0, capture), "ok");
  const std::string captured = "capture 65534 " + std::string(kScope);
  EXPECT_EQ(operations.calls, (std::vector<std::string>{captured, captured}));
}

// threat-model 8
TEST(HelperBusPolicy, DecidesAboutNoOtherName) {
  const auto policy = content_of(AGP_HELPER_BUS_POLICY);
  const std::regex rule(R"re(<(allow|deny)\s([^>]*)>)re");
  std::size_t rules = 0;
  for (std::sregex_iterator it(policy.begin(), policy.end(), rule), none; it != none; ++it) {
    const std::string what = (*it)[2];
    EXPECT_TRUE(what.starts_with("own=\"org.antigravityproxy.Helper1\"") ||
                what.starts_with("send_destination=\"org.antigravityproxy.Helper1\""))
        << what;
    ++rules;
  }
  EXPECT_GE(rules, 5U);
}

}  // namespace
}  // namespace agp::helper
