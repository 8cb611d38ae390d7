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

const char* name(ModelSource source) {
  switch (source) {
    case ModelSource::language_server:
      return "language_server";
    case ModelSource::catalogue:
      return "catalogue";
  }
  return "";
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

Response answer(const json::object& document) {
  Response response;
  response.body = json::serialize(document) + "\n";
  return response;
}

}  // namespace

const ModelEntry* find_model(const std::vector<ModelEntry>& models, std::string_view id) {
  const auto found = std::ranges::find(models, id, &ModelEntry::id);
  return found == models.end() ? nullptr : &*found;
}

ApiError no_such_model() {
  return {404,
          "invalid_request_error",
          "model_not_found",
          "there is no such model",
          "GET /v1/models lists those there are",
          "model"};
}

Response render_models(const std::vector<ModelEntry>& models,
                       std::int64_t known_since,
                       const ListOrigin& origin) {
  json::array data;
  for (const auto& model : models) {
    data.push_back(model_object(model, known_since));
  }
  json::object own{{"source", name(origin.source)},
                   {"problem", text_or_null(origin.problem)},
                   {"remedy", text_or_null(origin.remedy)}};
  return answer(
      {{"object", "list"}, {"data", std::move(data)}, {"antigravity_proxy", std::move(own)}});
}

Response render_model(const std::vector<ModelEntry>& models,
                      std::string_view id,
                      std::int64_t known_since) {
  const auto* found = find_model(models, id);
  if (found == nullptr) {
    return error_response(no_such_model(), true);
  }
  return answer(model_object(*found, known_since));
}

}  // namespace agp::api::openai
