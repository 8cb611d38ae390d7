#pragma once

#include "daemon/otlp/request.h"
#include "otlp_metrics.pb.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace agp::otlp::test {

constexpr usage::Micros kProcess{std::chrono::seconds(1'000)};
constexpr usage::Micros kLedger{std::chrono::seconds(500)};
constexpr usage::Micros kNow{std::chrono::seconds(2'000)};

inline std::string as_it_is(std::string_view text) {
  return std::string(text);
}

inline wire::ExportMetricsServiceRequest parsed(const std::string& octets) {
  wire::ExportMetricsServiceRequest request;
  if (!request.ParseFromString(octets)) {
    request.Clear();
  }
  return request;
}

/// A request that can be told from others by its number.
inline std::string request_of(std::uint64_t number) {
  Request request({"1.0", "id", ""}, {kProcess, kLedger}, kNow, as_it_is);
  request.single("antigravity_connections", number);
  return request.finish();
}

inline std::int64_t number_of(const std::string& octets) {
  const auto request = parsed(octets);
  return request.resource_metrics_size() == 0 ? -1
                                              : request.resource_metrics(0)
                                                    .scope_metrics(0)
                                                    .metrics(0)
                                                    .gauge()
                                                    .data_points(0)
                                                    .as_int();
}

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "agp-otlp-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  Folder(Folder&&) = delete;
  Folder& operator=(Folder&&) = delete;
  ~Folder() {
    std::error_code ignored;  // a leftover in a temporary directory
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string queue() const { return path_ + "/otlp"; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace agp::otlp::test
