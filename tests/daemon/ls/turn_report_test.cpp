#include "daemon/ls/turn_report.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

class Notes final : public ConversationWatcher {
 public:
  void on_conversation(const std::string& instance, const std::string& cascade_id) override {
    said.push_back(instance + " has " + cascade_id);
  }
  void on_trajectory(const std::string&,
                     const std::string& cascade_id,
                     const std::string& trajectory_id) override {
    said.push_back(cascade_id + " is " + trajectory_id);
  }
  void on_running(const std::string&, const std::string& cascade_id, bool is_running) override {
    said.push_back(cascade_id + (is_running ? " runs" : " rests"));
  }
  void on_response(const std::string& cascade_id,
                   const std::string& trajectory_id,
                   const NamedResponse& response) override {
    said.push_back(cascade_id + ' ' + trajectory_id + " got " + response.response_id);
  }
  std::vector<std::string> said;
};

TEST(TurnReport, SaysEachThingOnceAndTheEndInAnyCase) {
  Notes notes;
  {
    TurnReport report(&notes, "ls1");
    report.begin("C");
    report.see("", {});
    report.see("T", {{"r1", 1}});
    report.see("T", {{"r1", 1}});
    report.see("T", {{"r1", 1}, {"r2", 3}});
    report.see("T", {{"r2", 3}, {"r3", 4}});  // of another look that begins anew
    EXPECT_EQ(notes.said, (std::vector<std::string>{"ls1 has C", "C runs", "C is T"}));
  }
  EXPECT_EQ(notes.said, (std::vector<std::string>{"ls1 has C", "C runs", "C is T", "C T got r1",
                                                  "C T got r2", "C T got r3", "C rests"}));
}

TEST(TurnReport, ATurnThatNeverBeganIsNotTold) {
  Notes notes;
  { const TurnReport report(&notes, "ls1"); }
  EXPECT_TRUE(notes.said.empty());
}

TEST(TurnReport, NeedsNoWatcher) {
  TurnReport report(nullptr, "ls1");
  report.begin("C");
  report.see("T", {{"r1", 1}});
  report.end();
}

}  // namespace
}  // namespace agp::ls
