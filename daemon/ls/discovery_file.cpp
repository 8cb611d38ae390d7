#include "daemon/ls/discovery_file.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <openssl/sha.h>

namespace agp::ls {
namespace {

std::string first_16_hex(std::string_view text) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string hex;
  for (std::size_t i = 0; i < 8; ++i) {
    hex += kDigits[digest[i] >> 4U];
    hex += kDigits[digest[i] & 15U];
  }
  return hex;
}

/// A positive integer up to `most`; 0 for anything else.
template <class T>
T number_at(const boost::json::object& object, const char* key) {
  const boost::json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_int64()) {
    return 0;
  }
  const std::int64_t number = value->get_int64();
  return number > 0 && number <= std::numeric_limits<T>::max() ? static_cast<T>(number) : T{0};
}

std::string text_at(const boost::json::object& object, const char* key) {
  const boost::json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

std::string discovery_path(const Session& session, std::string_view home) {
  std::string path = session.gemini_dir.empty() ? ".gemini" : session.gemini_dir;
  if (!path.starts_with('/')) {
    if (!home.starts_with('/')) {
      return {};
    }
    path = std::string(home) + "/" + path;
  }
  if (session.app_data_dir.empty()) {
    return {};
  }
  return path + "/" + session.app_data_dir + "/daemon/ls_" + first_16_hex(session.workspace_id) +
         ".json";
}

std::optional<Discovery> parse_discovery(std::string_view json) {
  boost::system::error_code ec;
  const boost::json::value value = boost::json::parse({json.data(), json.size()}, ec);
  const boost::json::object* object = ec ? nullptr : value.if_object();
  if (object == nullptr) {
    return std::nullopt;
  }
  Discovery discovery;
  discovery.pid = number_at<pid_t>(*object, "pid");
  if (discovery.pid == 0) {
    return std::nullopt;
  }
  discovery.https_port = number_at<std::uint16_t>(*object, "httpsPort");
  discovery.http_port = number_at<std::uint16_t>(*object, "httpPort");
  discovery.lsp_port = number_at<std::uint16_t>(*object, "lspPort");
  discovery.csrf_token = Secret<std::string>(text_at(*object, "csrfToken"));
  discovery.version = text_at(*object, "lsVersion");
  return discovery;
}

bool complete(Session* session, Discovery discovery) {
  const bool is_its_wrapper = std::find(session->wrappers.begin(), session->wrappers.end(),
                                        discovery.pid) != session->wrappers.end();
  if (discovery.pid != session->pid && !is_its_wrapper) {
    return false;
  }
  session->https_port = discovery.https_port;
  session->http_port = discovery.http_port;
  session->lsp_port = discovery.lsp_port;
  if (session->csrf_token.empty()) {
    session->csrf_token = std::move(discovery.csrf_token);
  }
  if (session->version.empty()) {
    session->version = std::move(discovery.version);
  }
  return true;
}

}  // namespace agp::ls
