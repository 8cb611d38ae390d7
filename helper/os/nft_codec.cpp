#include "helper/os/nft_codec.h"

#include "helper/core/errc.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include <arpa/inet.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <sys/stat.h>

namespace agp::os::nft {
namespace {

using core::nft::Bytes;
using core::nft::Field;
using core::nft::Hook;
using core::nft::Rule;
using core::nft::Rules;

// Before the nat of others, whose rules might take the connection first.
constexpr std::int32_t kNatPriority = NF_IP_PRI_NAT_DST - 10;
constexpr std::int32_t kFilterPriority = NF_IP_PRI_FILTER;
constexpr std::uint32_t kRegister = NFT_REG_1;

struct Free {
  void operator()(nftnl_table* table) const { ::nftnl_table_free(table); }
  void operator()(nftnl_chain* chain) const { ::nftnl_chain_free(chain); }
  void operator()(nftnl_rule* rule) const { ::nftnl_rule_free(rule); }
};
using TablePtr = std::unique_ptr<nftnl_table, Free>;
using ChainPtr = std::unique_ptr<nftnl_chain, Free>;
using RulePtr = std::unique_ptr<nftnl_rule, Free>;

/// Where a header field is.
struct Place {
  std::uint32_t base;
  std::uint32_t offset;
  std::uint32_t length;
};

/// Adds the expressions of one rule to it.
class Encoder {
 public:
  explicit Encoder(nftnl_rule* rule) : rule_(rule) {}

  /// @return false when a cgroup of the rule is not there.
  bool encode(const Rule& rule) {
    for (const auto& step : rule.steps) {
      std::visit([this](const auto& it) { put(it); }, step);
    }
    return is_complete_;
  }

 private:
  nftnl_expr* add(const char* name) {
    auto* expression = ::nftnl_expr_alloc(name);
    ::nftnl_rule_add_expr(rule_, expression);
    return expression;
  }

  void put_meta(std::uint32_t key) {
    auto* load = add("meta");
    ::nftnl_expr_set_u32(load, NFTNL_EXPR_META_DREG, kRegister);
    ::nftnl_expr_set_u32(load, NFTNL_EXPR_META_KEY, key);
  }

