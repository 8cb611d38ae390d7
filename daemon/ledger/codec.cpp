#include "daemon/ledger/codec.h"

#include <bit>
#include <map>
#include <set>
#include <type_traits>
#include <utility>
#include <vector>

namespace agp::ledger {
namespace {

constexpr std::uint8_t kOwnerlessRecordFormat = 1;  // read, never written
constexpr std::uint8_t kConfirmationFormat = 2;
constexpr std::uint8_t kOwnedRecordFormat = 3;  // read, never written; 1 and behind it the owner
constexpr std::uint8_t kQuotaSampleFormat = 4;
constexpr std::uint8_t kRecordFormat = 5;  // format 3 and behind it the request's model

class Encoder {
 public:
  explicit Encoder(std::string& out) : out_(out) {}

  void number(std::uint64_t value) {  // LEB128
    while (value >= 0x80) {
      out_ += static_cast<char>(value | 0x80);
      value >>= 7;
    }
    out_ += static_cast<char>(value);
  }
  void operator()(std::uint64_t value) { number(value); }
  void operator()(std::uint32_t value) { number(value); }
  void operator()(std::uint16_t value) { number(value); }
  void operator()(bool value) { number(value ? 1 : 0); }
  void operator()(double value) { number(std::bit_cast<std::uint64_t>(value)); }
  void operator()(usage::Micros value) {
    number(static_cast<std::uint64_t>(value.time_since_epoch().count()));
  }
  void operator()(const std::string& value) {
    number(value.size());
    out_ += value;
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void operator()(Enum value) { number(static_cast<std::uint64_t>(value)); }
  template <class T>
  void operator()(const std::optional<T>& value) {
    number(value ? 1 : 0);
    if (value) {
      (*this)(*value);
    }
  }
  void operator()(const std::map<std::string, std::uint64_t>& value) {
    number(value.size());
    for (const auto& [key, count] : value) {
      (*this)(key);
      number(count);
    }
  }
  void operator()(const std::set<std::string>& value) { each(value); }
  template <class T>
  void operator()(const std::vector<T>& value) {
    each(value);
  }
  template <class T>
  requires std::is_class_v<T>
  void operator()(const T& value) { fields(*this, value); }

 private:
  template <class Values>
  void each(const Values& values) {
    number(values.size());
    for (const auto& value : values) {
      (*this)(value);
    }
  }

  std::string& out_;
};

// After the first fault nothing is read any more: every loop ends, every value stays empty.
class Decoder {
 public:
  explicit Decoder(Bytes left) : left_(left) {}

