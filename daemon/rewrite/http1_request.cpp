#include "daemon/rewrite/http1_request.h"

#include <algorithm>

namespace agp::rewrite {
namespace {

Fault fault(unsigned status, std::string_view code, std::string_view message) {
  return {status, code, message};
}

/// The field is about this hop: it has a name for that, or Connection names it.
bool is_dropped(const Fields& fields, std::string_view name) {
  return is_hop_field(name) || has_token(fields, "connection", name);
}

std::optional<Fault> check_authority(const Options& options, std::string_view authority) {
  if (!options.sets_authority && !names_host(authority, options.host, options.port)) {
    return fault(421, "wrong_authority", "The request is for another host than the connection.");
  }
  return std::nullopt;
}

/// Turns an absolute-form target into its origin form.
std::optional<Fault> check_target(const Options& options, Request* request) {
  const std::string& target = request->head.target;
  if (target.front() == '/') {
    request->target = target;
    return std::nullopt;
  }
  if (target == "*" && request->head.method == "OPTIONS") {
    request->target = target;
    return std::nullopt;
  }
  const std::size_t colon = target.find("://");
  if (colon == std::string::npos) {
    return fault(400, "bad_target", "The target is neither a path nor an absolute URI.");
  }
  const std::string_view scheme = std::string_view(target).substr(0, colon);
  const bool is_known = options.sets_authority
                            ? same_name(scheme, "http") || same_name(scheme, "https")
                            : same_name(scheme, options.scheme);
  const std::string_view rest = std::string_view(target).substr(colon + 3);
  const std::size_t slash = rest.find_first_of("/?");
  if (auto wrong = check_authority(options, rest.substr(0, slash))) {
    return wrong;
  }
  if (!is_known) {
    return fault(421, "wrong_scheme", "The target's scheme is not the one of this connection.");
  }
  request->target = slash == std::string_view::npos ? "/" : std::string(rest.substr(slash));
  if (request->target.front() == '?') {
    request->target.insert(0, 1, '/');
  }
  return std::nullopt;
}

std::optional<Fault> check_host(const Options& options, const Head& head) {
  const std::size_t hosts = count(head.fields, "host");
  if (hosts > 1) {
    return fault(400, "repeated_host", "More than one Host.");
  }
  if (hosts == 0) {
    return head.minor == 0
               ? std::nullopt
               : std::optional(fault(400, "no_host", "An HTTP/1.1 request without Host."));
  }
  return check_authority(options, find(head.fields, "host")->value);
}

std::optional<Fault> check_upgrade(Request* request) {
  const Fields& fields = request->head.fields;
  if (find(fields, "upgrade") == nullptr) {
    return std::nullopt;
  }
  const auto protocols = tokens(fields, "upgrade");
  const bool is_websocket = protocols.size() == 1 && same_name(protocols.front(), "websocket") &&
                            has_token(fields, "connection", "upgrade") &&
                            request->head.method == "GET" && request->head.minor == 1 &&
                            request->body.framing == Framing::none;
  if (!is_websocket) {
    return fault(400, "upgrade_refused",
                 "Of all protocols only WebSocket can be upgraded to here.");
  }
  request->is_upgrade = true;
  return std::nullopt;
}

}  // namespace

std::optional<Fault> check_request(const Options& options, Head head, Request* into) {
  into->head = std::move(head);
  const Head& checked = into->head;
  into->body = request_body_shape(checked);
  if (into->body.fault) {
    return into->body.fault;
  }
  if (checked.method == "CONNECT" || checked.method == "TRACE") {
    return fault(405, "method_refused", "CONNECT and TRACE are not passed on.");
  }
  if (checked.target.front() == '*' && checked.method != "OPTIONS") {
    return fault(400, "bad_target", "Only OPTIONS may ask for \"*\".");
  }
  if (auto wrong = check_target(options, into)) {
    return wrong;
  }
  if (auto wrong = check_host(options, checked)) {
    return wrong;
  }
  for (const std::string_view vital : {"host", "content-length", "transfer-encoding"}) {
    if (has_token(checked.fields, "connection", vital)) {
      return fault(400, "bad_connection_field", "Connection names a field that all hops need.");
    }
  }
  if (const Field* expect = find(checked.fields, "expect")) {
    if (count(checked.fields, "expect") > 1 || !same_name(expect->value, "100-continue")) {
      return fault(417, "unknown_expectation", "Expect is something else than 100-continue.");
    }
    into->expects_continue = checked.minor == 1 && into->body.framing != Framing::none;
  }
  into->closes = checked.minor == 0 || has_token(checked.fields, "connection", "close");
  return check_upgrade(into);
}

Fields upstream_fields(const Options& options, const Rules& rules, const Request& request) {
  Fields result;
  const Fields& sent = request.head.fields;
  if (find(sent, "host") == nullptr) {
    result.push_back({"Host", options.host});
  }
  for (const Field& field : sent) {
    if (same_name(field.name, "host")) {
      result.push_back({field.name, options.sets_authority ? options.host : field.value});
    } else if (same_name(field.name, "content-length") ||
               same_name(field.name, "transfer-encoding")) {
      if (request.body.framing == Framing::chunked) {
        result.push_back({"Transfer-Encoding", "chunked"});
      } else {
        result.push_back({"Content-Length", std::to_string(request.body.length)});
      }
    } else if (same_name(field.name, "expect") && request.expects_continue) {
      result.push_back(field);
    } else if (!is_dropped(sent, field.name)) {
      result.push_back(field);
    }
  }
  limit_accept_encoding(result, rules.accept_encodings());
  apply_edits(result, rules.request_edits(), false);
  const bool takes_trailers = !request.is_upgrade && has_token(sent, "te", "trailers");
  if (request.is_upgrade) {
    result.push_back({"Connection", "Upgrade"});
    result.push_back({"Upgrade", "websocket"});
  } else if (request.closes) {
    result.push_back({"Connection", takes_trailers ? "close, TE" : "close"});
  } else if (takes_trailers) {
    result.push_back({"Connection", "TE"});
  }
  if (takes_trailers) {
    result.push_back({"TE", "trailers"});
  }
  return result;
}

Fields client_fields(const Rules& rules, const Head& head, const ResponseFraming& framing) {
  Fields result;
  for (const Field& field : head.fields) {
    if (same_name(field.name, "content-length")) {
      // With HEAD and 304 it tells what would have come.
      if (head.status >= 200 && head.status != 204) {
        result.push_back(field);
      }
    } else if (same_name(field.name, "transfer-encoding")) {
      if (framing.body.framing == Framing::chunked) {
        result.push_back({"Transfer-Encoding", "chunked"});
      }
    } else if (!is_dropped(head.fields, field.name)) {
      result.push_back(field);
    }
  }
  apply_edits(result, rules.response_edits(), false);
  if (framing.is_upgrade) {
    result.push_back({"Connection", "Upgrade"});
    result.push_back({"Upgrade", "websocket"});
  } else if (head.status >= 200 && framing.closes) {
    result.push_back({"Connection", "close"});
  } else if (head.status == 426) {
    // The one answer in which Upgrade is no hop's business but the message itself.
    if (const Field* upgrade = find(head.fields, "upgrade")) {
      result.push_back({"Connection", "Upgrade"});
      result.push_back(*upgrade);
    }
  }
  return result;
}

}  // namespace agp::rewrite
