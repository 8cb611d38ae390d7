#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace agp::cli {

/// Reads one answer of GET /v1/usage/stream to a request by HTTP/1.0: a head, then server-sent
/// events until the connection ends. Any split of the octets is equivalent.
class StreamReader {
 public:
  static constexpr std::size_t kLongestLine = 1024 * 1024;

  /// @param last_id  the id of the last record that the reader has; empty for none.
  explicit StreamReader(std::string last_id) : last_id_(std::move(last_id)) {}

  /// @return false once a line is longer than kLongestLine: the rest cannot be read.
  [[nodiscard]] bool feed(std::string_view octets);

  /// Records that came since the last call, one a line.
  [[nodiscard]] std::string take_records();
  /// Where the next connection goes on.
  [[nodiscard]] const std::string& last_id() const { return last_id_; }
  /// Of the head, once it was read; 0 for a head that is none.
  [[nodiscard]] std::optional<int> status() const { return status_; }

 private:
  void take_line(std::string_view line);
  void take_event();

  std::string last_id_;
  std::optional<int> status_;
  bool is_in_head_ = true;
  std::string rest_;  // of a line
  std::string id_;    // of the event that is being read
  std::string type_;
  std::string data_;
  std::string records_;
};

}  // namespace agp::cli
