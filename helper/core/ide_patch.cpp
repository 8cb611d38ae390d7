#include "helper/core/ide_patch.h"

#include <utility>

namespace agp::core {

Result<ExtensionOutcome> IdePatch::look() {
  auto settings = settings_();
  if (!settings) {
    return settings.error();
  }
  ExtensionOutcome outcome;
  for (const auto& path : settings->extensions) {
    outcome.files.push_back(files_->look(path));
  }
  return outcome;
}

Result<ExtensionOutcome> IdePatch::apply() {
  return change([this](const std::string& path) { return files_->apply(path); });
}

Result<ExtensionOutcome> IdePatch::revert(ExtensionFiles::WhenUndone when_undone) {
  return change(
      [this, when_undone](const std::string& path) { return files_->revert(path, when_undone); });
}

Result<ExtensionOutcome> IdePatch::change(
    const std::function<ExtensionFiles::Change(const std::string&)>& each) {
  auto settings = settings_();
  if (!settings) {
    return settings.error();
  }
  auto lock = trust_->lock();
  if (!lock) {
    return lock.error();
  }
  ExtensionOutcome outcome;
  for (const auto& path : settings->extensions) {
    auto done = each(path);
    outcome.changed = outcome.changed || done.changed;
    outcome.files.push_back(std::move(done.report));
  }
  return outcome;
}

}  // namespace agp::core