  void put_payload(const Place& place) {
    auto* load = add("payload");
    ::nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_DREG, kRegister);
    ::nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_BASE, place.base);
    ::nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_OFFSET, place.offset);
    ::nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_LEN, place.length);
  }

  void put(const core::nft::Load& load) {
    switch (load.field) {
      case Field::family:
        return put_meta(NFT_META_NFPROTO);
      case Field::protocol:
        return put_meta(NFT_META_L4PROTO);
      case Field::user:
        return put_meta(NFT_META_SKUID);
      case Field::destination_ipv4:
        return put_payload({NFT_PAYLOAD_NETWORK_HEADER, 16, 4});
      case Field::first_octet_ipv4:
        return put_payload({NFT_PAYLOAD_NETWORK_HEADER, 16, 1});
      case Field::destination_ipv6:
        return put_payload({NFT_PAYLOAD_NETWORK_HEADER, 24, 16});
      case Field::destination_port:
        return put_payload({NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2});
      case Field::tcp_flags:
        return put_payload({NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1});
      case Field::conntrack_status:
        auto* state = add("ct");
        ::nftnl_expr_set_u32(state, NFTNL_EXPR_CT_DREG, kRegister);
        ::nftnl_expr_set_u32(state, NFTNL_EXPR_CT_KEY, NFT_CT_STATUS);
        return;
    }
  }

  void put(const core::nft::InCgroup& scope) {
    // The kernel's number of a cgroup is its inode: one that was removed and made again differs.
    std::optional<std::uint64_t> id;
    for (const std::string root : {"/sys/fs/cgroup/", "/sys/fs/cgroup/unified/"}) {
      struct stat at {};
      const bool is_unified = ::stat((root + "cgroup.controllers").c_str(), &at) == 0;
      if (is_unified && ::stat((root + scope.path).c_str(), &at) == 0) {
        id = at.st_ino;
        break;
      }
    }
    if (!id) {
      is_complete_ = false;
      return;
    }
    auto* socket = add("socket");
    ::nftnl_expr_set_u32(socket, NFTNL_EXPR_SOCKET_DREG, kRegister);
    ::nftnl_expr_set_u32(socket, NFTNL_EXPR_SOCKET_KEY, NFT_SOCKET_CGROUPV2);
    ::nftnl_expr_set_u32(socket, NFTNL_EXPR_SOCKET_LEVEL, core::nft::level_of(scope.path));
    Bytes bytes(sizeof *id);
    std::memcpy(bytes.data(), &*id, bytes.size());
    put(core::nft::Compare{true, bytes});
  }

  static void set(nftnl_expr* expression, std::uint16_t attribute, const Bytes& bytes) {
    ::nftnl_expr_set(expression, attribute, bytes.data(), static_cast<std::uint32_t>(bytes.size()));
  }

  void put(const core::nft::Mask& mask) {
    auto* bits = add("bitwise");
    ::nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_SREG, kRegister);
    ::nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_DREG, kRegister);
    ::nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
    ::nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_LEN,
                         static_cast<std::uint32_t>(mask.bits.size()));
    set(bits, NFTNL_EXPR_BITWISE_MASK, mask.bits);
    set(bits, NFTNL_EXPR_BITWISE_XOR, Bytes(mask.bits.size()));
  }

  void put(const core::nft::Compare& compare) {
    auto* test = add("cmp");
    ::nftnl_expr_set_u32(test, NFTNL_EXPR_CMP_SREG, kRegister);
    ::nftnl_expr_set_u32(test, NFTNL_EXPR_CMP_OP, compare.is_equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    set(test, NFTNL_EXPR_CMP_DATA, compare.with);
  }

  void put(const core::nft::Between& between) {
    auto* range = add("range");
    ::nftnl_expr_set_u32(range, NFTNL_EXPR_RANGE_SREG, kRegister);
    ::nftnl_expr_set_u32(range, NFTNL_EXPR_RANGE_OP, NFT_RANGE_EQ);
    set(range, NFTNL_EXPR_RANGE_FROM_DATA, between.first);
    set(range, NFTNL_EXPR_RANGE_TO_DATA, between.last);
  }

  void put_verdict(int verdict, const char* chain) {
    auto* end = add("immediate");
    ::nftnl_expr_set_u32(end, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    ::nftnl_expr_set_u32(end, NFTNL_EXPR_IMM_VERDICT, static_cast<std::uint32_t>(verdict));
    if (chain != nullptr) {
      ::nftnl_expr_set_str(end, NFTNL_EXPR_IMM_CHAIN, chain);
    }
  }

  void put(const core::nft::Jump& jump) { put_verdict(NFT_JUMP, jump.chain.c_str()); }
  void put(const core::nft::Return&) { put_verdict(NFT_RETURN, nullptr); }

  void put(const core::nft::Redirect& redirect) {
    const std::uint16_t port = htons(redirect.port);
    auto* value = add("immediate");
    ::nftnl_expr_set_u32(value, NFTNL_EXPR_IMM_DREG, kRegister);
    ::nftnl_expr_set(value, NFTNL_EXPR_IMM_DATA, &port, sizeof port);
    auto* nat = add("redir");
    // Complete, as the kernel shows it.
    ::nftnl_expr_set_u32(nat, NFTNL_EXPR_REDIR_REG_PROTO_MIN, kRegister);
    ::nftnl_expr_set_u32(nat, NFTNL_EXPR_REDIR_REG_PROTO_MAX, kRegister);
    ::nftnl_expr_set_u32(nat, NFTNL_EXPR_REDIR_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
  }

  void put(core::nft::Reject reject) {
    auto* end = add("reject");
    const bool resets = reject == core::nft::Reject::reset;
    ::nftnl_expr_set_u32(end, NFTNL_EXPR_REJECT_TYPE,
                         resets ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMPX_UNREACH);
    ::nftnl_expr_set_u8(end, NFTNL_EXPR_REJECT_CODE,
                        resets ? 0 : std::uint8_t{NFT_REJECT_ICMPX_PORT_UNREACH});
  }

  nftnl_rule* rule_;
  bool is_complete_ = true;
};

ChainPtr chain_of(const std::string& table, const core::nft::Chain& chain) {
  ChainPtr made(::nftnl_chain_alloc());
  ::nftnl_chain_set_u32(made.get(), NFTNL_CHAIN_FAMILY, NFPROTO_INET);
  ::nftnl_chain_set_str(made.get(), NFTNL_CHAIN_TABLE, table.c_str());
  ::nftnl_chain_set_str(made.get(), NFTNL_CHAIN_NAME, chain.name.c_str());
  if (chain.hook != Hook::none) {
    const bool is_nat = chain.hook == Hook::nat_output;
    ::nftnl_chain_set_str(made.get(), NFTNL_CHAIN_TYPE, is_nat ? "nat" : "filter");
    ::nftnl_chain_set_u32(made.get(), NFTNL_CHAIN_HOOKNUM, NF_INET_LOCAL_OUT);
    ::nftnl_chain_set_s32(made.get(), NFTNL_CHAIN_PRIO, is_nat ? kNatPriority : kFilterPriority);
    ::nftnl_chain_set_u32(made.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
  }
  return made;
}

/// The comment as `nft` shows it.
void put_comment(nftnl_rule* rule) {
  auto* comment = ::nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
  ::nftnl_udata_put_strz(comment, NFTNL_UDATA_RULE_COMMENT,
                         std::string(core::kRuleComment).c_str());
  ::nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA, ::nftnl_udata_buf_data(comment),
                        ::nftnl_udata_buf_len(comment));
  ::nftnl_udata_buf_free(comment);
}

/// Nothing for a cgroup that is not there: nobody can be in it, and it must not keep the other
/// rules from being loaded.
RulePtr rule_of(const std::string& table, const Rule& rule) {
  RulePtr made(::nftnl_rule_alloc());
  ::nftnl_rule_set_u32(made.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
  ::nftnl_rule_set_str(made.get(), NFTNL_RULE_TABLE, table.c_str());
  ::nftnl_rule_set_str(made.get(), NFTNL_RULE_CHAIN, rule.chain.c_str());
  put_comment(made.get());
  return Encoder(made.get()).encode(rule) ? std::move(made) : nullptr;
}

std::string shown(const nftnl_chain* chain) {
  std::string text = ::nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME);
  if (::nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM)) {
    text += std::string(" ") + ::nftnl_chain_get_str(chain, NFTNL_CHAIN_TYPE) + " " +
            std::to_string(::nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM)) + " " +
            std::to_string(::nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO)) + " " +
            std::to_string(::nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY));
  }
  return text;
}

