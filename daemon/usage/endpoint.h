#pragma once

#include "daemon/usage/record.h"

#include <optional>
#include <string>
#include <string_view>

namespace agp::usage {

/// Which payload a call has; decides the reader.
enum class Wire {
  google,
  interactions,
  anthropic,
  openai_chat,
  openai_responses,
  openai_completions
};

struct Endpoint {
  Provider provider = Provider::google;
  Api api = Api::code_assist;
  Wire wire = Wire::google;
  bool is_tab = false;    // a completion endpoint of its own
  std::string url_model;  // percent-decoded; empty when the URL does not name one

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// Whether a request is a model call. @param host  lower case, without port; @param target  as in
/// the request line; the query is ignored. Source: wire-formats section 2.1.
[[nodiscard]] std::optional<Endpoint> classify(std::string_view host,
                                               std::string_view method,
                                               std::string_view target);

/// The path of a request target: without query, fragment, and the authority of an absolute form.
[[nodiscard]] std::string_view path_of(std::string_view target);

}  // namespace agp::usage
