#include "daemon/api/openai/models_list.h"

#include <algorithm>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace agp::api::openai {
namespace {

namespace json = boost::json;

json::object model_object(const ModelEntry& model, std::int64_t known_since) {
  json::object own;
  own["display_name"] =
      model.display_name.empty() ? json::value(nullptr) : json::value(model.display_name);
  own["recommended"] = model.is_recommended;
  return {{"id", model.id},
          {"object", "model"},
          {"created", known_since},
          {"owned_by", "antigravity"},
          {"antigravity_proxy", std::move(own)}};
}

Response answer(const json::object& document) {
  Response response;
  response.body = json::serialize(document) + "\n";
  return response;
}

}  // namespace

Response render_models(const std::vector<ModelEntry>& models, std::int64_t known_since) {
  json::array data;
  for (const auto& model : models) {
    data.push_back(model_object(model, known_since));
  }
  return answer({{"object", "list"}, {"data", std::move(data)}});
}

Response render_model(const std::vector<ModelEntry>& models,
                      std::string_view id,
                      std::int64_t known_since) {
  const auto found = std::ranges::find(models, id, &ModelEntry::id);
  if (found == models.end()) {
    return error_response(
        {404, "invalid_request_error", "model_not_found", "there is no such model",
         "GET /v1/models lists those there are", "model"},
        true);
  }
  return answer(model_object(*found, known_since));
}

}  // namespace agp::api::openai
