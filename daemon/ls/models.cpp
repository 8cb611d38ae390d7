#include "daemon/ls/models.h"

#include "daemon/ls/errors.h"
#include "daemon/ls/json_path.h"

#include <algorithm>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace agp::ls {
namespace {

constexpr std::size_t kModelLimit = 1024;
constexpr std::string_view kEnumPrefix = "MODEL_";

}  // namespace

Model read_model_config(const boost::json::object& config) {
  Model model;
  model.label = text_at(config, "label");
  model.enum_name = text_at(config, "modelOrAlias", "model");
  model.is_recommended = flag_at(config, "isRecommended");
  model.is_disabled = flag_at(config, "disabled");
  return model;
}

std::string slug(std::string_view label) {
  std::string out;
  for (const char c : label) {
    const bool upper = c >= 'A' && c <= 'Z';
    // The dot of "Gemini 2.5" stays: that is how the service itself writes its model names.
    if (upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.') {
      out += upper ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  while (out.ends_with('-')) {
    out.pop_back();
  }
  return out;
}

Result<ModelCatalogue> ModelCatalogue::parse(std::string_view json) {
  boost::system::error_code ec;
  const boost::json::value root = boost::json::parse({json.data(), json.size()}, ec);
  const boost::json::object* data = ec ? nullptr : root.if_object();
  if (data == nullptr) {
    return Error{Errc::bad_answer, "model list"};
  }
  if (const auto* nested = object_at(*data, "userStatus")) {
    data = object_at(*nested, "cascadeModelConfigData");
  }
  ModelCatalogue catalogue;
  const auto* configs = data == nullptr ? nullptr : array_at(*data, "clientModelConfigs");
  if (configs == nullptr) {
    return catalogue;
  }
  for (const boost::json::value& config : *configs) {
    const auto* object = config.if_object();
    if (object == nullptr || catalogue.models_.size() >= kModelLimit) {
      continue;
    }
    Model model = read_model_config(*object);
    if (!model.enum_name.empty()) {  // aliases have no name of their own to ask for
      catalogue.models_.push_back(std::move(model));
    }
  }
  if (const auto* preset = object_at(*data, "defaultOverrideModelConfig")) {
    catalogue.default_enum_name_ = text_at(*preset, "modelOrAlias", "model");
  }
  return catalogue;
}

Result<Model> ModelCatalogue::resolve(std::string_view name) const {
  const auto first = [this](auto&& matches) -> const Model* {
    const auto found = std::find_if(models_.begin(), models_.end(), matches);
    return found == models_.end() ? nullptr : &*found;
  };
  if (name.starts_with(kEnumPrefix)) {
    const Model* known = first([&](const Model& model) { return model.enum_name == name; });
    return known != nullptr ? *known : Model{std::string(name), std::string(name), false, false};
  }
  const Model* found = nullptr;
  if (name.empty()) {
    const auto usable = [](const Model& model) {
      return !model.is_disabled;
    };
    found = first([&](const Model& model) {
      return usable(model) && !default_enum_name_.empty() && model.enum_name == default_enum_name_;
    });
    found = found != nullptr
                ? found
                : first([&](const Model& model) { return usable(model) && model.is_recommended; });
    found = found != nullptr ? found : first(usable);
  } else {
    const std::string wanted = slug(name);
    found = first([&](const Model& model) {
      return !model.is_disabled && (model.label == name || slug(model.label) == wanted);
    });
  }
  if (found != nullptr) {
    return *found;
  }
  std::string known;
  for (const Model& model : models_) {
    if (!model.is_disabled && !model.label.empty()) {
      known += (known.empty() ? "" : ", ") + slug(model.label);
    }
  }
  if (known.empty()) {
    return Error{Errc::unknown_model,
                 "the language server offers no models; check that the IDE is signed in"};
  }
  return Error{Errc::unknown_model, (name.empty() ? std::string("no default model")
                                                  : "model \"" + std::string(name) + "\"") +
                                        "; known models: " + known};
}

}  // namespace agp::ls
