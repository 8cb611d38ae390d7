#include "daemon/rewrite/http2_message.h"

#include "daemon/rewrite/limits.h"

#include <algorithm>

namespace agp::rewrite {
namespace {

bool is_path(std::string_view path, std::string_view method) {
  const bool is_visible = std::ranges::all_of(path, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet > 0x20 && octet < 0x7f && c != '#';
  });
  return is_visible && (path.starts_with('/') || (path == "*" && method == "OPTIONS"));
}

}  // namespace

std::vector<nghttp2_nv> pairs(const Fields& fields) {
  std::vector<nghttp2_nv> result;
  result.reserve(fields.size());
  for (const Field& field : fields) {
    // nghttp2 copies both; its interface is only not const.
    result.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(field.name.data())),
                      reinterpret_cast<std::uint8_t*>(const_cast<char*>(field.value.data())),
                      field.name.size(), field.value.size(),
                      static_cast<std::uint8_t>(field.never_indexed ? NGHTTP2_NV_FLAG_NO_INDEX
                                                                    : NGHTTP2_NV_FLAG_NONE)});
  }
  return result;
}

std::string value_of(const Fields& fields, std::string_view name) {
  const Field* field = find(fields, name);
  return field == nullptr ? std::string() : field->value;
}

std::string grpc_type(const Fields& fields) {
  constexpr std::size_t kLongest = 64;
  const Field* type = find(fields, "content-type");
  if (type == nullptr || !type->value.starts_with("application/grpc")) {
    return {};
  }
  return type->value.size() <= kLongest ? type->value : "application/grpc";
}

Answer bad_request(unsigned status, std::string_view code, std::string_view message) {
  return answer_for({status, code, message});
}

std::optional<Answer> check_request(const Options& options, Fields* fields) {
  const std::string method = value_of(*fields, ":method");
  const std::string protocol = value_of(*fields, ":protocol");
  if (!is_token(method)) {
    return bad_request(400, "bad_method", "The method is no token.");
  }
  if (method == "TRACE" || (method == "CONNECT" && protocol.empty())) {
    return bad_request(405, "method_refused", "CONNECT and TRACE are not passed on.");
  }
  if (!protocol.empty() && protocol != "websocket") {
    return bad_request(400, "upgrade_refused",
                       "Of all protocols only WebSocket can be connected to here.");
  }
  const std::string path = value_of(*fields, ":path");
  if (path.size() > kMaxStartLineBytes) {
    return bad_request(414, "start_line_too_long", "The path is longer than 8 KiB.");
  }
  if (!is_path(path, method)) {
    return bad_request(400, "bad_target", "The path has characters that no path has.");
  }
  const Field* authority = find(*fields, ":authority");
  for (const Field& field : *fields) {
    const bool names_us = same_name(field.name, ":authority") || same_name(field.name, "host");
    if (names_us && !options.sets_authority &&
        !names_host(field.value, options.host, options.port)) {
      return bad_request(421, "wrong_authority",
                         "The request is for another host than the connection.");
    }
  }
  if (count(*fields, "host") + (authority == nullptr ? 0 : 1) == 0 || count(*fields, "host") > 1) {
    return bad_request(400, "no_host", "A request must name its host exactly once.");
  }
  const std::string scheme = value_of(*fields, ":scheme");
  if (options.sets_authority ? scheme != "http" && scheme != "https" : scheme != options.scheme) {
    return bad_request(421, "wrong_scheme", "The scheme is not the one of this connection.");
  }
  // One authority, in the pseudo field, where every server looks first.
  const std::string name = options.sets_authority ? options.host
                           : authority != nullptr ? authority->value
                                                  : value_of(*fields, "host");
  const bool has_pseudo = authority != nullptr;
  std::erase_if(*fields, [](const Field& f) { return f.name == "host"; });
  if (!has_pseudo) {
    const auto first_plain =
        std::ranges::find_if(*fields, [](const Field& f) { return !f.name.starts_with(':'); });
    fields->insert(first_plain, Field{":authority", ""});
  }
  for (Field& field : *fields) {
    if (field.name == ":authority") {
      field.value = name;
    }
  }
  if (options.sets_authority) {
    for (Field& field : *fields) {
      if (field.name == ":scheme") {
        field.value = "https";
      }
    }
  }
  return std::nullopt;
}

}  // namespace agp::rewrite
