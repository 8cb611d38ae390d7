#include "daemon/config/policy_files.h"

#include "daemon/config/policy_written.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace agp::daemon_config {
namespace {

using config::Checked;
using config::Fault;
using config::Faults;
using config::HostPattern;
using config::Schema;
using policy::Action;

constexpr std::size_t kMaxReason = 200;
constexpr std::size_t kMaxInstruction = 64U << 10U;

// What corp.yaml may lock. A part of `http` locks that part of every element.
constexpr std::string_view kLockable[] = {
    "default",     "unnamed", "hosts", "http", "http.rules", "http.headers", "http.accept_encoding",
    "http.request"};

/// One file with its drop-ins. The schema fills `file`, so that this cannot be moved.
struct Source {
  Source(std::string name, bool corp)
      : main_file(std::move(name)), is_corp(corp), schema(schema_of(&file, corp)) {}
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  Source(Source&&) = delete;
  Source& operator=(Source&&) = delete;
  ~Source() = default;

  [[nodiscard]] bool has(const std::string& key) const { return schema.position(key).has_value(); }
  [[nodiscard]] std::string where(const std::string& key) const {
    const auto at = schema.position(key);
    return at ? where_text(*at, main_file) : policy::kBuiltIn;
  }
  void refuse(const std::string& key, std::string message) {
    faults.list.push_back(schema.fault(key, std::move(message), main_file));
  }

  Written file;
  std::string main_file;
  bool is_corp;
  Schema schema;
  Faults faults;
};

std::string element(const char* list, std::size_t i) {
  return std::string(list) + '[' + std::to_string(i) + ']';
}

// --- What a value by itself cannot show -----------------------------------------------------

bool is_one_line(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; });
}

void check_rule(Source& source, const std::string& at, const WrittenRule& rule) {
  for (std::size_t i = 0; i < rule.methods.size(); ++i) {
    if (!policy::is_token(rule.methods[i])) {
      source.refuse(
          element((at + ".methods").c_str(), i),
          "expected a request method such as POST, got " + config::in_quotes(rule.methods[i]));
    }
  }
  const bool has_any =
      std::find(rule.methods.begin(), rule.methods.end(), "any") != rule.methods.end();
  if (rule.methods.empty() || (has_any && rule.methods.size() > 1)) {
    source.refuse(at + ".methods", "expected any alone or a list of methods");
  }
  if (!policy::PathPattern::parse(rule.path)) {
    source.refuse(at + ".path",
                  "expected a path such as /v1/messages or /v1/models/*, without query, fragment, "
                  "spaces and dot segments, got " +
                      config::in_quotes(rule.path));
  }
  if (rule.reason.size() > kMaxReason || !is_one_line(rule.reason)) {
    source.refuse(at + ".reason",
                  "expected one line of at most " + std::to_string(kMaxReason) + " characters");
  }
}

void check_header(Source& source, const std::string& at, const WrittenHeader& header) {
  if (header.set.empty() == header.remove.empty()) {
    source.refuse(at, "expected one of set and remove");
    return;
  }
  if (header.set.empty() != header.value.empty()) {
    source.refuse(at, "set needs a value, and remove must not have one");
  } else if (!header.value.empty() && !policy::is_field_value(header.value)) {
    // Not shown: it may be a credential.
    source.refuse(at + ".value", "expected one line of plain ASCII without spaces around it");
  }
  const auto& key = header.set.empty() ? header.remove : header.set;
  const auto key_at = at + (header.set.empty() ? ".remove" : ".set");
  std::string lower = key;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (policy::is_refused_header(lower)) {
    source.refuse(key_at, config::in_quotes(key) +
                              " frames the message, belongs to one hop or names the host; it "
                              "cannot be edited");
  } else if (!policy::is_token(key)) {
    source.refuse(key_at, "expected the name of a header field, got " + config::in_quotes(key));
  }
}

