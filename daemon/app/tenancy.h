#pragma once

#include "daemon/io/worker.h"

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

namespace agp::app {

/// For whom the account of our language servers works at the moment, and so on whose behalf each
/// connection is made. Language servers run one after the other, each for the user of one session;
/// nothing on the network tells theirs apart. All methods from any thread.
class Tenancy {
 public:
  /// @param ls_uid  that account, if it exists.
  explicit Tenancy(std::optional<std::uint32_t> ls_uid) : ls_uid_(ls_uid) {}

  /// Before a language server starts: its user. After its end: nobody.
  void set(std::optional<std::uint32_t> tenant);

  /// @param look_up  asks the kernel for the uid. A tenant who came or went meanwhile is none: the
  /// connection may be of either.
  [[nodiscard]] io::Caller identify(
      const std::function<std::optional<std::uint32_t>()>& look_up) const;

 private:
  struct Term {
    std::optional<std::uint32_t> tenant;
    std::uint64_t number = 0;  // two terms of one user are two
  };
  [[nodiscard]] Term term() const;

  const std::optional<std::uint32_t> ls_uid_;
  mutable std::mutex mutex_;
  Term term_;
};

}  // namespace agp::app
