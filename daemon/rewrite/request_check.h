#pragma once

#include "daemon/rewrite/fields.h"
#include "daemon/rewrite/rules.h"

#include <string_view>

namespace agp::rewrite {

/// Judges a request in each way in which servers may take it: by its own method and target, by
/// those that a field puts in their place (X-HTTP-Method-Override, X-Original-URL and their
/// relatives), and by the method in capitals. One way that is forbidden is enough.
[[nodiscard]] Verdict check_as_understood(const Rules& rules,
                                          std::string_view method,
                                          std::string_view target,
                                          const Fields& fields);

/// Whether a server may take the request for a POST.
[[nodiscard]] bool may_be_post(std::string_view method, const Fields& fields);

}  // namespace agp::rewrite
