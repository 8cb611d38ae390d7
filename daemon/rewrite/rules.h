#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agp::rewrite {

/// What a method and path rule says about one request.
struct Verdict {
  bool allowed = true;
  std::string reason;  // for the client and the journal
  std::string where;   // the rule: file:line, or its name
};

/// One change to the fields of a message. Framing and routing fields cannot be edited.
struct FieldEdit {
  enum class Action {
    set,     // replaces all of that name, in the place of the first; added at the end if absent
    add,     // one more, at the end
    remove,  // all of that name
  };
  Action action = Action::set;
  std::string name;
  std::string value;

  friend bool operator==(const FieldEdit&, const FieldEdit&) = default;
};

/// Changes to the JSON body of a model request (and to a model named in its path).
struct BodyEdits {
  enum class System { keep, add, replace };
  System system = System::keep;
  std::string system_text;
  /// From and to; "*" as from is each model that no other entry names.
  std::vector<std::pair<std::string, std::string>> models;
  std::string where = {};  // the rule, for the journal

  [[nodiscard]] bool empty() const { return system == System::keep && models.empty(); }
  friend bool operator==(const BodyEdits&, const BodyEdits&) = default;
};

/// What policy wants done on the connections to one host. Outlives the relay; calls are cheap.
class Rules {
 public:
  virtual ~Rules() = default;

  /// @param target  in origin form with its query, as sent.
  [[nodiscard]] virtual Verdict check(std::string_view method, std::string_view target) const = 0;

  [[nodiscard]] virtual std::span<const FieldEdit> request_edits() const { return {}; }
  [[nodiscard]] virtual std::span<const FieldEdit> response_edits() const { return {}; }

  /// Codings that Accept-Encoding may name; empty: no limit. `identity` is always allowed.
  [[nodiscard]] virtual std::span<const std::string> accept_encodings() const { return {}; }

  /// Null: nothing is edited. Applies to the requests whose body has a model and a system
  /// instruction; a request of that kind that cannot be edited is refused.
  [[nodiscard]] virtual const BodyEdits* body_edits() const { return nullptr; }
};

}  // namespace agp::rewrite
