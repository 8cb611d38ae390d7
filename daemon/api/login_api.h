#pragma once

#include "daemon/api/login_port.h"
#include "daemon/api/visibility.h"

#include <string>
#include <variant>

/// The documents of quota, models and sessions: HTTP and D-Bus answer the same.
namespace agp::api {

/// A JSON document, or why there is none for this caller.
using Document = std::variant<std::string, ApiError>;

/// Why there is nothing to say where no language server is managed.
[[nodiscard]] ApiError no_language_server();

/// antigravity-proxy.quota.v1. What is not known is null, with the reason beside it.
[[nodiscard]] Document quota_document(const std::variant<QuotaAnswer, ApiError>& answer,
                                      const Visibility& who,
                                      usage::Micros now);

/// The list of OpenAI's API.
/// @param id  one of them instead; empty: all.
[[nodiscard]] Document models_document(const ModelsAnswer& answer,
                                       const Visibility& who,
                                       const std::string& id = {});

/// antigravity-proxy.sessions.v1: those of the caller, or all for who sees all.
[[nodiscard]] Document sessions_document(const ls::SessionList& list,
                                         const Visibility& who,
                                         usage::Micros now);

}  // namespace agp::api
