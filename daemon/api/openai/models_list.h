#pragma once

#include "daemon/api/http.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// `GET /v1/models` and `GET /v1/models/{id}`.
namespace agp::api::openai {

struct ModelEntry {
  std::string id;            // what a request names
  std::string display_name;  // for people; may be empty
  bool is_recommended = false;
};

/// @param known_since  seconds since 1970: when this list was read. Clients insist on a number for
///                     `created`, and nobody says when a model was made.
[[nodiscard]] Response render_models(const std::vector<ModelEntry>& models,
                                     std::int64_t known_since);

/// One of them, or the refusal that OpenAI gives.
[[nodiscard]] Response render_model(const std::vector<ModelEntry>& models,
                                    std::string_view id,
                                    std::int64_t known_since);

}  // namespace agp::api::openai
