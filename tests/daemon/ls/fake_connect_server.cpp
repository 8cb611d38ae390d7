#include "tests/daemon/ls/fake_connect_server.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace agp::ls {
namespace asio = boost::asio;
using asio::ip::tcp;
using Stream = asio::ssl::stream<tcp::socket>;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

struct FakeConnectServer::State {
  State(asio::io_context* io, Answer how, std::uint16_t port)
      : answer(std::move(how)),
        tls(asio::ssl::context::tls_server),
        acceptor(*io, {asio::ip::address_v4::loopback(), port}) {
    auto [certificate, key] = make_certificate();
    tls.use_certificate_chain(asio::buffer(certificate));
    tls.use_private_key(asio::buffer(key), asio::ssl::context::pem);
    pem = certificate;
  }
  Answer answer;
  asio::ssl::context tls;
  tcp::acceptor acceptor;
  std::string pem;
  std::vector<Call> calls;
  unsigned connections = 0;
};

namespace {

std::string take_pem(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

std::size_t content_length(const std::string& head) {
  const auto at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
}

template <class State>
asio::awaitable<void> serve(std::shared_ptr<State> state, tcp::socket socket) {
  Stream stream(std::move(socket), state->tls);
  auto [tls_error] = co_await stream.async_handshake(asio::ssl::stream_base::server, kTuple);
  if (tls_error) {
    co_return;
  }
  ++state->connections;
  std::string received;
  std::array<char, 4096> part{};
  for (;;) {
    const auto head_end = received.find("\r\n\r\n");
    const std::string head = received.substr(0, head_end);
    if (head_end == std::string::npos || received.size() < head_end + 4 + content_length(head)) {
      const auto into = asio::buffer(part);
      auto [ec, n] = co_await stream.async_read_some(into, kTuple);
      if (ec) {
        co_return;
      }
      received.append(part.data(), n);
      continue;
    }
    FakeConnectServer::Call call;
    call.head = head;
    const auto line_end = head.find(" HTTP/1.1");
    const auto slash = head.rfind('/', line_end - 1);
    call.method = head.substr(slash + 1, line_end - slash - 1);
    call.body = received.substr(head_end + 4, content_length(head));
    received.erase(0, head_end + 4 + call.body.size());
    state->calls.push_back(call);
    const auto reply = state->answer(call);
    if (reply.close_instead && reply.raw.empty()) {
      co_return;
    }
    if (reply.never) {
      continue;
    }
    const std::string head_and_body = "HTTP/1.1 " + std::to_string(reply.status) +
                                      " X\r\nContent-Type: application/json\r\nContent-Length: " +
                                      std::to_string(reply.body.size()) + "\r\n\r\n" + reply.body;
    const auto octets = asio::buffer(reply.raw.empty() ? head_and_body : reply.raw);
    auto [write_error, n] = co_await asio::async_write(stream, octets, kTuple);
    if (write_error || reply.close_instead) {
      co_return;
    }
  }
}

template <class State>
asio::awaitable<void> accept(std::shared_ptr<State> state) {
  for (;;) {
    auto [ec, socket] = co_await state->acceptor.async_accept(kTuple);
    if (ec) {
      co_return;
    }
    auto connection = serve(state, std::move(socket));
    asio::co_spawn(state->acceptor.get_executor(), std::move(connection), asio::detached);
  }
}

}  // namespace

FakeConnectServer::FakeConnectServer(asio::io_context* io, Answer answer, std::uint16_t port)
    : state_(std::make_shared<State>(io, std::move(answer), port)) {
  asio::co_spawn(*io, accept(state_), asio::detached);
}
FakeConnectServer::~FakeConnectServer() {
  state_->acceptor.close();
}

std::uint16_t FakeConnectServer::port() const {
  return state_->acceptor.local_endpoint().port();
}
const std::string& FakeConnectServer::certificate_pem() const {
  return state_->pem;
}
const std::vector<FakeConnectServer::Call>& FakeConnectServer::calls() const {
  return state_->calls;
}
std::size_t FakeConnectServer::count(const std::string& method) const {
  return static_cast<std::size_t>(
      std::count_if(state_->calls.begin(), state_->calls.end(),
                    [&](const Call& call) { return call.method == method; }));
}
unsigned FakeConnectServer::connections() const {
  return state_->connections;
}

std::pair<std::string, std::string> make_certificate() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* cn = reinterpret_cast<const unsigned char*>("localhost");
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, cn, -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_sign(certificate, key, EVP_sha256());
  BIO* certificate_bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate_bio, certificate);
  BIO* key_bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {take_pem(certificate_bio), take_pem(key_bio)};
}

}  // namespace agp::ls
