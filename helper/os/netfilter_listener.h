#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace agp::os {

/// Hears that somebody changed nftables, which includes what iptables-nft writes. What was changed
/// is not read: whoever wants to know looks at the rules.
class NetfilterListener {
 public:
  enum class Heard {
    nothing,
    change,
    overrun,  // there was more than the kernel kept for us
    broken,   // nothing will come any more
  };

  /// Needs CAP_NET_ADMIN.
  [[nodiscard]] static Result<NetfilterListener> open();

  /// Readable when there is something to hear.
  [[nodiscard]] int fd() const { return socket_.get(); }

  /// Takes what has arrived, a bounded part of it; the descriptor stays readable for the rest.
  [[nodiscard]] Heard take();

 private:
  explicit NetfilterListener(UniqueFd socket) : socket_(std::move(socket)) {}

  UniqueFd socket_;
};

/// Whether the installed iptables writes into nftables. Changes of its legacy kind are announced
/// to nobody.
[[nodiscard]] bool is_iptables_announced();

}  // namespace agp::os
