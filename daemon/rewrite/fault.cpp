#include "daemon/rewrite/fault.h"

#include <cstdio>

namespace agp::rewrite {
namespace {

void append_escaped(std::string& to, std::string_view text) {
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      to += '\\';
      to += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      (void)std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      to += escape;
    } else {
      to += c;
    }
  }
}

std::string_view hint_for(const Fault& fault) {
  switch (fault.status) {
    case 414:
    case 431:
      return "Send a shorter request line or fewer and shorter header fields.";
    case 421:
      return "Open a connection of its own to each host: Host must be the name given in TLS.";
    case 502:
      return "The server's answer was not passed on; nothing is wrong with the request.";
    default:
      return "The connection is closed. antigravity-proxy passes on only requests that every HTTP "
             "server understands in the same way.";
  }
}

}  // namespace

Answer answer_for(const Fault& fault) {
  return {fault.status, fault.status == 502 ? "upstream_error" : "invalid_request",
          std::string(fault.code), std::string(fault.message), std::string(hint_for(fault))};
}

Answer blocked_answer(std::string reason, std::string_view where) {
  Answer answer;
  answer.type = "policy_blocked";
  answer.code = "blocked_by_policy";
  answer.message = reason.empty() ? "Policy forbids this request." : std::move(reason);
  answer.hint = "`antigravity-proxy policy check HOST METHOD PATH` says which rule decides";
  if (!where.empty()) {
    answer.hint += " (";
    answer.hint += where;
    answer.hint += ')';
  }
  answer.hint += '.';
  return answer;
}

unsigned grpc_status(unsigned http_status) {
  switch (http_status) {
    case 400:
      return 3;  // INVALID_ARGUMENT
    case 403:
      return 7;  // PERMISSION_DENIED
    case 405:
    case 415:
      return 12;  // UNIMPLEMENTED
    case 413:
    case 431:
      return 8;  // RESOURCE_EXHAUSTED
    case 502:
      return 14;  // UNAVAILABLE
    default:
      return 2;  // UNKNOWN
  }
}

std::string grpc_message(const Answer& answer) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string result;
  for (const char c : answer.message + ' ' + answer.hint) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet >= 0x20 && octet < 0x7f && c != '%') {
      result += c;
    } else {
      result += '%';
      result += kDigits[octet >> 4U];
      result += kDigits[octet & 0xFU];
    }
  }
  return result;
}

std::string error_json(const Answer& answer) {
  std::string json = R"({"error":{"type":")";
  append_escaped(json, answer.type);
  json += R"(","code":")";
  append_escaped(json, answer.code);
  json += R"(","message":")";
  append_escaped(json, answer.message);
  json += R"(","hint":")";
  append_escaped(json, answer.hint);
  json += "\"}}\n";
  return json;
}

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 431:
      return "Request Header Fields Too Large";
    case 502:
      return "Bad Gateway";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Refused";
  }
}

void append_answer(Buffer& to, const Answer& answer, bool closes, bool without_body) {
  const std::string json = error_json(answer);
  std::string head = "HTTP/1.1 " + std::to_string(answer.status) + ' ';
  head += reason_phrase(answer.status);
  head += "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(json.size());
  if (answer.status == 405) {
    head += "\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
  }
  head += closes ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n";
  append(to, as_bytes(head));
  if (!without_body) {
    append(to, as_bytes(json));
  }
}

}  // namespace agp::rewrite
