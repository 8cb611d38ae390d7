#include "daemon/tls/client_hello.h"

#include "daemon/tls/openssl.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace agp::tls {
namespace {

using Progress = ClientHelloReader::Progress;

Buffer to_buffer(std::string_view text) {
  Buffer out;
  append(out, as_bytes(text));
  return out;
}

void put(Buffer& to, std::size_t value, int octets) {
  for (int i = octets - 1; i >= 0; --i) {
    to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
}

Buffer vector_of(int length_octets, Bytes content) {
  Buffer out;
  put(out, content.size(), length_octets);
  append(out, content);
  return out;
}

Buffer extension(std::size_t type, Bytes body) {
  Buffer out;
  put(out, type, 2);
  append(out, vector_of(2, body));
  return out;
}

Buffer server_name(std::string_view name) {
  Buffer entry = {0};
  append(entry, vector_of(2, as_bytes(name)));
  return extension(0, vector_of(2, entry));
}

Buffer message(const std::vector<Buffer>& extensions) {
  Buffer body = {3, 3};
  body.resize(34, 0xAB);
  append(body, vector_of(1, {}));
  append(body, vector_of(2, Buffer{0x13, 0x01}));
  append(body, vector_of(1, Buffer{0}));
  Buffer all;
  for (const auto& one : extensions) {
    append(all, one);
  }
  append(body, vector_of(2, all));
  Buffer out = {1};
  append(out, vector_of(3, body));
  return out;
}

Buffer in_records(Bytes handshake, std::size_t record_size) {
  Buffer out;
  while (!handshake.empty()) {
    const auto part = handshake.first(std::min(record_size, handshake.size()));
    append(out, Buffer{22, 3, 1});
    append(out, vector_of(2, part));
    handshake = handshake.subspan(part.size());
  }
  return out;
}

Buffer wire(const std::vector<Buffer>& extensions) {
  return in_records(message(extensions), 16'384);
}

/// What OpenSSL really sends.
Buffer openssl_hello(const char* host, std::string_view alpn, int version) {
  const SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), version);
  const SslPtr ssl(SSL_new(context.get()));
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), in, out);
  if (host != nullptr) {
    SSL_set_tlsext_host_name(ssl.get(), host);
  }
  if (!alpn.empty()) {
    SSL_set_alpn_protos(ssl.get(), as_bytes(alpn).data(), static_cast<unsigned>(alpn.size()));
  }
  (void)SSL_connect(ssl.get());  // wants the answer, which never comes
  clear_openssl_errors();
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out, &data);
  return to_buffer({data, static_cast<std::size_t>(size)});
}

Result<ClientHello> read_all(Bytes bytes) {
  ClientHelloReader reader;
  const auto progress = reader.feed(bytes);
  if (!progress) {
    return progress.error();
  }
  if (*progress != Progress::done) {
    return Error(boost::system::errc::make_error_code(boost::system::errc::message_size), "short");
  }
  return reader.hello();
}

boost::system::error_code error_of(Bytes bytes) {
  ClientHelloReader reader;
  const auto progress = reader.feed(bytes);
  return progress ? boost::system::error_code() : progress.error().code;
}

struct Sample {
  std::string name;
  Buffer wire;
  ClientHello hello;
};