std::string shown(const nftnl_rule* rule) {
  std::string text = ::nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN);
  const auto append = [](nftnl_expr* expression, void* into) {
    std::array<char, 512> line{};
    (void)::nftnl_expr_snprintf(line.data(), line.size(), expression, NFTNL_OUTPUT_DEFAULT, 0);
    *static_cast<std::string*>(into) += std::string(" [") +
                                        ::nftnl_expr_get_str(expression, NFTNL_EXPR_NAME) + " " +
                                        line.data() + "]";
    return 0;
  };
  // The library reads it only, but has no such function for what is const.
  (void)::nftnl_expr_foreach(const_cast<nftnl_rule*>(rule), append, &text);
  std::uint32_t size = 0;
  const void* comment = ::nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &size);
  return comment == nullptr ? text
                            : text + " " + std::string(static_cast<const char*>(comment), size);
}

TablePtr table_of(const std::string& table) {
  TablePtr made(::nftnl_table_alloc());
  ::nftnl_table_set_u32(made.get(), NFTNL_TABLE_FAMILY, NFPROTO_INET);
  ::nftnl_table_set_str(made.get(), NFTNL_TABLE_NAME, table.c_str());
  return made;
}

void put_new_table(NetfilterSocket::Batch* batch, const std::string& table) {
  const auto made = table_of(table);
  ::nftnl_table_set_u32(made.get(), NFTNL_TABLE_FLAGS, NFT_TABLE_F_OWNER);
  batch->add(NFT_MSG_NEWTABLE, NLM_F_CREATE,
             [&made](nlmsghdr* header) { ::nftnl_table_nlmsg_build_payload(header, made.get()); });
}

}  // namespace

