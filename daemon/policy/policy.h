#pragma once

#include "common/config/values.h"
#include "daemon/policy/path.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agp::policy {

/// What happens to a connection once its ClientHello was read.
enum class Action {
  inspect,  // end TLS here and read a copy
  tunnel,   // pass the octets on, TLS untouched
  block,    // close
};

[[nodiscard]] const char* name(Action action);

/// `where` is always the place that decided: "policy.yaml:12" (relative to the configuration's
/// folder), or "built-in".
inline constexpr char kBuiltIn[] = "built-in";

struct HostRule {
  config::HostPattern match;
  Action action = Action::tunnel;
  /// Handshakes that the client breaks off because it does not trust us, after which the host is
  /// tunnelled; 0: never.
  std::uint32_t tunnel_after_refusals = 0;
  std::string where = kBuiltIn;

  friend bool operator==(const HostRule&, const HostRule&) = default;
};

/// One method and path rule of one host.
struct HttpRule {
  std::vector<std::string> methods;  // case-sensitive; empty: any
  PathPattern path;
  bool is_allowed = true;
  std::string reason;  // what the client is told
  std::string where = kBuiltIn;

  friend bool operator==(const HttpRule&, const HttpRule&) = default;
};

struct HeaderEdit {
  enum class Direction { request, response };
  enum class Op {
    set,     // all fields of this name are replaced by one; added where there was none
    remove,  // all fields of this name
  };
  Direction direction = Direction::request;
  Op op = Op::set;
  std::string name;   // lower case; never one that is_refused_header
  std::string value;  // of set: visible ASCII, spaces and tabs inside
  std::string where = kBuiltIn;

  friend bool operator==(const HeaderEdit&, const HeaderEdit&) = default;
};

/// What is done to the system instruction of a model request.
struct SystemInstruction {
  enum class Mode { add, replace };
  Mode mode = Mode::add;
  std::string text;
  std::string where = kBuiltIn;

  friend bool operator==(const SystemInstruction&, const SystemInstruction&) = default;
};

/// A request for model `from` becomes one for `to`. Whole names; a `from` of "*" is each model that
/// no other element of the list names.
struct ModelMap {
  std::string from;
  std::string to;
  std::string where = kBuiltIn;

  friend bool operator==(const ModelMap&, const ModelMap&) = default;
};

/// What the rewriting relay changes at one host.
struct HostEdits {
  std::vector<HeaderEdit> headers;  // in the order of the file
  /// Accept-Encoding of requests is cut down to what we decode.
  bool limit_accept_encoding = false;
  std::string limit_accept_encoding_where = kBuiltIn;
  std::optional<SystemInstruction> system_instruction;
  std::vector<ModelMap> map_model;  // no name twice

  /// Changes what the model is asked: shown in `status`.
  [[nodiscard]] bool has_request_rules() const { return system_instruction || !map_model.empty(); }
  [[nodiscard]] bool empty() const {
    return headers.empty() && !limit_accept_encoding && !has_request_rules();
  }

  friend bool operator==(const HostEdits&, const HostEdits&) = default;
};

/// One element of `http`: all that is done at the hosts it matches.
struct HttpEntry {
  config::HostPattern match;
  std::vector<HttpRule> rules;
  HostEdits edits;
  std::string where = kBuiltIn;

  [[nodiscard]] bool needs_rewriting() const { return !rules.empty() || !edits.empty(); }

  friend bool operator==(const HttpEntry&, const HttpEntry&) = default;
};

/// What a policy is made of, with the place each part was written at.
struct Parts {
  std::vector<HostRule> hosts;
  Action fallback = Action::tunnel;  // never inspect: certificates are minted for listed names only
  std::string fallback_where = kBuiltIn;
  Action unnamed = Action::tunnel;  // never inspect
  std::string unnamed_where = kBuiltIn;
  std::vector<HttpEntry> http;

  friend bool operator==(const Parts&, const Parts&) = default;
};

struct Decision {
  Action action = Action::tunnel;
  bool rewrites = false;  // inspect, by the rewriting relay
  std::uint32_t tunnel_after_refusals = 0;
  std::string where;

  friend bool operator==(const Decision&, const Decision&) = default;
};

struct HttpVerdict {
  bool allowed = true;
  std::string reason;  // for the client, when not allowed
  std::string where;   // empty: no rule matched

  friend bool operator==(const HttpVerdict&, const HttpVerdict&) = default;
};

/// What is opened, passed on or closed, and what may be asked of opened hosts. Immutable; shared as
/// `std::shared_ptr<const Policy>`.
///
/// Hosts: of the rules that match, the most specific one decides: an exact name before any pattern,
/// then the pattern with more literal characters, then the rule that comes later in the list. The
/// elements of `http` are chosen the same way, and the chosen one alone applies.
///
/// Paths: of the rules of that element whose method and path match, the most specific one decides:
/// an exact path before any pattern, then the longer literal beginning, then more literal
/// characters, then a rule that names methods before one for any, then the later rule. Without a
/// match the request is allowed. A path that servers may read in several ways is judged in each of
/// them, and a block in one of them blocks.
class Policy {
 public:
  /// @pre fallback and unnamed are not inspect (assert).
  explicit Policy(Parts parts = {});

  /// @param host  as the client sent it: any case, a trailing dot is ignored. Without one, or with
  ///              an IP address or nonsense in it, the rule for connections without a name applies.
  [[nodiscard]] Decision decide(std::optional<std::string_view> host) const;

  /// Whether the request may pass. For hosts without an element in `http`: always.
  /// @param target  the request target of HTTP/1 or `:path` of HTTP/2, as sent.
  [[nodiscard]] HttpVerdict check(std::string_view host,
                                  std::string_view method,
                                  std::string_view target) const;

  /// What is changed at this host; null: nothing. Lives as long as the policy.
  [[nodiscard]] const HostEdits* edits(std::string_view host) const;

  /// The element of `http` for this host; null: none.
  [[nodiscard]] const HttpEntry* http_entry(std::string_view host) const;

  /// The patterns whose rule says `inspect`: what the certificate authority is constrained to.
  [[nodiscard]] std::vector<config::HostPattern> inspected() const;

  /// Whether every host that `pattern` may stand for is inspected, but for those that a more
  /// specific rule takes away.
  [[nodiscard]] bool inspects_all_of(const config::HostPattern& pattern) const;

  [[nodiscard]] const Parts& parts() const { return parts_; }

 private:
  Parts parts_;
};

/// Names that no header edit may touch: what frames the message, belongs to one hop or names the
/// host. They are decided by the relay, and a wrong one makes two ends disagree about a message.
/// @param name  lower case.
[[nodiscard]] bool is_refused_header(std::string_view name);
/// A field name of RFC 9110: token characters, at least one.
[[nodiscard]] bool is_token(std::string_view text);
/// A field value that is one line of visible ASCII with spaces and tabs inside only.
[[nodiscard]] bool is_field_value(std::string_view text);

}  // namespace agp::policy
