#pragma once

#include "daemon/policy/policy.h"
#include "daemon/rewrite/rules.h"

#include <memory>
#include <string>
#include <vector>

namespace agp::rewrite {

/// The rules of one host, as the policy has them. A connection keeps the policy it began with.
class PolicyRules final : public Rules {
 public:
  /// @param host       the SNI, lower case.
  /// @param decodable  codings that we can read: what Accept-Encoding is limited to.
  PolicyRules(std::shared_ptr<const policy::Policy> policy,
              std::string host,
              std::vector<std::string> decodable = {"gzip", "deflate", "br", "zstd"});

  [[nodiscard]] Verdict check(std::string_view method, std::string_view target) const override;
  [[nodiscard]] std::span<const FieldEdit> request_edits() const override { return request_; }
  [[nodiscard]] std::span<const FieldEdit> response_edits() const override { return response_; }
  [[nodiscard]] std::span<const std::string> accept_encodings() const override { return codings_; }
  [[nodiscard]] const BodyEdits* body_edits() const override {
    return body_.empty() ? nullptr : &body_;
  }

 private:
  std::shared_ptr<const policy::Policy> policy_;
  std::string host_;
  std::vector<FieldEdit> request_;
  std::vector<FieldEdit> response_;
  std::vector<std::string> codings_;
  BodyEdits body_;
};

}  // namespace agp::rewrite
