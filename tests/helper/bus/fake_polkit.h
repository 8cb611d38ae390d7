#pragma once

#include "common/bus/compat.h"
#include "common/bus/connection.h"
#include "polkit_adaptor.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace agp::helper {

enum class Verdict { yes, no, challenge, error };

/// A polkit that says what it is told, and when.
using PolkitAnswer = sdbus::Struct<bool, bool, std::map<std::string, std::string>>;

class FakePolkit final
    : public sdbus::AdaptorInterfaces<org::freedesktop::PolicyKit1::Authority_adaptor> {
 public:
  explicit FakePolkit(bus::Connection* connection)
      : AdaptorInterfaces(connection->raw(),
                          bus::compat::ObjectPath("/org/freedesktop/PolicyKit1/Authority")),
        connection_(connection) {
    registerAdaptor();
  }
  ~FakePolkit() { unregisterAdaptor(); }

  Verdict verdict = Verdict::yes;
  bool holds = false;  // answers come with release()
  std::vector<std::string> actions;
  std::vector<std::string> subjects;
  std::function<void()> on_question;

  [[nodiscard]] std::size_t held() const { return held_.size(); }

  /// Answers the questions that were held, the last one first.
  void release() {
    for (auto held = std::exchange(held_, {}); !held.empty(); held.pop_back()) {
      answer(held.back());
    }
  }

 private:
  using Reply = std::shared_ptr<sdbus::Result<PolkitAnswer>>;

  void CheckAuthorization(sdbus::Result<PolkitAnswer>&& reply,
                          sdbus::Struct<std::string, std::map<std::string, sdbus::Variant>> subject,
                          std::string action,
                          std::map<std::string, std::string>,
                          std::uint32_t,
                          std::string) override {
    actions.push_back(action);
    subjects.push_back(std::get<0>(subject) + " " +
                       std::get<1>(subject).at("name").get<std::string>());
    if (on_question) {
      on_question();
    }
    held_.push_back(std::make_shared<sdbus::Result<PolkitAnswer>>(std::move(reply)));
    if (!holds) {
      release();
    }
  }

  void answer(const Reply& reply) {
    if (verdict == Verdict::error) {
      reply->returnError(
          bus::compat::make_error("org.freedesktop.PolicyKit1.Error.Failed", "no such luck"));
    } else {
      PolkitAnswer answer(verdict == Verdict::yes, verdict == Verdict::challenge, {});
      reply->returnResults(answer);
    }
    connection_->kick();
  }

  bus::Connection* connection_;
  std::vector<Reply> held_;
};

}  // namespace agp::helper
