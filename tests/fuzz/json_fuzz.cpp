#include "daemon/usage/json_reader.h"
#include "tests/fuzz/fuzz.h"

#include <string>

namespace {

using namespace agp;
using usage::JsonReader;

/// Wants every other string, so that both ways through the reader are taken.
class Log final : public usage::JsonHandler {
 public:
  void on_object_begin() override { open('{'); }
  void on_object_end() override { close('}'); }
  void on_array_begin() override { open('['); }
  void on_array_end() override { close(']'); }
  void on_key(std::string_view key) override {
    fuzz::require(key.size() <= usage::kMaxKeyBytes, "a key passes the limit");
    text.append("k").append(key).append("\n");
  }
  bool wants_string() override {
    wants_ = !wants_;
    return wants_;
  }
  void on_string(std::string_view value) override {
    fuzz::require(value.size() <= usage::kMaxStringBytes, "a string passes the limit");
    text.append("s").append(value).append("\n");
  }
  void on_number(std::string_view value) override {
    fuzz::require(!value.empty() && value.size() <= usage::kMaxNumberBytes, "a number has a limit");
    text.append("n").append(value).append("\n");
  }
  void on_bool() override { text += "b"; }
  void on_null() override { text += "0"; }

  std::string text;
  std::size_t depth = 0;

 private:
  void open(char c) {
    text += c;
    fuzz::require(++depth <= usage::kMaxJsonDepth, "nesting passes the limit");
  }
  void close(char c) {
    text += c;
    fuzz::require(depth-- > 0, "nothing is closed that was not open");
  }
  bool wants_ = false;
};

std::string read(Bytes in, fuzz::Split split) {
  Log log;
  JsonReader reader(&log);
  fuzz::feed_split(in, split, [&](Bytes piece) { (void)reader.feed(piece); });
  const bool is_done = reader.finish() == JsonReader::Status::done;
  fuzz::require(!is_done || log.depth == 0, "a complete text closes what it opened");
  return log.text + (is_done ? "done" : "failed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes in(data, size);
  const std::string whole = read(in, fuzz::Split::whole);
  for (const fuzz::Split split : fuzz::splits(in)) {
    fuzz::require(read(in, split) == whole, "any split is equivalent");
  }
  return 0;
}
