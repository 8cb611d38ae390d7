#pragma once

#include "common/base/bytes.h"
#include "daemon/usage/limits.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace agp::usage {

/// What became of a number that a handler was given: it was assigned to the slot of that number (0
/// and up, the handler's own numbering) and had no other effect, or one of these.
using NumberUse = int;
inline constexpr NumberUse kNumberIgnored = -1;  // another number would have made no difference
inline constexpr NumberUse kNumberMatters = -2;  // anything else
inline constexpr NumberUse kNoNumber = -3;       // a string that was not wanted

/// Where a text may differ without another effect than other numbers in slots: a number, or what
/// stands between the quotes of a string that was not wanted.
struct JsonHole {
  const std::uint8_t* from = nullptr;
  const std::uint8_t* to = nullptr;
  NumberUse use = kNoNumber;
};
using JsonHoles = std::vector<JsonHole>;

/// Receives the tokens of one JSON text. Views are borrowed for the call.
class JsonHandler {
 public:
  virtual ~JsonHandler() = default;
  virtual void on_object_begin() = 0;
  virtual void on_object_end() = 0;
  virtual void on_array_begin() = 0;
  virtual void on_array_end() = 0;
  virtual void on_key(std::string_view key) = 0;
  /// Asked at the start of each string value: false skips it at the speed of a memory scan.
  [[nodiscard]] virtual bool wants_string() = 0;
  /// Asked after that: whether the string comes through on_piece(), whole and however long, with an
  /// empty on_string() as its end.
  [[nodiscard]] virtual bool wants_pieces() { return false; }
  virtual void on_piece(std::string_view /*text*/) {}
  virtual void on_string(std::string_view text) = 0;  // only if wanted; cut at kMaxStringBytes
  virtual void on_number(std::string_view text) = 0;  // as written; "?" when absurdly long
  /// Asked behind on_number().
  [[nodiscard]] virtual NumberUse number_use() const { return kNumberMatters; }
  virtual void on_bool() = 0;
  virtual void on_null() = 0;
};

/// Pulls tokens out of JSON that arrives in pieces, without building anything from it. Strict in
/// grammar and in control characters, tolerant of invalid UTF-8 and unpaired surrogates.
/// Own code rather than Boost.JSON's parser: skipping megabytes of text is nearly all of the work,
/// and there it is several times faster. A test compares the two on mutated input.
class JsonReader {
 public:
  enum class Status {
    reading,  // the text is not complete yet
    done,     // complete; only white space may follow
    failed,   // no JSON, or nested too deeply
  };

  explicit JsonReader(JsonHandler* handler);

  /// Begin with the next text.
  void reset();
  /// Writes down the holes of the text that begins and comes in one piece. @param into  lives as
  /// long as the text is read.
  void note_holes(JsonHoles* into) { holes_ = into; }

  /// The next octets of one text; any split is equivalent.
  Status feed(Bytes in);
  /// The text ended. @return done or failed.
  Status finish();
  [[nodiscard]] Status status() const;

 private:
  // The next thing the grammar allows, outside tokens; then the insides of tokens. The order
  // counts.
  enum class State : std::uint8_t {
    value,
    first_element,  // a value, or ]
    first_key,      // a key, or }
    key,
    colon,
    after_value,  // a comma or the closing bracket
    done,
    string,
    escape,
    hex,
    number,
    literal,
    failed,
  };

  [[nodiscard]] const std::uint8_t* read_string(const std::uint8_t* at, const std::uint8_t* end);
  void begin_string(bool is_key);
  void end_string(std::string_view tail);
  void read_escape(std::uint8_t c);
  void read_hex(std::uint8_t c);
  void keep(std::string_view text);
  void keep_code_point(std::uint32_t code);
  void flush_surrogate();
  [[nodiscard]] bool is_outside_tokens() const { return state_ <= State::done; }
  [[nodiscard]] const std::uint8_t* read_structure(const std::uint8_t* at, const std::uint8_t* end);
  [[nodiscard]] const std::uint8_t* begin_value(std::uint8_t c,
                                                const std::uint8_t* at,
                                                const std::uint8_t* end);
  void note_hole(JsonHole hole);
  void end_value();
  void end_number();
  void end_literal();
  void take_literal(std::string_view text);
  void push(bool is_object);
  void pop(bool is_object);

  JsonHandler* handler_;
  JsonHoles* holes_ = nullptr;
  State state_ = State::value;
  std::size_t depth_ = 0;
  std::array<std::uint64_t, kMaxJsonDepth / 64> is_object_{};  // one bit per level
  std::string scratch_;
  bool is_key_ = false;
  bool wanted_ = false;
  bool in_pieces_ = false;
  std::uint8_t hex_digits_ = 0;
  std::uint32_t hex_value_ = 0;
  std::uint32_t high_surrogate_ = 0;
};

}  // namespace agp::usage
