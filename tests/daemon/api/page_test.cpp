#include "daemon/api/page.h"

#include "daemon/api/codec.h"
#include "daemon/api/router.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <zlib.h>

namespace agp::api {
namespace {

constexpr std::size_t kBudget = 300UL * 1024;

Request get(std::vector<Header> headers = {}) {
  Request request;
  request.method = "GET";
  request.path = "/";
  request.headers = std::move(headers);
  return request;
}

std::string header(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

/// What stands in the one element of that name.
std::string_view content(std::string_view html, const std::string& element) {
  const auto open = "<" + element + ">";
  const auto begin = html.find(open) + open.size();
  return html.substr(begin, html.find("</" + element + ">") - begin);
}

std::string hash_source(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EXPECT_EQ(EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr), 1);
  unsigned char base64[4 * EVP_MAX_MD_SIZE];
  const int length = EVP_EncodeBlock(base64, digest, static_cast<int>(size));
  return "'sha256-" + std::string(base64, base64 + length) + "'";
}

std::string unpacked(std::string_view packed, std::size_t room) {
  std::string out(room, '\0');
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);  // the framing of gzip alone
  std::string in(packed);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

// threat-model 69
TEST(Page, EveryoneMayLoadItSinceItHoldsNoData) {
  for (const auto access : {Visibility::Access::unidentified, Visibility::Access::unknown_key,
                            Visibility::Access::refused}) {
    Visibility who;
    who.access = access;
    EXPECT_FALSE(route_head(get(), who).refusal);
    const auto step = handle(get(), who, {});
    ASSERT_TRUE(std::holds_alternative<Response>(step));
    EXPECT_EQ(std::get<Response>(step).body, page_document().html);
  }
}

TEST(Page, IsAskedForAndNothingElse) {
  auto post = get();
  post.method = "POST";
  const auto route = route_head(post, Visibility{});
  ASSERT_TRUE(route.refusal);
  EXPECT_EQ(route.refusal->status, 405U);
  EXPECT_EQ(route.allow, "GET, HEAD");
}

TEST(Page, ThePolicyAllowsTheScriptAndTheStyleThatAreThereAndNothingElse) {
  const auto response = answer_page(get());
  EXPECT_EQ(response.content_type, "text/html; charset=utf-8");
  const auto html = std::string_view(response.body);
  EXPECT_EQ(header(response, "Content-Security-Policy"),
            "default-src 'none'; script-src " + hash_source(content(html, "script")) +
                "; style-src " + hash_source(content(html, "style")) +
                "; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'");
  EXPECT_EQ(html.find("<script", html.find("<script>") + 1), std::string_view::npos);
  EXPECT_EQ(html.find("<style", html.find("<style>") + 1), std::string_view::npos);
  // Attributes that a policy of hashes would refuse.
  for (const char* attribute : {" style=", " onclick=", " onload=", " src="}) {
    EXPECT_EQ(html.substr(0, html.find("<style>")).find(attribute), std::string_view::npos);
    EXPECT_EQ(html.substr(html.find("</style>"), html.find("<script>") - html.find("</style>"))
                  .find(attribute),
              std::string_view::npos);
  }
}

TEST(Page, SaysWhatABrowserMayDoWithIt) {
  const auto octets = to_octets(answer_page(get()), true);
  const auto head = octets.substr(0, octets.find("\r\n\r\n"));
  for (const char* line :
       {"X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer",
        "Cross-Origin-Opener-Policy: same-origin", "Cross-Origin-Resource-Policy: same-origin",
        "Cache-Control: no-cache", "Vary: Accept-Encoding"}) {
    EXPECT_NE(head.find(std::string("\r\n") + line), std::string::npos) << line;
  }
}

TEST(Page, IsSentPackedToThoseWhoSayThatTheyUnpack) {
  for (const char* accepted : {"gzip", "br, gzip;q=0.5", "deflate ,gzip ; q=1.0"}) {
    const auto response = answer_page(get({{"accept-encoding", accepted}}));
    EXPECT_EQ(header(response, "Content-Encoding"), "gzip") << accepted;
    EXPECT_EQ(unpacked(response.body, page_document().html.size() + 1), page_document().html);
  }
  for (const char* accepted : {"", "br", "gzip;q=0", "gzip; q=0.000", "xgzip", "identity"}) {
    const auto response = answer_page(get({{"accept-encoding", accepted}}));
    EXPECT_EQ(header(response, "Content-Encoding"), "") << accepted;
    EXPECT_EQ(response.body, page_document().html);
  }
}

TEST(Page, IsNotSentTwice) {
  const auto tag = header(answer_page(get()), "ETag");
  ASSERT_TRUE(tag.starts_with("W/\""));
  for (const auto& known : {tag, tag.substr(2), "\"other\", " + tag, std::string("*")}) {
    const auto response = answer_page(get({{"If-None-Match", known}}));
    EXPECT_EQ(response.status, 304U) << known;
    EXPECT_TRUE(response.body.empty());
    EXPECT_EQ(header(response, "ETag"), tag);
    EXPECT_FALSE(header(response, "Content-Security-Policy").empty());
  }
  for (const char* known : {"", "\"other\"", "W/\"\""}) {
    EXPECT_EQ(answer_page(get({{"If-None-Match", known}})).status, 200U) << known;
  }
}

TEST(Page, AsksForNothingFromElsewhere) {
  const auto html = page_document().html;
  for (std::size_t at = html.find("//"); at != std::string_view::npos;
       at = html.find("//", at + 1)) {
    const auto before = html.substr(at < 6 ? 0 : at - 6, at < 6 ? at : 6);
    if (!before.ends_with(":")) {
      continue;
    }
    // A name of the namespace of SVG, and the address of the daemon in a command to type.
    const auto after = html.substr(at + 2, 14);
    EXPECT_TRUE(after.starts_with("www.w3.org") || after.starts_with("localhost:8741"))
        << html.substr(at - 6, 60);
  }
}

TEST(Page, IsSmall) {
  EXPECT_LT(page_document().packed.size(), kBudget);
}

}  // namespace
}  // namespace agp::api
