#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace agp::http2 {

struct Field {
  std::string_view name;  // lower case in valid HTTP/2
  std::string_view value;
};

/// A request, response or trailer section. Everything in it is borrowed for the call that it is
/// passed to.
struct Head {
  std::string_view method;        // request only
  std::string_view target;        // :path, as sent; empty for a plain CONNECT
  std::string_view authority;     // :authority
  std::string_view protocol;      // :protocol of an extended CONNECT, RFC 8441
  std::uint16_t status = 0;       // response only
  bool is_cut = false;            // a limit was reached: fields are missing at the end
  std::span<const Field> fields;  // without the pseudo fields

  /// First value of that lower-case name; empty when absent.
  [[nodiscard]] std::string_view field(std::string_view name) const;
};

/// Collects the fields of one block; what passes the limits is dropped.
class FieldList {
 public:
  void add(std::string_view name, std::string_view value);
  /// The head, borrowed until the next add() or clear().
  [[nodiscard]] const Head& head();
  /// Forgets the fields, and gives large buffers back.
  void clear();

 private:
  struct Slice {
    std::size_t from;
    std::size_t name_size;
    std::size_t value_size;
  };

  std::string text_;
  std::vector<Slice> slices_;
  std::vector<Field> fields_;
  std::size_t list_bytes_ = 0;
  bool is_cut_ = false;
  Head head_;
};

}  // namespace agp::http2
