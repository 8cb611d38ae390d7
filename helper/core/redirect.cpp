#include "helper/core/redirect.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace agp::core {
namespace {

constexpr std::string_view kNatChain = "AGP_NAT";
constexpr std::string_view kFilterChain = "AGP_FILTER";  // what the language server sends
constexpr std::string_view kGuardChain = "AGP_GUARD";    // who may reach ports of ours on loopback
constexpr std::array kChains{kNatChain, kFilterChain, kGuardChain};

// Any version's comment marks a rule as ours to remove.
constexpr std::string_view kCommentStem = "antigravity-proxy:v";

constexpr std::string_view kReset = "REJECT --reject-with tcp-reset";

// New connections only. Replies to other programs' ephemeral ports, which may lie in our range,
// must pass, and packets of a socket that was closed have no owner left to match.
constexpr std::string_view kSyn = " --tcp-flags FIN,SYN,RST,ACK SYN";

struct DesiredTable {
  std::vector<std::string_view> chains;
  std::vector<std::string> rules;
  std::vector<std::string> jumps;
};

std::string_view loopback(Family family) {
  return family == Family::ipv4 ? "127.0.0.0/8" : "::1/128";
}

std::string_view unreachable(Family family) {
  return family == Family::ipv4 ? "REJECT --reject-with icmp-port-unreachable"
                                : "REJECT --reject-with icmp6-port-unreachable";
}

std::string comment() {
  return " -m comment --comment \"" + std::string(kRuleComment) + "\"";
}

std::string owner(uid_t uid) {
  return " -m owner --uid-owner " + std::to_string(uid);
}

/// As iptables-save writes it: in quotes, with escapes.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\\' || c == '"') {
      out += '\\';
    }
    out += c;
  }
  return out + "\"";
}

// The user as well: a program of another user that runs in the scope (sudo) is not his traffic.
std::string member(const CapturedScope& scope) {
  assert(is_cgroup_path(scope.cgroup));
  return owner(scope.user) + " -m cgroup --path " + quoted(scope.cgroup);
}

/// Everybody whose tcp/443 is redirected.
std::vector<std::string> captured(const RedirectSpec& spec) {
  std::vector<std::string> matches{owner(spec.language_server)};
  for (const auto& scope : spec.scopes) {
    matches.push_back(member(scope));
  }
  return matches;
}

std::string rule(std::string_view chain, const std::string& match, std::string_view target) {
  return "-A " + std::string(chain) + match + comment() + " -j " + std::string(target);
}

DesiredTable desired_nat(Family family, const RedirectSpec& spec) {
  DesiredTable table;
  table.chains = {kNatChain};
  for (const auto& who : captured(spec)) {
    table.jumps.push_back(rule("OUTPUT", " -p tcp" + who, kNatChain));
    table.rules.push_back(rule(
        kNatChain, " ! -d " + std::string(loopback(family)) + " -p tcp -m tcp --dport 443" + who,
        "REDIRECT --to-ports " + std::to_string(kInterceptPort)));
  }
  return table;
}

/// Strict: what is left when loopback and name resolution have passed. What was redirected goes to
/// loopback by now.
std::vector<std::string> lock_in(Family family, const RedirectSpec& spec) {
  const std::string ls = owner(spec.language_server);
  std::vector<std::string> rules{
      rule(kFilterChain, " -d " + std::string(loopback(family)) + ls, "RETURN")};
  for (const auto& resolver : spec.resolvers) {
    const bool is_ipv6 = resolver.find(':') != std::string::npos;
    if (is_ipv6 != (family == Family::ipv6)) {
      continue;
    }
    for (const std::string protocol : {"udp", "tcp"}) {
      std::string match = " -d " + resolver + (is_ipv6 ? "/128" : "/32");
      match += " -p " + protocol + " -m " + protocol + " --dport 53" + ls;
      rules.push_back(rule(kFilterChain, match, "RETURN"));
    }
  }
  rules.push_back(rule(kFilterChain, " -p tcp" + ls, kReset));
  rules.push_back(rule(kFilterChain, ls, unreachable(family)));
  return rules;
}

