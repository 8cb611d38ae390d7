#include "daemon/rewrite/body_edit.h"

#include "daemon/coding/decoder.h"
#include "daemon/rewrite/json_text.h"
#include "daemon/rewrite/limits.h"
#include "daemon/rewrite/request_check.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace agp::rewrite {
namespace {

Answer refusal(unsigned status, std::string_view code, std::string_view message) {
  return {status, "invalid_request", std::string(code), std::string(message),
          "A rule of the policy edits requests of this kind; it is never skipped."};
}

std::string_view last_segment(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

/// The part of the last segment behind the colon: the method of Google's APIs.
std::string_view google_method(std::string_view path) {
  const std::string_view last = last_segment(path);
  const std::size_t colon = last.find(':');
  return colon == std::string_view::npos ? std::string_view() : last.substr(colon + 1);
}

bool is_google_call(std::string_view method) {
  static constexpr std::array<std::string_view, 3> kMethods = {
      "generateContent", "streamGenerateContent", "countTokens"};
  return std::ranges::find(kMethods, method) != kMethods.end();
}

/// The path as a server may understand it: what may stand for itself is decoded. Nothing when a
/// server could take it for more than one path.
std::optional<std::string> plain_path(std::string_view path) {
  std::string plain;
  for (std::size_t i = 0; i < path.size(); ++i) {
    unsigned octet = static_cast<unsigned char>(path[i]);
    if (path[i] == '%') {
      const std::string_view digits = path.substr(i + 1, 2);
      const auto [end, ec] =
          std::from_chars(digits.data(), digits.data() + digits.size(), octet, 16);
      if (ec != std::errc() || digits.size() != 2 || end != digits.data() + 2) {
        return std::nullopt;
      }
      i += 2;
      constexpr std::string_view kSpecial = "/?#%;\\";
      if (octet <= 0x20 || octet >= 0x7f ||
          kSpecial.find(static_cast<char>(octet)) != std::string_view::npos) {
        return std::nullopt;
      }
    }
    plain += static_cast<char>(octet);
  }
  for (const std::string_view odd : {"//", "/.", ";", "\\"}) {
    if (plain.find(odd) != std::string::npos) {
      return std::nullopt;
    }
  }
  return plain;
}

std::optional<Shape> shape_of(std::string_view path) {
  if (is_google_call(google_method(path))) {
    return last_segment(path).starts_with("v1internal:") ? Shape::code_assist : Shape::gemini;
  }
  if (path.ends_with("/v1/messages") || path.ends_with("/v1/messages/count_tokens")) {
    return Shape::anthropic;
  }
  if (path.ends_with("/chat/completions")) {
    return Shape::openai_chat;
  }
  if (path.ends_with("/v1/responses")) {
    return Shape::openai_responses;
  }
  if (path.ends_with("/v1/completions") || path.ends_with("/v1/embeddings")) {
    return Shape::openai_model;
  }
  return std::nullopt;
}

/// Calls that carry models and instructions in a form that is not edited here.
bool is_uneditable(std::string_view path, const Fields& fields) {
  const Field* type = find(fields, "content-type");
  const bool is_grpc = type != nullptr && (type->value.starts_with("application/grpc") ||
                                           type->value.starts_with("application/connect") ||
                                           type->value.starts_with("application/proto"));
  const std::string_view google = google_method(path);
  return (is_grpc && path.ends_with("GenerateContent")) || path.ends_with("/v1/messages/batches") ||
         google == "batchGenerateContent" || google == "batchEmbedContents";
}

bool is_json(const Fields& fields) {
  const Field* type = find(fields, "content-type");
  if (type == nullptr) {
    return true;  // The body will tell.
  }
  const std::string_view name =
      trimmed(std::string_view(type->value).substr(0, type->value.find(';')));
  return same_name(name, "application/json") || same_name(name, "text/json") ||
         (name.size() > 5 && same_name(name.substr(name.size() - 5), "+json"));
}

const std::string* mapped(const BodyEdits& edits, std::string_view model) {
  const auto named = [&](std::string_view from) {
    return std::ranges::find_if(edits.models, [&](const auto& each) { return each.first == from; });
  };
  auto found = named(model);
  if (found == edits.models.end()) {
    found = named("*");
  }
  return found == edits.models.end() || found->second == model ? nullptr : &found->second;
}

/// The model in `…/models/M:method`, replaced.
std::string mapped_target(const BodyEdits& edits, std::string_view path) {
  const std::string_view last = last_segment(path);
  const std::size_t begin = path.size() - last.size();
  const std::string_view model = last.substr(0, last.find(':'));
  const std::string* to = mapped(edits, model);
  if (to == nullptr) {
    return std::string(path);
  }
  std::string result(path);
  return result.replace(begin, model.size(), *to);
}

// ------------------------------------------------------------------------------------------------

class Editor {
 public:
  Editor(const BodyEdits& edits, std::string text) : edits_(edits), text_(std::move(text)) {}

  void edit(Shape shape);
  [[nodiscard]] EditedBody result() && { return {std::move(text_), changed_, std::move(refusal_)}; }

 private:
  void map_model();
  void google(JsonSpan object);
  void google_parts(JsonSpan instruction);
  void anthropic();
  void openai_chat();
  void openai_responses();
  [[nodiscard]] std::optional<JsonMember> member(JsonSpan object, std::string_view name);
  /// Text into a string value; `value` absent: a new member of that name.
  void put_text(JsonSpan object, std::string_view name, const std::optional<JsonMember>& found);
  void replace(JsonSpan span, std::string_view with);
  void insert(std::size_t at, std::string_view what) { replace({at, at}, what); }
  void insert_member(JsonSpan object, std::string_view name, std::string_view value);
  void append_element(JsonSpan array, std::string_view value);
  void refuse(std::string_view message) {
    if (!refusal_) {
      refusal_ = refusal(400, "unexpected_json", message);
    }
  }
  [[nodiscard]] JsonSpan root() const { return json_root(text_); }
  [[nodiscard]] bool adds() const { return edits_.system == BodyEdits::System::add; }
  [[nodiscard]] char kind(JsonSpan span) const { return text_[span.begin]; }
  [[nodiscard]] bool is_absent(const std::optional<JsonMember>& found) const {
    return !found || kind(found->value) == 'n';
  }

  const BodyEdits& edits_;
  std::string text_;
  bool changed_ = false;
  std::optional<Answer> refusal_;
};

void Editor::edit(Shape shape) {
  if (kind(root()) != '{') {
    return refuse("The body of this request is no JSON object.");
  }
  // A model that only the path names was mapped there.
  if (shape != Shape::gemini && !edits_.models.empty()) {
    map_model();
  }
  if (refusal_ || edits_.system == BodyEdits::System::keep) {
    return;
  }
  switch (shape) {
    case Shape::code_assist: {
      const auto request = member(root(), "request");
      if (!request || kind(request->value) != '{') {
        return refuse("`request` is no object.");
      }
      return google(request->value);
    }
    case Shape::gemini:
      return google(root());
    case Shape::anthropic:
      return anthropic();
    case Shape::openai_chat:
      return openai_chat();
    case Shape::openai_responses:
      return openai_responses();
    case Shape::openai_model:
      return refuse("Requests of this kind have no system instruction that a rule could edit.");
  }
}

void Editor::map_model() {
  const auto model = member(root(), "model");
  if (refusal_) {
    return;
  }
  if (!model || kind(model->value) != '"') {
    return refuse("`model` is no string.");
  }
  const std::string sent = json_string(text_, model->value);
  const std::string_view prefix = sent.starts_with("models/") ? "models/" : "";
  if (const std::string* to = mapped(edits_, std::string_view(sent).substr(prefix.size()))) {
    replace(model->value, json_quoted(std::string(prefix) + *to));
  }
}

void Editor::google(JsonSpan object) {
  auto found = member(object, "systemInstruction");
  const auto other = member(object, "system_instruction");
  if (refusal_) {
    return;
  }
  if (found && other) {
    return refuse("`systemInstruction` and `system_instruction` in one request.");
  }
  if (!found) {
    found = other;
  }
  const std::string part = R"({"text":)" + json_quoted(edits_.system_text) + '}';
  const std::string whole = R"({"role":"user","parts":[)" + part + "]}";
  if (!found) {
    return insert_member(object, "systemInstruction", whole);
  }
  if (is_absent(found) || !adds()) {
    return replace(found->value, whole);
  }
  if (kind(found->value) != '{') {
    return refuse("`systemInstruction` is no object.");
  }
  const auto parts = member(found->value, "parts");
  if (is_absent(parts)) {
    return parts ? replace(parts->value, '[' + part + ']')
                 : insert_member(found->value, "parts", '[' + part + ']');
  }
  if (kind(parts->value) != '[') {
    return refuse("`systemInstruction.parts` is no array.");
  }
  append_element(parts->value, part);
}

void Editor::anthropic() {
  const auto found = member(root(), "system");
  if (refusal_) {
    return;
  }
  if (found && adds() && kind(found->value) == '[') {
    return append_element(found->value,
                          R"({"type":"text","text":)" + json_quoted(edits_.system_text) + '}');
  }
  if (found && !adds() && kind(found->value) == '[') {
    return replace(found->value, json_quoted(edits_.system_text));
  }
  put_text(root(), "system", found);
}

void Editor::openai_responses() {
  const auto found = member(root(), "instructions");
  if (!refusal_) {
    put_text(root(), "instructions", found);
  }
}

/// System messages stand first. Added: behind them. Replaced: they go, wherever they stand.
void Editor::openai_chat() {
  const auto messages = member(root(), "messages");
  if (refusal_) {
    return;
  }
  if (!messages || kind(messages->value) != '[') {
    return refuse("`messages` is no array.");
  }
  const std::vector<JsonSpan> elements = json_elements(text_, messages->value);
  std::string role = "system";
  std::size_t leading = 0;
  std::vector<std::string> kept;
  for (const JsonSpan& element : elements) {
    if (kind(element) != '{') {
      return refuse("An element of `messages` is no object.");
    }
    const auto found = member(element, "role");
    if (refusal_ || !found || kind(found->value) != '"') {
      return refuse("A message without a `role`.");
    }
    const std::string name = json_string(text_, found->value);
    const bool is_system = name == "system" || name == "developer";
    if (is_system) {
      role = name;
    }
    if (is_system && leading == kept.size()) {
      ++leading;
    }
    if (adds() || !is_system) {
      kept.emplace_back(text_, element.begin, element.end - element.begin);
    } else {
      leading = 0;
    }
  }
  const std::string message =
      R"({"role":")" + role + R"(","content":)" + json_quoted(edits_.system_text) + '}';
  if (adds() && !elements.empty()) {
    return leading == 0 ? insert(elements.front().begin, message + ',')
                        : insert(elements[leading - 1].end, ',' + message);
  }
  std::string whole = '[' + message;
  for (const std::string& each : kept) {
    whole += ',' + each;
  }
  replace(messages->value, whole + ']');
}

void Editor::put_text(JsonSpan object,
                      std::string_view name,
                      const std::optional<JsonMember>& found) {
  if (!found) {
    return insert_member(object, name, json_quoted(edits_.system_text));
  }
  if (is_absent(found)) {
    return replace(found->value, json_quoted(edits_.system_text));
  }
  if (kind(found->value) != '"') {
    return refuse("The system instruction is no text.");
  }
  const std::string before = adds() ? json_string(text_, found->value) : std::string();
  replace(found->value,
          json_quoted(before.empty() ? edits_.system_text : before + "\n\n" + edits_.system_text));
}

std::optional<JsonMember> Editor::member(JsonSpan object, std::string_view name) {
  std::optional<JsonMember> found;
  for (JsonMember& each : json_members(text_, object)) {
    if (!same_name(each.name, name)) {
      continue;
    }
    // Some servers do not mind the case, and take the last of such keys.
    if (each.name != name) {
      refuse("A key that a rule edits is there in another spelling.");
      return std::nullopt;
    }
    if (found) {
      refuse("A key that a rule edits is there twice.");
      return std::nullopt;
    }
    found = std::move(each);
  }
  return found;
}

void Editor::replace(JsonSpan span, std::string_view with) {
  text_.replace(span.begin, span.end - span.begin, with);
  changed_ = true;
}

void Editor::insert_member(JsonSpan object, std::string_view name, std::string_view value) {
  const bool is_empty = json_members(text_, object).empty();
  insert(object.begin + 1,
         '"' + std::string(name) + "\":" + std::string(value) + (is_empty ? "" : ","));
}

void Editor::append_element(JsonSpan array, std::string_view value) {
  const std::vector<JsonSpan> elements = json_elements(text_, array);
  elements.empty() ? insert(array.begin + 1, value)
                   : insert(elements.back().end, ',' + std::string(value));
}

// ------------------------------------------------------------------------------------------------

class Collector final : public coding::Sink {
 public:
  void on_decoded(Bytes bytes) override {
    if (text.size() <= kMaxEditedBody) {
      text += as_text(bytes);
    }
  }
  std::string text;
};

}  // namespace

Answer too_large_answer() {
  return refusal(413, "body_too_large",
                 "The request's body is larger than the 32 MiB that a rule can edit.");
}

EditPlan plan_edit(const BodyEdits* edits,
                   std::string_view method,
                   std::string_view target,
                   const Fields& fields) {
  EditPlan plan;
  plan.target = target;
  if (edits == nullptr || edits->empty() || !may_be_post(method, fields)) {
    return plan;
  }
  const std::optional<std::string> plain = plain_path(path_of(target));
  if (!plain) {
    plan.refusal = refusal(400, "ambiguous_path",
                           "The path is written in a way that servers may read differently.");
    return plan;
  }
  std::string_view path = *plain;
  if (path.size() > 1 && path.ends_with('/')) {
    path.remove_suffix(1);
  }
  if (is_uneditable(path, fields)) {
    plan.refusal = refusal(415, "not_editable",
                           "Requests of this kind carry the model or the system instruction in a "
                           "form that cannot be edited.");
    return plan;
  }
  const auto shape = shape_of(path);
  if (!shape) {
    return plan;
  }
  plan.applies = true;
  plan.shape = *shape;
  // Counting takes the instruction too: the figure must be the one of the real request.
  plan.needs_body = !edits->models.empty() || edits->system != BodyEdits::System::keep;
  if (*shape == Shape::gemini) {
    plan.target = mapped_target(*edits, path) + std::string(target.substr(path_of(target).size()));
    // Without generateContentRequest around it, countTokens knows no instruction.
    plan.needs_body =
        edits->system != BodyEdits::System::keep && google_method(path) != "countTokens";
  }
  if (*shape == Shape::code_assist && google_method(path) == "countTokens") {
    plan.applies = false;
    return plan;
  }
  if (*shape == Shape::openai_model && edits->models.empty()) {
    plan.needs_body = true;  // refused there, with the reason
  }
  if (plan.needs_body && !is_json(fields)) {
    plan.refusal = refusal(415, "not_json", "The request's Content-Type is not JSON.");
    return plan;
  }
  for (const std::string_view coding : tokens(fields, "content-encoding")) {
    plan.content_encoding += plan.content_encoding.empty() ? "" : ", ";
    plan.content_encoding += coding;
  }
  return plan;
}

EditedBody edit_body(const BodyEdits& edits,
                     Shape shape,
                     std::string_view content_encoding,
                     Bytes body) {
  EditedBody failed;
  std::string text;
  if (content_encoding.empty()) {
    text = as_text(body);
  } else {
    coding::Budget budget;
    budget.max_decoded = kMaxEditedBody + 1;
    coding::Decoder decoder(content_encoding, budget);
    Collector collector;
    decoder.feed(body, &collector);
    switch (decoder.finish()) {
      case coding::Status::good:
        break;
      case coding::Status::too_large:
        failed.refusal = too_large_answer();
        return failed;
      case coding::Status::unknown:
        failed.refusal = refusal(415, "unknown_coding",
                                 "The request's Content-Encoding cannot be decoded here.");
        return failed;
      case coding::Status::truncated:
      case coding::Status::broken:
        failed.refusal = refusal(400, "broken_coding",
                                 "The request's body is not what its Content-Encoding says.");
        return failed;
    }
    text = std::move(collector.text);
  }
  if (text.size() > kMaxEditedBody) {
    failed.refusal = too_large_answer();
    return failed;
  }
  if (!is_json_text(text)) {
    failed.refusal = refusal(400, "bad_json", "The request's body is no valid JSON.");
    return failed;
  }
  Editor editor(edits, std::move(text));
  editor.edit(shape);
  return std::move(editor).result();
}

}  // namespace agp::rewrite
