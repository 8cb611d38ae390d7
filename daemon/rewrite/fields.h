#pragma once

#include "daemon/rewrite/rules.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace agp::rewrite {

struct Field {
  std::string name;   // as sent
  std::string value;  // without surrounding white space
  /// HTTP/1: white space other than spaces before the value. Harmless except in framing fields.
  bool odd_space = false;
  /// HTTP/2: must not enter a compression table.
  bool never_indexed = false;

  friend bool operator==(const Field&, const Field&) = default;
};
using Fields = std::vector<Field>;

[[nodiscard]] bool same_name(std::string_view a, std::string_view b);
[[nodiscard]] bool is_token(std::string_view text);
/// Field content as RFC 9110 has it: no control octet but HTAB.
[[nodiscard]] bool is_field_value(std::string_view text);
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// Number of fields of that name, and the first one (null when there is none).
[[nodiscard]] std::size_t count(const Fields& fields, std::string_view name);
[[nodiscard]] const Field* find(const Fields& fields, std::string_view name);
/// A comma list in any field of that name has that token, in any case.
[[nodiscard]] bool has_token(const Fields& fields, std::string_view name, std::string_view token);
/// The elements of all comma lists of that name.
[[nodiscard]] std::vector<std::string_view> tokens(const Fields& fields, std::string_view name);

/// Concerns one hop or the framing: regenerated, never edited, never allowed in trailers.
[[nodiscard]] bool is_hop_field(std::string_view name);
/// May not come in a trailer: framing, routing, authentication (RFC 9110, 6.5.1).
[[nodiscard]] bool is_forbidden_trailer(std::string_view name);

/// @param lower_case  names of added fields, as HTTP/2 demands.
void apply_edits(Fields& fields, std::span<const FieldEdit> edits, bool lower_case);

/// Leaves only `allowed` and `identity` in an Accept-Encoding value; `*` becomes what it stood for.
[[nodiscard]] std::string limit_accept_encoding(std::string_view value,
                                                std::span<const std::string> allowed);
void limit_accept_encoding(Fields& fields, std::span<const std::string> allowed);

/// The name equals `host`, in any case, and the port is absent or `port`.
[[nodiscard]] bool names_host(std::string_view authority, std::string_view host, unsigned port);

/// A target without its query: for events.
[[nodiscard]] std::string_view path_of(std::string_view target);

}  // namespace agp::rewrite
