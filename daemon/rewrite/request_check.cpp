#include "daemon/rewrite/request_check.h"

#include "daemon/rewrite/limits.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace agp::rewrite {
namespace {

constexpr std::array<std::string_view, 3> kMethodFields = {"x-http-method-override",
                                                           "x-method-override", "x-http-method"};
constexpr std::array<std::string_view, 2> kTargetFields = {"x-original-url", "x-rewrite-url"};

void add_new(std::vector<std::string>& list, std::string text) {
  if (std::ranges::find(list, text) == list.end()) {
    list.push_back(std::move(text));
  }
}

/// The method as it is and in capitals: servers differ about the case.
void add_method(std::vector<std::string>& methods, std::string_view method) {
  std::string capitals(method);
  std::ranges::transform(capitals, capitals.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  add_new(methods, std::string(method));
  add_new(methods, std::move(capitals));
}

std::vector<std::string> methods_of(std::string_view method, const Fields& fields) {
  std::vector<std::string> methods;
  add_method(methods, method);
  for (const std::string_view name : kMethodFields) {
    for (const std::string_view each : tokens(fields, name)) {
      if (methods.size() > kMaxOverrides) {
        return methods;
      }
      add_method(methods, each);
    }
  }
  return methods;
}

}  // namespace

Verdict check_as_understood(const Rules& rules,
                            std::string_view method,
                            std::string_view target,
                            const Fields& fields) {
  std::vector<std::string> targets = {std::string(target)};
  for (const Field& field : fields) {
    const bool is_target = std::ranges::any_of(
        kTargetFields, [&](std::string_view name) { return same_name(field.name, name); });
    if (is_target && !field.value.empty() && targets.size() <= kMaxOverrides) {
      add_new(targets, field.value);
    }
  }
  Verdict first = rules.check(method, target);
  if (!first.allowed) {
    return first;
  }
  const std::vector<std::string> methods = methods_of(method, fields);
  if (methods.size() > kMaxOverrides || targets.size() > kMaxOverrides) {
    return {false, "The request names more methods or targets than can be judged.", ""};
  }
  for (const std::string& each_method : methods) {
    for (const std::string& each_target : targets) {
      if (each_method == method && each_target == target) {
        continue;
      }
      if (Verdict verdict = rules.check(each_method, each_target); !verdict.allowed) {
        return verdict;
      }
    }
  }
  return first;
}

bool may_be_post(std::string_view method, const Fields& fields) {
  const std::vector<std::string> methods = methods_of(method, fields);
  return methods.size() > kMaxOverrides || std::ranges::find(methods, "POST") != methods.end();
}

}  // namespace agp::rewrite
