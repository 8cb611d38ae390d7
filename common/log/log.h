#pragma once

#include "common/base/result.h"

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

/// Structured logging. The message is a constant, so that it can be searched for; values are
/// journal fields in upper case. Never log bodies, prompts, credentials, cookies, query strings
/// or key material.
namespace agp::log {

enum class Level { err = 3, warning = 4, notice = 5, info = 6, debug = 7 };

/// One journal field. Control characters in values are escaped by the sinks.
struct Field {
  std::string_view name;
  std::string value;

  Field(std::string_view n, std::string v) : name(n), value(std::move(v)) {}
  Field(std::string_view n, std::string_view v) : name(n), value(v) {}
  Field(std::string_view n, const char* v) : name(n), value(v) {}
  Field(std::string_view n, const Error& error) : name(n), value(error.text()) {}
  Field(std::string_view n, bool v) : name(n), value(v ? "yes" : "no") {}
  template <std::integral T>
  Field(std::string_view n, T v) : name(n), value(std::to_string(v)) {}
};

using Fields = std::initializer_list<Field>;

/// Picks the sink once, before threads start: the journal when standard error is connected to it
/// (JOURNAL_STREAM), standard error otherwise. `maximum` is the most talkative level written.
void init(std::string_view identifier, Level maximum = Level::info);

void write(Level level, std::string_view message, Fields fields);

/// We failed the user.
inline void err(std::string_view message, Fields fields = {}) {
  write(Level::err, message, fields);
}
/// We went on; say so in the message.
inline void warning(std::string_view message, Fields fields = {}) {
  write(Level::warning, message, fields);
}
/// State changed.
inline void notice(std::string_view message, Fields fields = {}) {
  write(Level::notice, message, fields);
}
/// Life cycle.
inline void info(std::string_view message, Fields fields = {}) {
  write(Level::info, message, fields);
}
inline void debug(std::string_view message, Fields fields = {}) {
  write(Level::debug, message, fields);
}

}  // namespace agp::log
