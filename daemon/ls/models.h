#pragma once

#include "common/base/result.h"

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

namespace agp::ls {

/// One model as the language server offers it. Which model a MODEL_PLACEHOLDER slot means is
/// decided by the service and changes: resolved at run time, never hard-coded.
struct Model {
  std::string label;      // "Gemini 3 Pro (High)"
  std::string enum_name;  // "MODEL_PLACEHOLDER_M8"
  bool is_recommended = false;
  bool is_disabled = false;
};

/// One message ClientModelConfig.
[[nodiscard]] Model read_model_config(const boost::json::object& config);

class ModelCatalogue {
 public:
  /// Reads the answer of GetUserStatus or GetCascadeModelConfigData. No models is not an error:
  /// that is what a language server says that is not signed in.
  [[nodiscard]] static Result<ModelCatalogue> parse(std::string_view json);

  /// @param name  empty (the default model), a label, its slug ("gemini-3-pro-high"), or an enum
  ///              name; anything that starts with MODEL_ passes, known or not.
  /// @return Errc::unknown_model; the context names what there is.
  [[nodiscard]] Result<Model> resolve(std::string_view name) const;

  [[nodiscard]] const std::vector<Model>& models() const { return models_; }

 private:
  std::vector<Model> models_;
  std::string default_enum_name_;
};

/// Lower case, runs of other characters become one dash: the form people type.
[[nodiscard]] std::string slug(std::string_view label);

}  // namespace agp::ls
