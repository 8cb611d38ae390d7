#pragma once

#include "daemon/relay/connection.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace agp::io {

/// What the reports of all connections add up to where the plain counters say too little: by host,
/// by protocol, by reason. Bounded, whatever clients name. Thread-safe.
class Tally {
 public:
  static constexpr std::size_t kMostHosts = 64;
  static constexpr const char* kOther = "other";  // hosts and words beyond that

  struct Host {
    std::string host;
    std::uint64_t count = 0;
    usage::Micros last_at{};
    std::string detail;  // of the last one
  };
  struct Snapshot {
    std::vector<Host> refused_by_client;    // our certificate; most frequent first
    std::vector<Host> refused_by_upstream;  // its TLS or its certificate
    std::map<std::string, std::uint64_t> intercepted_by_protocol;
    std::map<std::string, std::uint64_t> tunnelled_by_reason;
  };

  /// @return the host's sum when a client refused our certificate and it is worth telling somebody:
  ///         for the 1st, 2nd, 4th, 8th… refusal, so that a client in a loop is no flood.
  std::optional<Host> add(const relay::Report& report, usage::Micros now);

  [[nodiscard]] Snapshot snapshot() const;

 private:
  using ByHost = std::map<std::string, Host, std::less<>>;
  using ByWord = std::map<std::string, std::uint64_t>;

  static Host& count_host(ByHost& into, const relay::Report& report, usage::Micros now);
  static void count_word(ByWord& into, std::string word);

  mutable std::mutex mutex_;
  ByHost refused_by_client_;
  ByHost refused_by_upstream_;
  ByWord intercepted_by_protocol_;
  ByWord tunnelled_by_reason_;
};

}  // namespace agp::io
