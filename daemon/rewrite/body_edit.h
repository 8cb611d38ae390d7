#pragma once

#include "common/base/bytes.h"
#include "daemon/rewrite/fault.h"
#include "daemon/rewrite/fields.h"
#include "daemon/rewrite/rules.h"

#include <optional>
#include <string>
#include <string_view>

/// The optional request rules: add or replace the system instruction, map the model.
/// Source: the providers' API references; Code Assist wraps the Gemini request in `request`.
namespace agp::rewrite {

enum class Shape {
  code_assist,       // /v1internal:…: model, request.systemInstruction
  gemini,            // …/models/M:generateContent: model in the path, systemInstruction
  anthropic,         // /v1/messages: model, system
  openai_chat,       // /v1/chat/completions: model, messages[role=system|developer]
  openai_responses,  // /v1/responses: model, instructions
  openai_model,      // /v1/completions, /v1/embeddings: model alone
};

/// What has to happen to one request. Nothing when `applies` is false and there is no refusal.
struct EditPlan {
  bool applies = false;
  bool needs_body = false;
  Shape shape = Shape::gemini;
  std::string content_encoding;
  std::string target;  // what upstream is asked for; as sent unless it names a mapped model
  std::optional<Answer> refusal;
};

/// @param edits  null: nothing applies.
[[nodiscard]] EditPlan plan_edit(const BodyEdits* edits,
                                 std::string_view method,
                                 std::string_view target,
                                 const Fields& fields);

struct EditedBody {
  std::string body;  // not content-coded
  bool changed = false;
  std::optional<Answer> refusal;
};

/// Every octet outside the edited values stays as it was.
[[nodiscard]] EditedBody edit_body(const BodyEdits& edits,
                                   Shape shape,
                                   std::string_view content_encoding,
                                   Bytes body);

[[nodiscard]] Answer too_large_answer();

}  // namespace agp::rewrite
