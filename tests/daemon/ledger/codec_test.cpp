#include "daemon/ledger/codec.h"

#include "tests/daemon/ledger/full_record.h"
#include "tests/daemon/ledger/support.h"

#include <limits>
#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace agp::ledger {
namespace {

std::string octets_of(const auto& value) {
  std::string out;
  encode(value, out);
  return out;
}

TEST(LedgerCodec, KeepsEveryFieldButTheSequence) {
  auto record = test::full_record();
  const auto entry = decode(as_bytes(octets_of(record)));
  ASSERT_TRUE(entry);
  record.sequence = 0;
  EXPECT_EQ(std::get<usage::Record>(*entry), record);
}

TEST(LedgerCodec, KeepsWhatIsNotKnownAsNotKnown) {
  usage::Record record;
  record.id = "01A";
  const auto entry = decode(as_bytes(octets_of(record)));
  ASSERT_TRUE(entry);
  EXPECT_EQ(std::get<usage::Record>(*entry), record);
}

quota::Sample some_sample() {
  return {{1000, quota::Kind::pool, "gemini-5h", "Gemini Models", "5h"},
          {test::at(test::kMorning), 0.1, test::at(test::kMorning + 60)}};
}

TEST(LedgerCodec, KeepsASampleOfAQuotaToTheLastBit) {
  auto sample = some_sample();
  auto entry = decode(as_bytes(octets_of(sample)));
  ASSERT_TRUE(entry);
  EXPECT_EQ(std::get<quota::Sample>(*entry), sample);
  sample.point.resets_at.reset();
  entry = decode(as_bytes(octets_of(sample)));
  ASSERT_TRUE(entry);
  EXPECT_EQ(std::get<quota::Sample>(*entry), sample);
}

TEST(LedgerCodec, RefusesWhatIsNoShareOfAQuota) {
  for (const double wrong : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity()}) {
    auto sample = some_sample();
    sample.point.remaining = wrong;
    EXPECT_FALSE(decode(as_bytes(octets_of(sample)))) << wrong;
  }
}

// Format 3 is format 5 without the request's model.
std::string format_3_of(usage::Record record) {
  record.request_model = std::nullopt;  // one octet, the last
  auto octets = octets_of(record);
  octets.front() = '\x03';
  octets.pop_back();
  return octets;
}

// Format 1 is format 3 without the owner.
std::string format_1_of(usage::Record record) {
  record.owner_uid = std::nullopt;  // one octet, the last
  auto octets = format_3_of(record);
  octets.front() = '\x01';
  octets.pop_back();
  return octets;
}

TEST(LedgerCodec, ReadsRecordsFromBeforeTheRequestsModelWasKept) {
  auto record = test::full_record();
  const auto octets = format_3_of(record);
  const auto entry = decode(as_bytes(octets), 990);
  ASSERT_TRUE(entry);
  record.sequence = 0;
  record.request_model = std::nullopt;
  EXPECT_EQ(std::get<usage::Record>(*entry), record);
  EXPECT_FALSE(decode(as_bytes(octets + "x"), 990));
}

std::optional<std::uint32_t> owner_in_format_1(const usage::Record& record,
                                               std::optional<std::uint32_t> ls_uid) {
  const auto octets = format_1_of(record);
  const auto entry = decode(as_bytes(octets), ls_uid);
  EXPECT_TRUE(entry);
  return entry ? std::get<usage::Record>(*entry).owner_uid : std::nullopt;
}

TEST(LedgerCodec, ReadsRecordsFromBeforeThereWereOwners) {
  auto record = test::full_record();
  const auto octets = format_1_of(record);
  const auto entry = decode(as_bytes(octets), 990);
  ASSERT_TRUE(entry);
  record.sequence = 0;
  record.owner_uid = std::nullopt;
  record.request_model = std::nullopt;
  EXPECT_EQ(std::get<usage::Record>(*entry), record);
  EXPECT_FALSE(decode(as_bytes(octets + "x"), 990));
}

TEST(LedgerCodec, OfOldRecordsOnlyThoseOfOtherAccountsHaveAKnownOwner) {
  auto record = test::call("1", "flash", 1, 1);
  record.local_uid = 1000;
  EXPECT_EQ(owner_in_format_1(record, 990), 1000U);
  EXPECT_EQ(owner_in_format_1(record, std::nullopt), 1000U);
  record.instance = "ls-1";  // of an account that had another number then
  EXPECT_EQ(owner_in_format_1(record, 990), std::nullopt);
  record.instance.clear();
  record.local_uid = 990;
  EXPECT_EQ(owner_in_format_1(record, 990), std::nullopt);
  record.local_uid = std::nullopt;
  EXPECT_EQ(owner_in_format_1(record, 990), std::nullopt);
}

TEST(LedgerCodec, KeepsAConfirmation) {
  const Confirmation confirmation{"r", "c", "t", 7};
  const auto entry = decode(as_bytes(octets_of(confirmation)));
  ASSERT_TRUE(entry);
  const auto& read = std::get<Confirmation>(*entry);
  EXPECT_EQ(read.response_id, "r");
  EXPECT_EQ(read.cascade_id, "c");
  EXPECT_EQ(read.trajectory_id, "t");
  EXPECT_EQ(read.step_index, 7U);
}

TEST(LedgerCodec, RefusesEveryEntryThatIsCutShort) {
  const auto octets = octets_of(test::full_record());
  for (std::size_t size = 0; size < octets.size(); ++size) {
    EXPECT_FALSE(decode(as_bytes(octets).first(size))) << size;
  }
}

TEST(LedgerCodec, RefusesWhatFollowsAnEntryAndFormatsItDoesNotKnow) {
  EXPECT_FALSE(decode(as_bytes(octets_of(test::full_record()) + "x")));
  EXPECT_FALSE(decode(as_bytes(std::string_view("\x7Fwhatever"))));
}

TEST(LedgerCodec, SurvivesAnyChangedOctet) {
  const auto octets = octets_of(test::full_record());
  for (std::size_t i = 0; i < octets.size(); ++i) {
    for (const char other : {'\x00', '\x7F', '\xFF'}) {
      auto changed = octets;
      changed[i] = other;
      (void)decode(as_bytes(changed));  // the sanitizers look on
    }
  }
}

}  // namespace
}  // namespace agp::ledger
