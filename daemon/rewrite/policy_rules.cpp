#include "daemon/rewrite/policy_rules.h"

namespace agp::rewrite {

PolicyRules::PolicyRules(std::shared_ptr<const policy::Policy> policy,
                         std::string host,
                         std::vector<std::string> decodable)
    : policy_(std::move(policy)), host_(std::move(host)) {
  const policy::HostEdits* edits = policy_->edits(host_);
  if (edits == nullptr) {
    return;
  }
  for (const policy::HeaderEdit& edit : edits->headers) {
    auto& into = edit.direction == policy::HeaderEdit::Direction::request ? request_ : response_;
    into.push_back({edit.op == policy::HeaderEdit::Op::set ? FieldEdit::Action::set
                                                           : FieldEdit::Action::remove,
                    edit.name, edit.value});
  }
  if (edits->limit_accept_encoding) {
    codings_ = std::move(decodable);
  }
  if (edits->system_instruction) {
    using Mode = policy::SystemInstruction::Mode;
    body_.system = edits->system_instruction->mode == Mode::add ? BodyEdits::System::add
                                                                : BodyEdits::System::replace;
    body_.system_text = edits->system_instruction->text;
    body_.where = edits->system_instruction->where;
  }
  for (const policy::ModelMap& map : edits->map_model) {
    body_.models.emplace_back(map.from, map.to);
    if (body_.where.empty()) {
      body_.where = map.where;
    }
  }
}

Verdict PolicyRules::check(std::string_view method, std::string_view target) const {
  policy::HttpVerdict verdict = policy_->check(host_, method, target);
  return {verdict.allowed, std::move(verdict.reason), std::move(verdict.where)};
}

}  // namespace agp::rewrite