void check_http(Source& source, const std::string& at, const WrittenHttp& http) {
  for (std::size_t i = 0; i < http.rules.size(); ++i) {
    check_rule(source, element((at + ".rules").c_str(), i), http.rules[i]);
  }
  for (std::size_t i = 0; i < http.headers.size(); ++i) {
    check_header(source, element((at + ".headers").c_str(), i), http.headers[i]);
  }
  const auto instruction = at + ".request.system_instruction";
  if (!http.add.empty() && !http.replace.empty()) {
    source.refuse(instruction + ".replace", "add and replace cannot be used together");
  }
  for (const auto* text : {&http.add, &http.replace}) {
    if (text->size() > kMaxInstruction) {
      source.refuse(instruction + (text == &http.add ? ".add" : ".replace"),
                    "expected at most 64 KiB of text");
    }
  }
  for (std::size_t i = 0; i < http.models.size(); ++i) {
    const auto& model = http.models[i];
    for (std::size_t j = 0; j < i; ++j) {
      if (http.models[j].from == model.from) {
        source.refuse(element((at + ".request.map_model").c_str(), i) + ".from",
                      "this model is already mapped in " +
                          source.where(element((at + ".request.map_model").c_str(), j)));
      }
    }
    if (model.to == "*") {
      source.refuse(element((at + ".request.map_model").c_str(), i) + ".to",
                    "expected the name of one model; * has a meaning for from only");
    }
    if (!is_one_line(model.from) || !is_one_line(model.to)) {
      source.refuse(element((at + ".request.map_model").c_str(), i),
                    "expected names of models on one line each");
    }
  }
}

void check(Source& source) {
  for (const auto& [key, action] :
       {std::pair("default", source.file.fallback), std::pair("unnamed", source.file.unnamed)}) {
    if (action == Action::inspect) {
      source.refuse(key,
                    "cannot be inspect: certificates are made for listed hosts only; list them "
                    "under hosts");
    }
  }
  for (std::size_t i = 0; i < source.file.hosts.size(); ++i) {
    const auto& host = source.file.hosts[i];
    if (host.action == Action::inspect && !can_be_inspected(host.match)) {
      source.refuse(element("hosts", i) + ".match", kTooWide);
    }
    if (host.tunnel_after != 0 && host.action != Action::inspect) {
      source.refuse(element("hosts", i) + ".on_client_refusal.tunnel_after",
                    "has a meaning for action inspect only");
    }
  }
  for (std::size_t i = 0; i < source.file.http.size(); ++i) {
    const auto& http = source.file.http[i];
    check_http(source, element("http", i), http);
    for (std::size_t j = 0; j < i; ++j) {
      if (source.file.http[j].match == http.match) {
        source.refuse(element("http", i) + ".match", "already has an element in " +
                                                         source.where(element("http", j)) +
                                                         "; write both as one");
        break;
      }
    }
  }
  for (std::size_t i = 0; i < source.file.lock.size(); ++i) {
    if (std::find(std::begin(kLockable), std::end(kLockable), source.file.lock[i]) ==
        std::end(kLockable)) {
      source.refuse(element("lock", i),
                    "expected one of default, unnamed, hosts, http, http.rules, http.headers, "
                    "http.accept_encoding, http.request, got " +
                        config::in_quotes(source.file.lock[i]));
    }
  }
}

// --- From what is written to what holds -----------------------------------------------------

policy::HttpRule rule_of(const Source& source, const std::string& at, const WrittenRule& written) {
  policy::HttpRule rule;
  if (written.methods != std::vector<std::string>{"any"}) {
    rule.methods = written.methods;
  }
  rule.path = *policy::PathPattern::parse(written.path);  // checked
  rule.is_allowed = written.is_allowed;
  rule.reason = written.reason;
  rule.where = source.where(at);
  return rule;
}