DesiredTable desired_filter(Family family, const RedirectSpec& spec) {
  const std::string ls = owner(spec.language_server);
  const std::string lo(loopback(family));
  const std::string to_loopback = " -d " + lo + " -p tcp -m tcp";
  const std::string not_loopback = " ! -d " + lo;
  const std::string intercept = std::to_string(kInterceptPort);
  const std::string range = std::to_string(spec.language_server_ports.first) + ":" +
                            std::to_string(spec.language_server_ports.last);
  const std::string syn(kSyn);
  const std::string to_intercept = to_loopback + " --dport " + intercept + syn;
  const std::string to_server = to_loopback + " --dport " + range + syn;

  DesiredTable table;
  table.chains = {kFilterChain, kGuardChain};
  // Narrow jumps: a packet of anybody else that does not open one of our ports is not even looked
  // at by our chains.
  for (const auto& who : captured(spec)) {
    table.jumps.push_back(rule("OUTPUT", who, kFilterChain));
    table.rules.insert(
        table.rules.end(),
        {// QUIC falls back to TCP at once.
         rule(kFilterChain, not_loopback + " -p udp -m udp --dport 443" + who, unreachable(family)),
         // Redirected packets have another destination by now: what still goes to 443 escaped,
         // because somebody flushed the nat table, say. It fails closed.
         rule(kFilterChain, not_loopback + " -p tcp -m tcp --dport 443" + who, kReset)});
  }
  table.jumps.push_back(
      rule("OUTPUT", to_loopback + syn + " -m multiport --dports " + intercept + "," + range,
           kGuardChain));
  table.rules.push_back(
      rule(kFilterChain, to_loopback + " --dport " + std::to_string(kApiPort) + ls, kReset));
  if (spec.egress == Egress::strict) {
    const auto lock = lock_in(family, spec);
    table.rules.insert(table.rules.end(), lock.begin(), lock.end());
  }
  // The intercept port is for what was redirected, not even for the language server itself.
  for (const auto& who : captured(spec)) {
    table.rules.push_back(
        rule(kGuardChain, to_intercept + " -m conntrack --ctstate DNAT" + who, "RETURN"));
  }
  for (const auto& guard :
       {rule(kGuardChain, to_intercept, kReset), rule(kGuardChain, to_server + owner(0), "RETURN"),
        rule(kGuardChain, to_server + owner(spec.daemon), "RETURN"),
        rule(kGuardChain, to_server + ls, "RETURN"), rule(kGuardChain, to_server, kReset)}) {
    table.rules.push_back(guard);
  }
  return table;
}

DesiredTable desired_table(Family family, Table table, const RedirectSpec& spec) {
  return table == Table::nat ? desired_nat(family, spec) : desired_filter(family, spec);
}

/// Words of one rule; quotes are resolved, "!" stays with the word it negates.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool is_quoted = false;
  bool has_word = false;
  bool is_escaped = false;
  const auto end_word = [&] {
    if (has_word && !words.empty() && words.back() == "!") {
      words.back() += word;
    } else if (has_word) {
      words.push_back(word);
    }
    word.clear();
    has_word = false;
  };
  for (const char c : line) {
    if (is_escaped) {
      word += c;
      is_escaped = false;
    } else if (c == '\\' && is_quoted) {
      is_escaped = true;
    } else if (c == '"') {
      is_quoted = !is_quoted;
      has_word = true;
    } else if (c == ' ' && !is_quoted) {
      end_word();
    } else {
      word += c;
      has_word = true;
    }
  }
  end_word();
  return words;
}

/// Releases of iptables print options in slightly different orders; the set of words is the same.
std::vector<std::string> normal_form(std::string_view line) {
  auto words = words_of(line);
  std::sort(words.begin(), words.end());
  return words;
}

bool is_our_chain(std::string_view name) {
  return std::find(kChains.begin(), kChains.end(), name) != kChains.end();
}

bool leads_to_us(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const bool is_target = words[i] == "-j" || words[i] == "-g";
    if (is_target && is_our_chain(words[i + 1])) {
      return true;
    }
    if (words[i] == "--comment" && words[i + 1].starts_with(kCommentStem)) {
      return true;
    }
  }
  return false;
}

bool same_rules(const std::vector<std::string>& wanted, const std::vector<std::string>& seen) {
  return std::equal(
      wanted.begin(), wanted.end(), seen.begin(), seen.end(),
      [](const std::string& a, const std::string& b) { return normal_form(a) == normal_form(b); });
}

