#pragma once

#include "common/config/document.h"
#include "common/config/fault.h"
#include "common/config/values.h"

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agp::config {

/// One line of the reference manual.
struct Row {
  std::string key;       // "limits.connect_timeout", "hosts[].match"
  std::string type;      // "duration"
  std::string fallback;  // in the spelling of the file; empty: none
  std::string range;     // "1s to 10m"; empty: any
  std::string about;     // one sentence
};

template <class E>
using Choices = std::vector<std::pair<std::string, E>>;

/// The table of the keys of one file: what each one is called, means, defaults to and may be, and
/// which member of a configuration struct it fills. Reading and the manual both come from it.
///
///     Schema schema;
///     schema.duration("limits.connect_timeout", &config.connect_timeout, "10s", 1s, 10min,
///                     "How long one attempt to reach upstream may take.");
///     Faults faults = schema.load("/etc/…/proxy.yaml", Missing::is_empty);
///
/// The targets are borrowed until the last call of `load` or `apply` returns. Defaults are written
/// as a user would write them and go through the same parser; a default that does not parse is a
/// bug (assert). An empty `fallback` leaves the target as it is.
class Schema {
 public:
  Schema();
  Schema(Schema&&) noexcept;
  Schema& operator=(Schema&&) noexcept;
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;
  ~Schema();

  void text(std::string key, std::string* into, std::string fallback, std::string about);
  void boolean(std::string key, bool* into, bool fallback, std::string about);
  void size(std::string key,
            std::uint64_t* into,
            std::string fallback,
            std::uint64_t min,
            std::uint64_t max,
            std::string about);
  void duration(std::string key,
                std::chrono::milliseconds* into,
                std::string fallback,
                std::chrono::milliseconds min,
                std::chrono::milliseconds max,
                std::string about);
  template <std::integral T>
  void integer(std::string key, T* into, T fallback, T min, T max, std::string about) {
    add_integer(
        std::move(key), [into](std::int64_t value) { *into = static_cast<T>(value); },
        static_cast<std::int64_t>(fallback), static_cast<std::int64_t>(min),
        static_cast<std::int64_t>(max), std::move(about));
  }
  template <class E>
  void choice(
      std::string key, E* into, std::string fallback, Choices<E> choices, std::string about) {
    std::vector<std::string> words;
    words.reserve(choices.size());
    for (const auto& [word, value] : choices) {
      words.push_back(word);
    }
    add_choice(
        std::move(key), std::move(words),
        [into, choices = std::move(choices)](std::size_t i) { *into = choices[i].second; },
        std::move(fallback), std::move(about));
  }
  /// Absolute; absent stays nullopt.
  void path(std::string key, std::optional<std::string>* into, std::string about);
  void proxy_url(std::string key, std::optional<ProxyUrl>* into, std::string about);
  void http_url(std::string key, std::optional<HttpUrl>* into, std::string about);
  void host(std::string key, HostPattern* into, std::string about);

  // Lists: a list in a later file replaces the whole list of an earlier one.
  void texts(std::string key,
             std::vector<std::string>* into,
             std::vector<std::string> fallback,
             std::string about);
  void paths(std::string key,
             std::vector<std::string>* into,
             std::vector<std::string> fallback,
             std::string about);
  void hosts(std::string key,
             std::vector<HostPattern>* into,
             std::vector<std::string> fallback,
             std::string about);
  void networks(std::string key,
                std::vector<Network>* into,
                std::vector<std::string> fallback,
                std::string about);
  void endpoints(std::string key,
                 std::vector<Endpoint>* into,
                 std::vector<std::string> fallback,
                 std::string about);

  /// A list of maps. `describe` fills the table of one element, whose targets live as long as the
  /// element is being read; it is also called once, on an element that is thrown away, for `rows`.
  template <class T>
  void objects(std::string key,
               std::vector<T>* into,
               std::function<void(Schema&, T*)> describe,
               std::string about) {
    add_objects(
        std::move(key), [into] { into->clear(); },
        [into, describe](Schema& schema) { describe(schema, &into->emplace_back()); },
        [describe](Schema& schema) {
          T example{};
          describe(schema, &example);
        },
        std::move(about));
  }

  /// The key added last must be present. For elements of `objects`.
  void require();
  /// The list added last may be written as a single value, too: a list of one.
  void accept_single_value();

  /// Sets every default, then reads `path` and its drop-ins; later files win key by key.
  /// @return all faults of all files; the targets are unspecified unless it is empty.
  [[nodiscard]] Faults load(const std::string& path, Missing missing);
  /// The same for files that have been read.
  [[nodiscard]] Faults load(Documents documents);
  void set_defaults();
  /// Applies one document over what was applied before.
  [[nodiscard]] Faults apply(const Document& document);

  /// Where the value of a key stands; nullopt when it is the default. For faults that concern
  /// several keys. List elements are "key[0]".
  [[nodiscard]] std::optional<Position> position(const std::string& key) const;
  /// A fault at a key; when the key has its default, at `file` as a whole.
  [[nodiscard]] Fault fault(const std::string& key, std::string message, std::string file) const;

  /// The reference manual, in the order of the calls above.
  [[nodiscard]] std::vector<Row> rows() const;

 private:
  // Takes one scalar and returns what was expected when it cannot.
  using Take = std::function<std::optional<std::string>(const std::string&)>;
  using Describe = std::function<void(Schema&)>;
  struct Entry;

  void add_scalar(Row row, Take take);
  void add_list(Row row, std::vector<std::string> fallback, std::function<void()> clear, Take take);
  void add_integer(std::string key,
                   std::function<void(std::int64_t)> set,
                   std::int64_t fallback,
                   std::int64_t min,
                   std::int64_t max,
                   std::string about);
  void add_choice(std::string key,
                  std::vector<std::string> words,
                  std::function<void(std::size_t)> set,
                  std::string fallback,
                  std::string about);
  void add_objects(std::string key,
                   std::function<void()> clear,
                   Describe begin,
                   Describe example,
                   std::string about);

  void apply_map(const Document& document,
                 const Node& map,
                 const std::string& prefix,
                 Faults& faults);
  void apply_entry(const Document& document, const Entry& entry, const Node& value, Faults& faults);
  void apply_objects(const Document& document,
                     const Entry& entry,
                     const Node& list,
                     Faults& faults);
  [[nodiscard]] std::string unknown_key_text(const std::string& key) const;

  std::vector<Entry> entries_;
  std::map<std::string, Position> positions_;
};

}  // namespace agp::config