policy::HeaderEdit header_of(const Source& source,
                             const std::string& at,
                             const WrittenHeader& written) {
  using Op = policy::HeaderEdit::Op;
  policy::HeaderEdit edit;
  edit.direction = written.direction;
  edit.op = written.set.empty() ? Op::remove : Op::set;
  edit.name = written.set.empty() ? written.remove : written.set;
  std::transform(edit.name.begin(), edit.name.end(), edit.name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  edit.value = written.value;
  edit.where = source.where(at);
  return edit;
}

/// The fields of one element that its file sets, put over what `entry` has.
void put_http(const Source& source, std::size_t i, policy::HttpEntry& entry) {
  const auto at = element("http", i);
  const auto& written = source.file.http[i];
  entry.match = written.match;
  entry.where = source.where(at);
  if (source.has(at + ".rules")) {
    entry.rules.clear();
    for (std::size_t j = 0; j < written.rules.size(); ++j) {
      entry.rules.push_back(rule_of(source, element((at + ".rules").c_str(), j), written.rules[j]));
    }
  }
  if (source.has(at + ".headers")) {
    entry.edits.headers.clear();
    for (std::size_t j = 0; j < written.headers.size(); ++j) {
      entry.edits.headers.push_back(
          header_of(source, element((at + ".headers").c_str(), j), written.headers[j]));
    }
  }
  if (source.has(at + ".accept_encoding")) {
    entry.edits.limit_accept_encoding = written.is_decodable_only;
    entry.edits.limit_accept_encoding_where = source.where(at + ".accept_encoding");
  }
  using Mode = policy::SystemInstruction::Mode;
  const auto instruction = at + ".request.system_instruction";
  if (!written.add.empty()) {
    entry.edits.system_instruction = {Mode::add, written.add, source.where(instruction + ".add")};
  } else if (!written.replace.empty()) {
    entry.edits.system_instruction = {Mode::replace, written.replace,
                                      source.where(instruction + ".replace")};
  }
  if (source.has(at + ".request.map_model")) {
    entry.edits.map_model.clear();
    for (std::size_t j = 0; j < written.models.size(); ++j) {
      entry.edits.map_model.push_back(
          {written.models[j].from, written.models[j].to,
           source.where(element((at + ".request.map_model").c_str(), j))});
    }
  }
}

/// Which keys of policy.yaml do not count, and the warnings about them.
class Locks {
 public:
  Locks(const Source& corp, const Source& user, std::vector<std::string>* warnings)
      : corp_(corp), user_(user), warnings_(warnings) {}

  /// @param key    as in `lock`.
  /// @param place  the key of policy.yaml that this is about.
  /// @return whether it is to be ignored: locked and set.
  bool ignores(const std::string& key, const std::string& place) {
    const auto& list = corp_.file.lock;
    const auto found = std::find(list.begin(), list.end(), key);
    if (found == list.end() || !user_.has(place)) {
      return false;
    }
    const auto index = static_cast<std::size_t>(found - list.begin());
    warnings_->push_back(user_.where(place) + ": " + place + " is ignored, it is locked by " +
                         corp_.where(element("lock", index)));
    return true;
  }

 private:
  const Source& corp_;
  const Source& user_;
  std::vector<std::string>* warnings_;
};

void put_defaults(const Source& user, const Source& corp, Locks& locks, policy::Parts& parts) {
  // A lock without a value of its own locks the built-in one.
  const bool user_default = user.has("default") && !locks.ignores("default", "default");
  const Source& fallback = corp.has("default") || !user_default ? corp : user;
  parts.fallback = fallback.file.fallback;
  parts.fallback_where = fallback.where("default");
  const bool user_unnamed = user.has("unnamed") && !locks.ignores("unnamed", "unnamed");
  if (!corp.has("unnamed") && !user_unnamed) {
    parts.unnamed = parts.fallback;
    parts.unnamed_where = parts.fallback_where;
    return;
  }
  const Source& unnamed = corp.has("unnamed") ? corp : user;
  parts.unnamed = unnamed.file.unnamed;
  parts.unnamed_where = unnamed.where("unnamed");
}

policy::HostRule host_of(const Source& source, std::size_t i) {
  const auto& written = source.file.hosts[i];
  return {written.match, written.action, written.tunnel_after, source.where(element("hosts", i))};
}

void put_hosts(const Source& user, const Source& corp, Locks& locks, policy::Parts& parts) {
  const std::size_t first = parts.hosts.size();
  if (!locks.ignores("hosts", "hosts")) {
    for (std::size_t i = 0; i < user.file.hosts.size(); ++i) {
      parts.hosts.push_back(host_of(user, i));
    }
  }
  const auto users_end = parts.hosts.size();
  for (std::size_t i = 0; i < corp.file.hosts.size(); ++i) {
    auto rule = host_of(corp, i);
    // The last of equals decides, so that corp's rules at the end win; what this one leaves open
    // comes from the rule it wins over.
    if (rule.action == Action::inspect &&
        !corp.has(element("hosts", i) + ".on_client_refusal.tunnel_after")) {
      for (std::size_t j = first; j < users_end; ++j) {
        if (parts.hosts[j].match == rule.match) {
          rule.tunnel_after_refusals = parts.hosts[j].tunnel_after_refusals;
        }
      }
    }
    parts.hosts.push_back(std::move(rule));
  }
}

/// An element of `http` and whom to blame for it.
struct Blame {
  Source* source = nullptr;
  std::size_t index = 0;
};

std::vector<Blame> put_http_entries(Source& user,
                                    Source& corp,
                                    Locks& locks,
                                    policy::Parts& parts) {
  std::vector<Blame> blame;
  const bool is_locked = locks.ignores("http", "http");
  for (std::size_t i = 0; i < user.file.http.size() && !is_locked; ++i) {
    const auto at = element("http", i);
    policy::HttpEntry entry;
    put_http(user, i, entry);
    if (locks.ignores("http.rules", at + ".rules")) {
      entry.rules.clear();
    }
    if (locks.ignores("http.headers", at + ".headers")) {
      entry.edits.headers.clear();
    }
    if (locks.ignores("http.accept_encoding", at + ".accept_encoding")) {
      entry.edits.limit_accept_encoding = false;
    }
    for (const auto* key :
         {".request.system_instruction.add", ".request.system_instruction.replace"}) {
      if (locks.ignores("http.request", at + key)) {
        entry.edits.system_instruction.reset();
      }
    }
    if (locks.ignores("http.request", at + ".request.map_model")) {
      entry.edits.map_model.clear();
    }
    parts.http.push_back(std::move(entry));
    blame.push_back({&user, i});
  }
  for (std::size_t i = 0; i < corp.file.http.size(); ++i) {
    const auto same = std::find_if(
        parts.http.begin(), parts.http.end(),
        [&](const policy::HttpEntry& entry) { return entry.match == corp.file.http[i].match; });
    const auto index = static_cast<std::size_t>(same - parts.http.begin());
    if (same == parts.http.end()) {
      parts.http.emplace_back();
      blame.emplace_back();
    }
    put_http(corp, i, parts.http[index]);
    blame[index] = {&corp, i};
  }
  return blame;
}

}  // namespace

