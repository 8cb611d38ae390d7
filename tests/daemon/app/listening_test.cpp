#include "daemon/app/listening.h"

#include "daemon/io/listen_fds.h"
#include "tests/daemon/io/passed_sockets.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace agp::app {
namespace {

using io::passed_sockets::passed;

// threat-model 81
TEST(Listening, TakesBothOfSystemdsSocketsOrNone) {
  const UniqueFd api = std::move(*io::listen_on("127.0.0.1:0"));
  const UniqueFd intercept = std::move(*io::listen_on("127.0.0.1:0"));
  const daemon_config::Config config;
  const auto is_service = [&config] {
    const auto opened = open_listening(config);
    return opened && opened->is_service ? 0 : 1;
  };
  const auto says_what_to_start = [&config] {
    const auto opened = open_listening(config);
    return !opened && opened.error().context.find("start antigravity-proxy.service") !=
                          std::string::npos
               ? 0
               : 1;
  };
  EXPECT_EQ(passed({api.get(), intercept.get()}, "api:intercept", is_service), 0);
  EXPECT_EQ(passed({api.get()}, "api", says_what_to_start), 0);
  EXPECT_EQ(passed({intercept.get()}, "intercept", says_what_to_start), 0);
  EXPECT_EQ(passed({api.get(), api.get()}, "api:api", says_what_to_start), 0);
}

}  // namespace
}  // namespace agp::app