bool is_for_cgroup(const std::string& rule) {
  return rule.find(" [socket ") != std::string::npos;
}

void put_removal(NetfilterSocket::Batch* batch, const std::string& table) {
  const auto made = table_of(table);
  batch->add(NFT_MSG_DELTABLE, 0,
             [&made](nlmsghdr* header) { ::nftnl_table_nlmsg_build_payload(header, made.get()); });
}

void put_table(NetfilterSocket::Batch* batch, const std::string& table, const Rules& rules) {
  // Made, so that it can be deleted; deleted, so that it is empty; made again.
  put_new_table(batch, table);
  put_removal(batch, table);
  put_new_table(batch, table);
  for (const auto& chain : rules.chains) {
    const auto made = chain_of(table, chain);
    batch->add(NFT_MSG_NEWCHAIN, NLM_F_CREATE, [&made](nlmsghdr* header) {
      ::nftnl_chain_nlmsg_build_payload(header, made.get());
    });
  }
  for (const auto& rule : rules.rules) {
    const auto made = rule_of(table, rule);
    if (made == nullptr) {
      continue;
    }
    batch->add(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
               [&made](nlmsghdr* header) { ::nftnl_rule_nlmsg_build_payload(header, made.get()); });
  }
}

namespace {

/// Rules of different chains have no order among each other.
void order_by_chain(Shown* shown) {
  std::sort(shown->chains.begin(), shown->chains.end());
  std::stable_sort(shown->rules.begin(), shown->rules.end(),
                   [](const std::string& a, const std::string& b) {
                     return a.substr(0, a.find(' ')) < b.substr(0, b.find(' '));
                   });
}

}  // namespace

Shown show(const Rules& rules) {
  Shown all;
  for (const auto& chain : rules.chains) {
    all.chains.push_back(shown(chain_of("", chain).get()));
  }
  for (const auto& rule : rules.rules) {
    if (const auto made = rule_of("", rule)) {
      all.rules.push_back(shown(made.get()));
    }
  }
  order_by_chain(&all);
  return all;
}

Result<std::optional<Shown>> read_table(NetfilterSocket* socket, const std::string& table) {
  std::optional<Shown> found;
  auto tables = socket->dump(NFT_MSG_GETTABLE, [&](const nlmsghdr* message) {
    const TablePtr seen(::nftnl_table_alloc());
    if (::nftnl_table_nlmsg_parse(message, seen.get()) == 0 &&
        table == ::nftnl_table_get_str(seen.get(), NFTNL_TABLE_NAME)) {
      found.emplace();
      found->owner = ::nftnl_table_get_u32(seen.get(), NFTNL_TABLE_OWNER);
    }
  });
  if (!tables) {
    return tables.error();
  }
  if (!found) {
    return found;
  }
  auto chains = socket->dump(NFT_MSG_GETCHAIN, [&](const nlmsghdr* message) {
    const ChainPtr seen(::nftnl_chain_alloc());
    if (::nftnl_chain_nlmsg_parse(message, seen.get()) == 0 &&
        table == ::nftnl_chain_get_str(seen.get(), NFTNL_CHAIN_TABLE)) {
      found->chains.push_back(shown(seen.get()));
    }
  });
  if (!chains) {
    return chains.error();
  }
  auto rules = socket->dump(NFT_MSG_GETRULE, [&](const nlmsghdr* message) {
    const RulePtr seen(::nftnl_rule_alloc());
    if (::nftnl_rule_nlmsg_parse(message, seen.get()) == 0 &&
        table == ::nftnl_rule_get_str(seen.get(), NFTNL_RULE_TABLE)) {
      found->rules.push_back(shown(seen.get()));
    }
  });
  if (!rules) {
    return rules.error();
  }
  order_by_chain(&*found);
  return found;
}

}  // namespace agp::os::nft
