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

enum class ModelSource {
  language_server,
  catalogue,  // nobody could be asked: names that are known, whether or not they can be used
};

/// Where a list is from, and what there is to say about it.
struct ListOrigin {
  ModelSource source = ModelSource::language_server;
  std::string problem;  // why it is not what the language server says now; may be empty
  std::string remedy;
};

/// Null when there is none of that name.
[[nodiscard]] const ModelEntry* find_model(const std::vector<ModelEntry>& models,
                                           std::string_view id);
/// The refusal that OpenAI gives for a name that is none.
[[nodiscard]] ApiError no_such_model();

/// @param known_since  seconds since 1970: when this list was read. Clients insist on a number for
///                     `created`, and nobody says when a model was made.
[[nodiscard]] Response render_models(const std::vector<ModelEntry>& models,
                                     std::int64_t known_since,
                                     const ListOrigin& origin = {});

/// One of them, or the refusal that OpenAI gives.
[[nodiscard]] Response render_model(const std::vector<ModelEntry>& models,
                                    std::string_view id,
                                    std::int64_t known_since);

}  // namespace agp::api::openai