std::vector<Sample> samples() {
  std::vector<Sample> out;
  out.push_back({"OpenSSL, TLS 1.3, h2 and http/1.1",
                 openssl_hello("Api.OpenAI.com", std::string("\x02h2\x08http/1.1"), TLS1_3_VERSION),
                 {"api.openai.com", {"h2", "http/1.1"}, {0x0304, 0x0303}, false}});
  out.push_back({"OpenSSL, TLS 1.2, neither SNI nor ALPN",
                 openssl_hello(nullptr, {}, TLS1_2_VERSION),
                 {std::nullopt, {}, {0x0303}, false}});
  const auto chrome = message({
      extension(0x3A3A, {}),
      server_name("daily-cloudcode-pa.googleapis.com."),
      extension(43, Buffer{6, 0xAA, 0xAA, 3, 4, 3, 3}),
      extension(51, Buffer(1'216, 7)),  // X25519MLKEM768
      extension(16, to_buffer(std::string("\0\x0c\x02h2\x08http/1.1", 14))),
      extension(0xFE0D, Buffer(200, 1)),
      extension(0x4A4A, Buffer{0}),
  });
  const ClientHello expected = {
      "daily-cloudcode-pa.googleapis.com", {"h2", "http/1.1"}, {0x0304, 0x0303}, true};
  out.push_back({"hybrid key share, GREASE, ECH", in_records(chrome, 16'384), expected});
  out.push_back({"the same in records of 100 octets", in_records(chrome, 100), expected});
  out.push_back({"records of one octet",
                 in_records(message({server_name("a.example")}), 1),
                 {"a.example", {}, {0x0303}, false}});
  out.push_back({"no extensions",
                 [] {
                   Buffer body = message({});
                   body.resize(body.size() - 2);
                   body[3] = static_cast<std::uint8_t>(body[3] - 2);
                   return in_records(body, 16'384);
                 }(),
                 {std::nullopt, {}, {0x0303}, false}});
  return out;
}

// threat-model 58
TEST(ClientHelloReader, ReadsEverySampleAtEverySplit) {
  for (const auto& sample : samples()) {
    const Bytes all(sample.wire);
    for (std::size_t cut = 0; cut <= all.size(); ++cut) {
      ClientHelloReader reader;
      const auto first = reader.feed(all.first(cut));
      ASSERT_TRUE(first) << sample.name << " cut at " << cut << ": " << first.error().text();
      ASSERT_EQ(*first, cut == all.size() ? Progress::done : Progress::need_more) << sample.name;
      const auto second = reader.feed(all.subspan(cut));
      ASSERT_TRUE(second) << sample.name << " cut at " << cut << ": " << second.error().text();
      ASSERT_EQ(*second, Progress::done);
      ASSERT_EQ(reader.hello(), sample.hello) << sample.name << " cut at " << cut;
    }
  }
}

// threat-model 58
TEST(ClientHelloReader, ReadsOctetByOctet) {
  for (const auto& sample : samples()) {
    ClientHelloReader reader;
    for (std::size_t i = 0; i < sample.wire.size(); ++i) {
      const auto progress = reader.feed(Bytes(sample.wire).subspan(i, 1));
      ASSERT_TRUE(progress);
      ASSERT_EQ(*progress == Progress::done, i + 1 == sample.wire.size()) << sample.name;
    }
    EXPECT_EQ(reader.hello(), sample.hello) << sample.name;
  }
}

TEST(ClientHelloReader, IgnoresWhatFollows) {
  auto bytes = wire({server_name("a.example")});
  append(bytes, as_bytes("early data or anything"));
  ASSERT_TRUE(read_all(bytes));
  EXPECT_EQ(read_all(bytes)->server_name, "a.example");
}

TEST(ClientHelloReader, OtherProtocolsAreNotTls) {
  EXPECT_EQ(error_of(as_bytes("GET / HTTP/1.1\r\n")), Errc::not_tls);
  EXPECT_EQ(error_of(as_bytes("SSH-2.0-x\r\n")), Errc::not_tls);
  EXPECT_EQ(error_of(Buffer{0x80, 0x2E, 1, 0, 2}), Errc::not_tls);  // SSLv2
  EXPECT_EQ(error_of(Buffer{22, 2, 0}), Errc::not_tls);
  EXPECT_EQ(error_of(Buffer{0}), Errc::not_tls);
}

TEST(ClientHelloReader, SaysNotTlsAtTheFirstOctet) {
  ClientHelloReader reader;
  ASSERT_FALSE(reader.feed(as_bytes("G")));
  const auto again = reader.feed(wire({}));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::not_tls);
}

TEST(ClientHelloReader, RefusesBadRecords) {
  EXPECT_EQ(error_of(Buffer{22, 3, 1, 0, 0}), Errc::malformed);
  EXPECT_EQ(error_of(Buffer{22, 3, 1, 0x40, 1}), Errc::malformed);
  EXPECT_EQ(error_of(Buffer{22, 3, 1, 0, 1, 2}), Errc::malformed);  // a ServerHello
  // An alert in the middle of the hello.
  EXPECT_EQ(error_of(Buffer{22, 3, 1, 0, 2, 1, 0, 21, 3, 1, 0, 2, 2, 40}), Errc::malformed);
}

// threat-model 58
TEST(ClientHelloReader, RefusesAnAnnouncedLengthOverTheLimitAtOnce) {
  EXPECT_EQ(error_of(Buffer{22, 3, 1, 0, 4, 1, 1, 0, 1}), Errc::too_large);
}

// threat-model 58
TEST(ClientHelloReader, TheLimitCountsRecordHeaders) {
  const auto handshake = message({server_name("a.example"), extension(21, Buffer(40'000, 0))});
  EXPECT_TRUE(read_all(in_records(handshake, 16'384)));
  EXPECT_EQ(error_of(in_records(handshake, 2)), Errc::too_large);
  const auto one = wire({server_name("a.example")});
  ClientHelloReader exact(one.size());
  ClientHelloReader short_by_one(one.size() - 1);
  EXPECT_TRUE(exact.feed(one));
  const auto refused = short_by_one.feed(one);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::too_large);
}

// threat-model 54
TEST(ClientHelloReader, RefusesBadNames) {
  EXPECT_EQ(error_of(wire({server_name("")})), Errc::malformed);
  EXPECT_EQ(error_of(wire({server_name("a b.example")})), Errc::malformed);
  EXPECT_EQ(error_of(wire({server_name(std::string_view("a\0.example", 10))})), Errc::malformed);
  EXPECT_EQ(error_of(wire({server_name("*.example")})), Errc::malformed);
  EXPECT_EQ(error_of(wire({server_name(std::string(254, 'a'))})), Errc::malformed);
  EXPECT_EQ(error_of(wire({extension(0, {})})), Errc::malformed);
  EXPECT_EQ(error_of(wire({extension(0, Buffer{0, 0})})), Errc::malformed);
  EXPECT_EQ(error_of(wire({extension(0, Buffer{0, 4, 1, 0, 1, 'a'})})), Errc::malformed);
  EXPECT_EQ(error_of(wire({extension(0, Buffer{0, 8, 0, 0, 1, 'a', 0, 0, 1, 'b'})})),
            Errc::malformed);
  EXPECT_EQ(error_of(wire({server_name("a.example"), server_name("b.example")})), Errc::malformed);
}

// threat-model 54
TEST(ClientHelloReader, AnAddressInTheNameIsNoName) {
  for (const auto* name : {"192.0.2.1", "2001:db8::1"}) {
    const auto hello = read_all(wire({server_name(name)}));
    ASSERT_TRUE(hello) << name;
    EXPECT_FALSE(hello->server_name) << name;
  }
}

TEST(ClientHelloReader, RefusesBadLists) {
  EXPECT_EQ(error_of(wire({extension(16, Buffer{0, 0})})), Errc::malformed);
  EXPECT_EQ(error_of(wire({extension(16, Buffer{0, 1, 0})})), Errc::malformed);
  EXPECT_EQ(error_of(wire({extension(16, Buffer{0, 2, 5, 'a'})})), Errc::malformed);
  EXPECT_EQ(error_of(wire({extension(16, Buffer{0, 2, 1, 'a', 0})})), Errc::malformed);
  EXPECT_EQ(error_of(wire({extension(43, Buffer{0})})), Errc::malformed);
  EXPECT_EQ(error_of(wire({extension(43, Buffer{3, 3, 4, 3})})), Errc::malformed);
}

TEST(ClientHelloReader, EveryTruncationOfTheMessageIsRefused) {
  // The record and message lengths are those of the shorter message, so only the inside is wrong.
  const auto whole = message({server_name("a.example"), extension(16, Buffer{0, 3, 2, 'h', '2'})});
  for (std::size_t size = 4; size < whole.size(); ++size) {
    Buffer cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto body = size - 4;
    cut[1] = 0;
    cut[2] = static_cast<std::uint8_t>(body >> 8U);
    cut[3] = static_cast<std::uint8_t>(body);
    const bool has_no_extensions = body == 2 + 32 + 1 + 4 + 2;
    EXPECT_EQ(error_of(in_records(cut, 16'384)) == Errc::malformed, !has_no_extensions) << size;
  }
}

TEST(ClientHelloReader, MutationsNeverCrashAndNeverDependOnTheSplit) {
  std::mt19937 random(20'260'101);  // NOLINT(cert-msc51-cpp): the same run every time
  for (const auto& sample : samples()) {
    for (int round = 0; round < 200; ++round) {
      Buffer bytes = sample.wire;
      for (auto n = 1 + random() % 3; n > 0; --n) {
        bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
      }
      const auto whole = read_all(bytes);
      ClientHelloReader reader;
      const auto cut = random() % bytes.size();
      auto progress = reader.feed(Bytes(bytes).first(cut));
      if (progress) {
        progress = reader.feed(Bytes(bytes).subspan(cut));
      }
      ASSERT_EQ(whole.has_value(), progress && *progress == Progress::done) << sample.name;
      if (whole) {
        ASSERT_EQ(*whole, reader.hello());
      }
    }
  }
}

TEST(TlsErrors, HaveTextsOfTheirOwn) {
  EXPECT_EQ(make_error_code(Errc::not_tls).message(), "not a TLS ClientHello");
  EXPECT_STREQ(tls_category().name(), "tls");
}

}  // namespace
}  // namespace agp::tls
