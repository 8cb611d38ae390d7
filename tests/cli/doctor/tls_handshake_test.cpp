#include "cli/doctor/tls_handshake.h"

#include "common/base/unique_fd.h"
#include "tests/support/certificates.h"

#include <array>
#include <cstdio>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

namespace agp::cli::doctor {
namespace {

using testing::make_certificate;
using testing::TestKeyPair;
using Stage = Reach::Stage;

/// What the other side makes of a handshake.
struct Seen {
  Reach reach;
  bool was_accepted = false;  // the handshake was whole there
  bool was_closed = false;    // and ended with close_notify: no alert said that it was refused
};

class TlsHandshake : public ::testing::Test {
 protected:
  TlsHandshake() { ::close(::mkstemp(file_.data())); }
  ~TlsHandshake() override { ::unlink(file_.c_str()); }

  Seen shake(const TestKeyPair& server, const TestKeyPair& trusted, const std::string& host) {
    FILE* file = std::fopen(file_.c_str(), "we");
    PEM_write_X509(file, trusted.certificate.get());
    (void)std::fclose(file);  // what is not there fails the test below
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    Seen out;
    std::thread answering([&, end = ends[1]] {
      const UniqueFd socket(end);
      const auto context = testing::server_context(server);
      SSL* session = SSL_new(context.get());
      SSL_set_fd(session, socket.get());
      out.was_accepted = SSL_accept(session) == 1;
      char nothing = 0;
      out.was_closed = SSL_read(session, &nothing, 1) == 0 &&
                       (SSL_get_shutdown(session) & SSL_RECEIVED_SHUTDOWN) != 0;
      SSL_free(session);
    });
    {
      const UniqueFd socket(ends[0]);
      shake_hands(socket.get(), host, {file_}, out.reach);
    }
    answering.join();
    return out;
  }

  std::string file_ = "/tmp/agp-doctor-tls-XXXXXX";
  TestKeyPair authority_ = make_certificate({.name = "Ours", .is_authority = true});
  TestKeyPair other_ = make_certificate({.name = "Others", .is_authority = true});
};

TEST_F(TlsHandshake, ACertificateOfOurAuthorityIsTold) {
  const auto seen =
      shake(make_certificate({.name = "host.example"}, &authority_), authority_, "host.example");
  EXPECT_EQ(seen.reach.stage, Stage::done) << seen.reach.problem;
  EXPECT_TRUE(seen.reach.is_ours);
  EXPECT_EQ(seen.reach.issuer, "Ours");
}

TEST_F(TlsHandshake, WhatDoesNotVerifyIsToldHereAndNotToTheOtherSide) {
  struct Row {
    TestKeyPair server;
    const char* problem;
    bool is_ours;
  };
  const Row rows[] = {
      {make_certificate({.name = "host.example"}, &other_), "issuer", false},
      {make_certificate({.name = "wrong.example"}, &authority_), "ostname mismatch", true},
      {make_certificate({.name = "host.example", .not_after = -60}, &authority_), "expired", true},
  };
  for (const auto& row : rows) {
    const auto seen = shake(row.server, authority_, "host.example");
    EXPECT_EQ(seen.reach.stage, Stage::verify) << row.problem;
    EXPECT_NE(seen.reach.problem.find(row.problem), std::string::npos) << seen.reach.problem;
    EXPECT_EQ(seen.reach.is_ours, row.is_ours) << row.problem;
    EXPECT_TRUE(seen.was_accepted) << row.problem;
    EXPECT_TRUE(seen.was_closed) << row.problem;
  }
}

}  // namespace
}  // namespace agp::cli::doctor
