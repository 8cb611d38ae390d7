#include "daemon/config/policy_written.h"

namespace agp::daemon_config {
namespace {

using config::Schema;
using policy::Action;

void describe_rule(Schema& element, WrittenRule* rule) {
  element.texts("methods", &rule->methods, {"any"},
                "Request methods, case-sensitive, such as [GET, POST]; any: all of them.");
  element.accept_single_value();
  element.text(
      "path", &rule->path, {},
      "Path, without query: /v1/messages; * stands for anything within one segment, ** for "
      "anything, and a * at the end for any rest.");
  element.require();
  element.choice<bool>("action", &rule->is_allowed, {}, {{"allow", true}, {"block", false}},
                       "Let the request pass, or answer it with 403.");
  element.require();
  element.text("reason", &rule->reason, "refused by the policy of this machine",
               "What the client of a blocked request is told.");
}

void describe_header(Schema& element, WrittenHeader* header) {
  using Direction = policy::HeaderEdit::Direction;
  element.choice<Direction>("direction", &header->direction, {},
                            {{"request", Direction::request}, {"response", Direction::response}},
                            "Which way the message goes.");
  element.require();
  element.text("set", &header->set, {},
               "Header field that gets `value`, in place of all fields of that name.");
  element.text("value", &header->value, {}, "Value for `set`; one line of plain ASCII.");
  element.text("remove", &header->remove, {}, "Header field that is removed.");
}

void describe_http(Schema& element, WrittenHttp* http) {
  element.host("match", &http->match,
               "Inspected host or pattern. Of several elements that match a host the most specific "
               "one alone applies, as under hosts.");
  element.require();
  element.objects<WrittenRule>(
      "rules", &http->rules, describe_rule,
      "Which requests may pass. Of the rules that match, the most specific one decides: an exact "
      "path, then the longer beginning without a star, then more characters that are no star, then "
      "named methods before any, then the later rule. What no rule matches may pass. A path that "
      "servers may read in several ways is judged in each, and a block in one of them blocks.");
  element.objects<WrittenHeader>(
      "headers", &http->headers, describe_header,
      "Header fields that are set or removed; those that frame a message, belong to one hop or "
      "name the host are refused.");
  element.choice<bool>("accept_encoding", &http->is_decodable_only, "as_sent",
                       {{"as_sent", false}, {"decodable", true}},
                       "decodable: of the content codings that a client offers only those are "
                       "passed on that can be read: gzip, deflate, br, zstd, identity.");
  element.text("request.system_instruction.add", &http->add, {},
               "Text that is added to the system instruction of each model request.");
  element.text("request.system_instruction.replace", &http->replace, {},
               "Text that takes the place of the system instruction of each model request.");
  element.objects<WrittenModel>(
      "request.map_model", &http->models,
      [](Schema& inner, WrittenModel* model) {
        inner.text("from", &model->from, {},
                   "Name of the model that is asked for; * for each that no other element names.");
        inner.require();
        inner.text("to", &model->to, {}, "Name of the model that is asked instead.");
        inner.require();
      },
      "Requests for one model that become requests for another one.");
}

void describe_host(Schema& element, WrittenHost* rule) {
  element.host("match", &rule->match,
               "Host name or pattern: *.example.com, *-api.example.com, autopush-*.");
  element.require();
  element.choice<Action>(
      "action", &rule->action, {},
      {{"inspect", Action::inspect}, {"tunnel", Action::tunnel}, {"block", Action::block}},
      "Open it and read usage, pass it on untouched, or close it.");
  element.require();
  element.integer<std::uint32_t>(
      "on_client_refusal.tunnel_after", &rule->tunnel_after, 0, 0, 1'000,
      "After so many handshakes that the client broke off because it does not trust our "
      "certificate, the host is tunnelled unread; 0: never.");
}

}  // namespace

Schema schema_of(Written* file, bool is_corp) {
  Schema schema;
  // inspect is known here so that its refusal below can say why.
  const config::Choices<Action> actions = {
      {"tunnel", Action::tunnel}, {"block", Action::block}, {"inspect", Action::inspect}};
  schema.choice<Action>(
      "default", &file->fallback, "tunnel", actions,
      "What happens to hosts that neither capture.inspect nor a rule names. inspect is refused: "
      "only listed hosts can be opened.");
  schema.choice<Action>(
      "unnamed", &file->unnamed, {}, actions,
      "What happens to connections that name no host (no or encrypted server name, or an "
      "address): tunnel or block; without it, what default says.");
  schema.objects<WrittenHost>(
      "hosts", &file->hosts, describe_host,
      "Rules over capture.inspect. The most specific match decides: exact names first, then the "
      "pattern with more literal characters, then the later rule.");
  schema.objects<WrittenHttp>(
      "http", &file->http, describe_http,
      "What may be asked of inspected hosts, and what is changed on the way. Hosts with an element "
      "here are relayed by rewriting.");
  if (is_corp) {
    schema.texts("lock", &file->lock, {},
                 "Keys of policy.yaml that are ignored, with a warning: default, unnamed, hosts, "
                 "http, http.rules, http.headers, http.accept_encoding, http.request.");
  }
  return schema;
}

}  // namespace agp::daemon_config
