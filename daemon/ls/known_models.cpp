#include "daemon/ls/known_models.h"

namespace agp::ls {

const std::vector<Model>& known_models() {
  static const std::vector<Model> kModels = {
      {"Gemini 3.6 Flash (High)", "", false, false},
      {"Gemini 3.1 Pro (High)", "", false, false},
      {"Gemini 3.1 Pro (Low)", "", false, false},
      {"Gemini 3 Pro (High)", "", false, false},
      {"Gemini 3 Pro (Low)", "", false, false},
      {"Gemini 3 Flash", "", false, false},
      {"Claude Opus 4.6 (Thinking)", "", false, false},
      {"Claude Sonnet 4.6 (Thinking)", "", false, false},
      {"GPT-OSS 120B (Medium)", "", false, false},
  };
  return kModels;
}

}  // namespace agp::ls