bool same_jumps(const std::vector<std::string>& wanted, const std::vector<std::string>& seen) {
  const auto sorted = [](const std::vector<std::string>& lines) {
    std::vector<std::vector<std::string>> forms;
    for (const auto& line : lines) {
      forms.push_back(normal_form(line));
    }
    std::sort(forms.begin(), forms.end());
    return forms;
  };
  return sorted(wanted) == sorted(seen);
}

std::string header(Table table) {
  return "*" + std::string(to_string(table)) + "\n";
}

std::string delete_jumps(const ObservedTable& observed) {
  std::string text;
  for (const auto& jump : observed.jumps) {
    text += "-D" + jump.substr(2) + "\n";
  }
  return text;
}

std::string flush_chain(std::string_view name) {
  // With --noflush, declaring a chain creates it or empties it.
  return ":" + std::string(name) + " - [0:0]\n";
}

}  // namespace

const char* to_string(Family family) {
  return family == Family::ipv4 ? "IPv4" : "IPv6";
}
const char* to_string(Table table) {
  return table == Table::filter ? "filter" : "nat";
}

bool is_cgroup_path(std::string_view path) {
  constexpr std::size_t kMaxChars = 511;  // XT_CGROUP_PATH_MAX, with its end
  if (path.empty() || path.size() > kMaxChars) {
    return false;
  }
  while (true) {
    const auto end = path.find('/');
    const auto name = path.substr(0, end);
    const bool is_clean =
        std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
    if (name.empty() || name == "." || name == ".." || !is_clean) {
      return false;
    }
    if (end == std::string_view::npos) {
      return true;
    }
    path.remove_prefix(end + 1);
  }
}

ObservedTable parse_save(std::string_view save_output) {
  ObservedTable observed;
  while (!save_output.empty()) {
    const auto end = save_output.find('\n');
    const std::string line(save_output.substr(0, end));
    save_output.remove_prefix(end == std::string_view::npos ? save_output.size() : end + 1);
    if (line.starts_with(":")) {
      const std::string name = line.substr(1, line.find(' ') - 1);
      if (is_our_chain(name)) {
        observed.chains.push_back(name);
      }
    } else if (line.starts_with("-A ")) {
      const auto words = words_of(line);
      if (words.size() > 1 && is_our_chain(words[1])) {
        observed.rules.push_back(line);
      } else if (leads_to_us(words)) {
        observed.jumps.push_back(line);
      }
    }
  }
  return observed;
}

bool is_in_place(Family family,
                 Table table,
                 const RedirectSpec& spec,
                 const ObservedTable& observed) {
  const auto wanted = desired_table(family, table, spec);
  std::vector<std::string> rules;
  for (const auto chain : wanted.chains) {
    const std::string start = "-A " + std::string(chain) + " ";
    for (const auto& seen : observed.rules) {
      if (seen.starts_with(start)) {
        rules.push_back(seen);
      }
    }
  }
  return observed.chains.size() == wanted.chains.size() && same_rules(wanted.rules, rules) &&
         rules.size() == observed.rules.size() && same_jumps(wanted.jumps, observed.jumps);
}

std::string plan_ensure(Family family,
                        Table table,
                        const RedirectSpec& spec,
                        const ObservedTable& observed) {
  if (is_in_place(family, table, spec, observed)) {
    return {};
  }
  const auto wanted = desired_table(family, table, spec);
  std::string text = header(table);
  for (const auto chain : wanted.chains) {
    text += flush_chain(chain);
  }
  text += delete_jumps(observed);
  for (const auto& line : wanted.rules) {
    text += line + "\n";
  }
  // Last to first, each at the top: they end up in the order of `jumps`, before anything that
  // might accept the packet earlier.
  for (auto jump = wanted.jumps.rbegin(); jump != wanted.jumps.rend(); ++jump) {
    text += "-I" + jump->substr(2) + "\n";
  }
  return text + "COMMIT\n";
}

std::string plan_remove(Table table, const ObservedTable& observed) {
  if (observed.is_empty()) {
    return {};
  }
  std::string text = header(table);
  for (const auto& chain : observed.chains) {
    text += flush_chain(chain);
  }
  text += delete_jumps(observed);
  for (const auto& chain : observed.chains) {
    text += "-X " + chain + "\n";
  }
  return text + "COMMIT\n";
}

}  // namespace agp::core