bool can_be_inspected(const config::HostPattern& pattern) {
  const bool is_wide = pattern.domain().find('.') == std::string_view::npos;
  return pattern.is_exact() || !is_wide;
}

std::string where_text(const config::Position& at, const std::string& main_file) {
  const auto slash = main_file.rfind('/');
  const auto folder = slash == std::string::npos ? std::string() : main_file.substr(0, slash + 1);
  const auto file = at.file.starts_with(folder) ? at.file.substr(folder.size()) : at.file;
  return at.line == 0 ? file : file + ':' + std::to_string(at.line);
}

Checked<PolicyResult> load_policy(const std::vector<InspectedHost>* inspected,
                                  const PolicyFiles& files) {
  Source user(files.policy_file, false);
  Source corp(files.corp_file, true);
  user.faults = user.schema.load(config::read_files(files.policy_file, files.missing_policy));
  corp.faults = corp.schema.load(
      config::read_files(files.corp_file, config::Missing::is_empty, files.corp_owner));
  // The combinations are judged only where every value by itself is good.
  for (auto* source : {&user, &corp}) {
    if (source->faults.empty()) {
      check(*source);
    }
  }
  const auto all_faults = [&] {
    Faults faults = user.faults;
    faults.append(corp.faults);
    return faults;
  };
  if (auto faults = all_faults(); !faults.empty()) {
    return faults;
  }
  PolicyResult result;
  if (inspected != nullptr) {
    for (const auto& host : *inspected) {
      result.parts.hosts.push_back({host.match, Action::inspect, 0, host.where});
    }
  }
  Locks locks(corp, user, &result.warnings);
  put_defaults(user, corp, locks, result.parts);
  put_hosts(user, corp, locks, result.parts);
  const auto blame = put_http_entries(user, corp, locks, result.parts);
  const policy::Policy whole(result.parts);
  for (std::size_t i = 0; inspected != nullptr && i < blame.size(); ++i) {
    const auto& entry = result.parts.http[i];
    if (entry.needs_rewriting() && !whole.inspects_all_of(entry.match)) {
      blame[i].source->refuse(
          element("http", blame[i].index) + ".match",
          "not all of its hosts are inspected, so that this would not hold for them; add it under "
          "hosts with action: inspect, or name a host that is inspected");
    }
  }
  if (auto faults = all_faults(); !faults.empty()) {
    return faults;
  }
  result.locked = corp.file.lock;
  return result;
}

std::vector<config::Row> rows_of_policy() {
  Written file;
  return schema_of(&file, false).rows();
}

std::vector<config::Row> rows_of_corp() {
  Written file;
  return schema_of(&file, true).rows();
}

}  // namespace agp::daemon_config
