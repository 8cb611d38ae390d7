#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"

#include <cstdint>
#include <functional>
#include <memory>

#include <libmnl/libmnl.h>

namespace agp::os {

/// One netlink socket to nf_tables: transactions and dumps, each answered before it returns. A
/// table with the owner flag lives as long as the socket that made it, in whatever process it is.
class NetfilterSocket {
 public:
  [[nodiscard]] static Result<NetfilterSocket> open();
  /// One that another process opened and bound.
  [[nodiscard]] static Result<NetfilterSocket> adopt(UniqueFd fd);

  [[nodiscard]] int fd() const;
  /// How the kernel names the owner.
  [[nodiscard]] std::uint32_t port() const;

  /// Appends messages; each call of `next` hands out room and is followed by a message.
  class Batch {
   public:
    Batch();
    /// A message of nf_tables. @param flags beside NLM_F_REQUEST.
    /// @param fill gets the header and adds the attributes.
    void add(std::uint16_t type,
             std::uint16_t flags,
             const std::function<void(nlmsghdr*)>& fill = nullptr);

   private:
    friend class NetfilterSocket;
    void frame(std::uint16_t type);
    nlmsghdr* last_ = nullptr;
    std::uint32_t sequence_ = 0;
    bool is_full_ = false;
    std::unique_ptr<char[]> room_;
    std::size_t used_ = 0;
  };

  /// All of it or nothing.
  [[nodiscard]] Result<> commit(Batch batch);
  /// Calls `on_message` for each answer. A table that is not there has none.
  [[nodiscard]] Result<> dump(std::uint16_t type,
                              const std::function<void(const nlmsghdr*)>& on_message);

 private:
  struct Closer {
    void operator()(mnl_socket* socket) const { ::mnl_socket_close(socket); }
  };
  explicit NetfilterSocket(mnl_socket* socket) : socket_(socket) {}

  std::unique_ptr<mnl_socket, Closer> socket_;
};

}  // namespace agp::os