  [[nodiscard]] bool is_whole() const { return !is_bad_ && left_.empty(); }

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (left_.empty()) {
        break;
      }
      const std::uint8_t octet = left_.front();
      left_ = left_.subspan(1);
      value |= static_cast<std::uint64_t>(octet & 0x7F) << shift;
      if ((octet & 0x80) == 0) {
        return value;
      }
    }
    fail();
    return 0;
  }
  void operator()(std::uint64_t& value) { value = number(); }
  void operator()(std::uint32_t& value) { narrow(value); }
  void operator()(std::uint16_t& value) { narrow(value); }
  void operator()(bool& value) { value = number() != 0; }
  void operator()(double& value) { value = std::bit_cast<double>(number()); }
  void operator()(usage::Micros& value) {
    value = usage::Micros(std::chrono::microseconds(static_cast<std::int64_t>(number())));
  }
  void operator()(std::string& value) {
    const auto size = number();
    if (size > left_.size()) {
      fail();
      return;
    }
    value.assign(reinterpret_cast<const char*>(left_.data()), size);
    left_ = left_.subspan(size);
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void operator()(Enum& value) {
    const auto stored = number();
    value = static_cast<Enum>(stored & 0xFF);
    if (stored > 0xFF || *name(value) == '\0') {
      fail();
    }
  }
  template <class T>
  void operator()(std::optional<T>& value) {
    if (number() != 0) {
      (*this)(value.emplace());
    }
  }
  void operator()(std::map<std::string, std::uint64_t>& value) {
    for (auto count = number(); count > 0 && !is_bad_; --count) {
      std::string key;
      (*this)(key);
      value[key] = number();
    }
  }
  void operator()(std::set<std::string>& value) {
    for (auto count = number(); count > 0 && !is_bad_; --count) {
      std::string item;
      (*this)(item);
      value.insert(std::move(item));
    }
  }
  template <class T>
  void operator()(std::vector<T>& value) {
    for (auto count = number(); count > 0 && !is_bad_; --count) {
      (*this)(value.emplace_back());
    }
  }
  template <class T>
  requires std::is_class_v<T>
  void operator()(T& value) { fields(*this, value); }

 private:
  template <class Number>
  void narrow(Number& value) {
    const auto stored = number();
    value = static_cast<Number>(stored);
    if (value != stored) {
      fail();
    }
  }
  void fail() {
    is_bad_ = true;
    left_ = {};
  }

  Bytes left_;
  bool is_bad_ = false;
};

// One list of fields for both directions: `T` is const for the encoder. Order is the format.

template <class Code, class T>
requires std::is_same_v<std::remove_const_t<T>, usage::Usage>
void fields(Code& code, T& usage) {
  code(usage.input_total);
  code(usage.input_uncached);
  code(usage.cached_input);
  code(usage.cache_write);
  code(usage.tool_use_prompt);
  code(usage.output_total);
  code(usage.reasoning);
  code(usage.total);
  code(usage.reported_total);
  code(usage.cache_write_by_ttl);
  code(usage.input_by_modality);
  code(usage.output_by_modality);
  code(usage.cached_by_modality);
}

template <class Code, class T>
requires std::is_same_v<std::remove_const_t<T>, usage::CallError>
void fields(Code& code, T& error) {
  code(error.type);
  code(error.code);
}

template <class Code, class T>
requires std::is_same_v<std::remove_const_t<T>, usage::Modifiers>
void fields(Code& code, T& modifiers) {
  code(modifiers.speed);
  code(modifiers.inference_geo);
}

template <class Code, class T>
requires std::is_same_v<std::remove_const_t<T>, usage::AdditionalUsage>
void fields(Code& code, T& more) {
  code(more.kind);
  code(more.model);
  code(more.usage);
}

template <class Code, class T>
requires std::is_same_v<std::remove_const_t<T>, usage::Cost>
void fields(Code& code, T& cost) {
  code(cost.pico_usd);
  code(cost.price_version);
  code(cost.is_aliased);
}

template <class Code, class T>
requires std::is_same_v<std::remove_const_t<T>, usage::Record>
void fields(Code& code, T& record) {
  code(record.id);
  code(record.started_at);
  code(record.first_byte_at);
  code(record.ended_at);
  code(record.host);
  code(record.path);
  code(record.protocol);
  code(record.local_uid);
  code(record.instance);
  code(record.request_kind);
  code(record.cascade_id);
  code(record.cascade_source);
  code(record.cascade_evidence);
  code(record.cascade_confirmed);
  code(record.trajectory_id);
  code(record.step_index);
  code(record.bytes_in);
  code(record.bytes_out);
  code(record.provider);
  code(record.api);
  code(record.http_status);
  code(record.stream);
  code(record.model);
  code(record.model_source);
  code(record.response_id);
  code(record.request_id);
  code(record.trace_id);
  code(record.outcome);
  code(record.finish);
  code(record.finish_raw);
  code(record.usage_state);
  code(record.usage);
  code(record.service_tier);
  code(record.tool_calls);
  code(record.server_tools);
  code(record.modifiers);
  code(record.credits_consumed);
  code(record.additional_usage);
  code(record.reported);
  code(record.cost);
  code(record.error);
  code(record.closed_by);
  code(record.flags);
}

template <class Code, class T>
requires std::is_same_v<std::remove_const_t<T>, Confirmation>
void fields(Code& code, T& confirmation) {
  code(confirmation.response_id);
  code(confirmation.cascade_id);
  code(confirmation.trajectory_id);
  code(confirmation.step_index);
}

template <class Code, class T>
requires std::is_same_v<std::remove_const_t<T>, quota::Sample>
void fields(Code& code, T& sample) {
  code(sample.series.owner_uid);
  code(sample.series.kind);
  code(sample.series.id);
  code(sample.series.name);
  code(sample.series.window);
  code(sample.point.at);
  code(sample.point.remaining);
  code(sample.point.resets_at);
}

bool is_share(double value) {
  return value >= 0 && value <= 1;  // false for what is no number
}

template <class... T>
bool decode_all(Bytes octets, T&... values) {
  Decoder decoder(octets);
  (decoder(values), ...);
  return decoder.is_whole();
}

}  // namespace

void encode(const usage::Record& record, std::string& out) {
  out += static_cast<char>(kRecordFormat);
  Encoder encoder(out);
  encoder(record);
  encoder(record.owner_uid);
  encoder(record.request_model);
}

void encode(const Confirmation& confirmation, std::string& out) {
  out += static_cast<char>(kConfirmationFormat);
  Encoder encoder(out);
  encoder(confirmation);
}

void encode(const quota::Sample& sample, std::string& out) {
  out += static_cast<char>(kQuotaSampleFormat);
  Encoder encoder(out);
  encoder(sample);
}

std::optional<Entry> decode(Bytes octets, std::optional<std::uint32_t> ls_uid) {
  if (octets.empty()) {
    return std::nullopt;
  }
  const auto rest = octets.subspan(1);
  usage::Record record;
  Confirmation confirmation;
  quota::Sample sample;
  switch (octets.front()) {
    case kOwnerlessRecordFormat:
      if (!decode_all(rest, record)) {
        return std::nullopt;
      }
      if (record.instance.empty() && record.local_uid != ls_uid) {
        record.owner_uid = record.local_uid;
      }
      return Entry(std::move(record));
    case kOwnedRecordFormat:
      return decode_all(rest, record, record.owner_uid) ? std::optional<Entry>(std::move(record))
                                                        : std::nullopt;
    case kRecordFormat:
      return decode_all(rest, record, record.owner_uid, record.request_model)
                 ? std::optional<Entry>(std::move(record))
                 : std::nullopt;
    case kConfirmationFormat:
      return decode_all(rest, confirmation) ? std::optional<Entry>(std::move(confirmation))
                                            : std::nullopt;
    case kQuotaSampleFormat:
      return decode_all(rest, sample) && is_share(sample.point.remaining)
                 ? std::optional<Entry>(std::move(sample))
                 : std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace agp::ledger
