#include "common/config/schema.h"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace agp::config {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string out;
  for (const auto& word : words) {
    out += out.empty() ? word : std::string(separator) + word;
  }
  return out;
}

std::string in_words(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::empty:
      return "nothing";
    case Node::Kind::scalar:
      return "a single value";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "a section";
  }
  return {};
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

struct Schema::Entry {
  enum class Shape { scalar, list, objects };

  Row row;
  Shape shape = Shape::scalar;
  std::vector<std::string> fallback;
  std::function<void()> clear;
  Take take;
  Describe begin;    // objects: appends an element and describes it
  Describe example;  // objects: describes an element that is thrown away
  bool is_required = false;
  bool accepts_single_value = false;  // lists only
};

Schema::Schema() = default;
Schema::Schema(Schema&&) noexcept = default;
Schema& Schema::operator=(Schema&&) noexcept = default;
Schema::~Schema() = default;

void Schema::text(std::string key, std::string* into, std::string fallback, std::string about) {
  add_scalar({std::move(key), "text", std::move(fallback), {}, std::move(about)},
             [into](const std::string& value) -> std::optional<std::string> {
               if (value.empty()) {
                 return "text";
               }
               *into = value;
               return std::nullopt;
             });
}

void Schema::boolean(std::string key, bool* into, bool fallback, std::string about) {
  add_scalar({std::move(key), "boolean", fallback ? "true" : "false", {}, std::move(about)},
             [into](const std::string& value) -> std::optional<std::string> {
               const auto parsed = parse_boolean(value);
               if (!parsed) {
                 return "true or false";
               }
               *into = *parsed;
               return std::nullopt;
             });
}

void Schema::size(std::string key,
                  std::uint64_t* into,
                  std::string fallback,
                  std::uint64_t min,
                  std::uint64_t max,
                  std::string about) {
  const std::string range = size_text(min) + " to " + size_text(max);
  add_scalar({std::move(key), "size", std::move(fallback), range, std::move(about)},
             [=](const std::string& value) -> std::optional<std::string> {
               const auto parsed = parse_size(value);
               if (!parsed) {
                 return "a size such as 64KiB";
               }
               if (*parsed < min || *parsed > max) {
                 return "a size from " + range;
               }
               *into = *parsed;
               return std::nullopt;
             });
}

void Schema::duration(std::string key,
                      std::chrono::milliseconds* into,
                      std::string fallback,
                      std::chrono::milliseconds min,
                      std::chrono::milliseconds max,
                      std::string about) {
  const std::string range = duration_text(min) + " to " + duration_text(max);
  add_scalar({std::move(key), "duration", std::move(fallback), range, std::move(about)},
             [=](const std::string& value) -> std::optional<std::string> {
               const auto parsed = parse_duration(value);
               if (!parsed) {
                 return "a duration such as 10s";
               }
               if (*parsed < min || *parsed > max) {
                 return "a duration from " + range;
               }
               *into = *parsed;
               return std::nullopt;
             });
}

void Schema::path(std::string key, std::optional<std::string>* into, std::string about) {
  add_scalar({std::move(key), "path", {}, {}, std::move(about)},
             [into](const std::string& value) -> std::optional<std::string> {
               if (!is_absolute_path(value)) {
                 return "an absolute path such as /etc/ssl/extra.pem";
               }
               *into = value;
               return std::nullopt;
             });
}

void Schema::proxy_url(std::string key, std::optional<ProxyUrl>* into, std::string about) {
  add_scalar(
      {std::move(key), "URL", {}, {}, std::move(about)},
      [into](const std::string& value) -> std::optional<std::string> {
        *into = ProxyUrl::parse(value);
        if (!*into) {
          return "http://HOST:PORT or socks5://HOST:PORT without user name, password or path";
        }
        return std::nullopt;
      });
}

void Schema::http_url(std::string key, std::optional<HttpUrl>* into, std::string about) {
  add_scalar({std::move(key), "URL", {}, {}, std::move(about)},
             [into](const std::string& value) -> std::optional<std::string> {
               *into = HttpUrl::parse(value);
               if (!*into) {
                 return "https://HOST[:PORT]/PATH, or http:// with 127.0.0.1, [::1] or localhost, "
                        "without user name and password";
               }
               return std::nullopt;
             });
}

void Schema::host(std::string key, HostPattern* into, std::string about) {
  add_scalar({std::move(key), "host pattern", {}, {}, std::move(about)},
             [into](const std::string& value) -> std::optional<std::string> {
               const auto parsed = HostPattern::parse(value);
               if (!parsed) {
                 return "a host name or a pattern such as *.example.com";
               }
               *into = *parsed;
               return std::nullopt;
             });
}

void Schema::texts(std::string key,
                   std::vector<std::string>* into,
                   std::vector<std::string> fallback,
                   std::string about) {
  add_list(
      {std::move(key), "list of texts", {}, {}, std::move(about)}, std::move(fallback),
      [into] { into->clear(); },
      [into](const std::string& value) -> std::optional<std::string> {
        if (value.empty()) {
          return "text";
        }
        into->push_back(value);
        return std::nullopt;
      });
}

void Schema::paths(std::string key,
                   std::vector<std::string>* into,
                   std::vector<std::string> fallback,
                   std::string about) {
  add_list(
      {std::move(key), "list of paths", {}, {}, std::move(about)}, std::move(fallback),
      [into] { into->clear(); },
      [into](const std::string& value) -> std::optional<std::string> {
        if (!is_absolute_path(value)) {
          return "an absolute path such as /usr/bin/true";
        }
        into->push_back(value);
        return std::nullopt;
      });
}

namespace {

template <class T>
auto take_parsed(std::vector<T>* into, std::string expected) {
  return [into,
          expected = std::move(expected)](const std::string& value) -> std::optional<std::string> {
    const auto parsed = T::parse(value);
    if (!parsed) {
      return expected;
    }
    into->push_back(*parsed);
    return std::nullopt;
  };
}

}  // namespace

void Schema::hosts(std::string key,
                   std::vector<HostPattern>* into,
                   std::vector<std::string> fallback,
                   std::string about) {
  add_list(
      {std::move(key), "list of host patterns", {}, {}, std::move(about)}, std::move(fallback),
      [into] { into->clear(); },
      take_parsed(into, "a host name or a pattern such as *.example.com"));
}

void Schema::networks(std::string key,
                      std::vector<Network>* into,
                      std::vector<std::string> fallback,
                      std::string about) {
  add_list(
      {std::move(key), "list of networks", {}, {}, std::move(about)}, std::move(fallback),
      [into] { into->clear(); },
      take_parsed(into, "a network such as 10.0.0.0/8 or fd00::/8, with no bits after the prefix"));
}

void Schema::endpoints(std::string key,
                       std::vector<Endpoint>* into,
                       std::vector<std::string> fallback,
                       std::string about) {
  add_list(
      {std::move(key), "list of address:port", {}, {}, std::move(about)}, std::move(fallback),
      [into] { into->clear(); },
      take_parsed(into, "a numeric address and port such as 127.0.0.1:8741 or [::1]:8741"));
}

void Schema::require() {
  assert(!entries_.empty());
  entries_.back().is_required = true;
}

void Schema::accept_single_value() {
  assert(!entries_.empty() && entries_.back().shape == Entry::Shape::list);
  entries_.back().accepts_single_value = true;
}

void Schema::add_scalar(Row row, Take take) {
  Entry entry;
  if (!row.fallback.empty()) {
    entry.fallback.push_back(row.fallback);
  }
  entry.row = std::move(row);
  entry.take = std::move(take);
  entries_.push_back(std::move(entry));
}

void Schema::add_list(Row row,
                      std::vector<std::string> fallback,
                      std::function<void()> clear,
                      Take take) {
  Entry entry;
  entry.row = std::move(row);
  entry.row.fallback = joined(fallback, ", ");
  entry.shape = Entry::Shape::list;
  entry.fallback = std::move(fallback);
  entry.clear = std::move(clear);
  entry.take = std::move(take);
  entries_.push_back(std::move(entry));
}

void Schema::add_integer(std::string key,
                         std::function<void(std::int64_t)> set,
                         std::int64_t fallback,
                         std::int64_t min,
                         std::int64_t max,
                         std::string about) {
  const std::string range = std::to_string(min) + " to " + std::to_string(max);
  add_scalar({std::move(key), "integer", std::to_string(fallback), range, std::move(about)},
             [=, set = std::move(set)](const std::string& value) -> std::optional<std::string> {
               const auto parsed = parse_integer(value);
               if (!parsed || *parsed < min || *parsed > max) {
                 return "a whole number from " + range;
               }
               set(*parsed);
               return std::nullopt;
             });
}

void Schema::add_choice(std::string key,
                        std::vector<std::string> words,
                        std::function<void(std::size_t)> set,
                        std::string fallback,
                        std::string about) {
  const std::string range = joined(words, ", ");
  add_scalar({std::move(key), "word", std::move(fallback), range, std::move(about)},
             [words = std::move(words), set = std::move(set),
              range](const std::string& value) -> std::optional<std::string> {
               const auto found = std::find(words.begin(), words.end(), value);
               if (found == words.end()) {
                 return "one of: " + range;
               }
               set(static_cast<std::size_t>(found - words.begin()));
               return std::nullopt;
             });
}

void Schema::add_objects(std::string key,
                         std::function<void()> clear,
                         Describe begin,
                         Describe example,
                         std::string about) {
  Entry entry;
  entry.row = {std::move(key), "list of sections", {}, {}, std::move(about)};
  entry.shape = Entry::Shape::objects;
  entry.clear = std::move(clear);
  entry.begin = std::move(begin);
  entry.example = std::move(example);
  entries_.push_back(std::move(entry));
}

Faults Schema::load(const std::string& path, Missing missing) {
  return load(read_files(path, missing));
}

Faults Schema::load(Documents documents) {
  set_defaults();
  Faults faults = std::move(documents.faults);
  for (const auto& document : documents.list) {
    faults.append(apply(document));
  }
  return faults;
}

void Schema::set_defaults() {
  positions_.clear();
  for (const auto& entry : entries_) {
    if (entry.clear) {
      entry.clear();
    }
    for (const auto& text : entry.fallback) {
      [[maybe_unused]] const auto expected = entry.take(text);
      assert(!expected);
    }
  }
}

Faults Schema::apply(const Document& document) {
  Faults faults;
  if (document.root.kind == Node::Kind::map) {
    apply_map(document, document.root, {}, faults);
  }
  return faults;
}

void Schema::apply_map(const Document& document,
                       const Node& map,
                       const std::string& prefix,
                       Faults& faults) {
  for (const auto& member : map.members) {
    const std::string key = prefix + member.key;
    const auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) {
      // A dot in a written key would otherwise reach another section's key.
      return e.row.key == key && member.key.find('.') == std::string::npos;
    });
    if (entry != entries_.end()) {
      apply_entry(document, *entry, member.value, faults);
      continue;
    }
    const bool is_section = member.key.find('.') == std::string::npos &&
                            std::any_of(entries_.begin(), entries_.end(), [&](const Entry& e) {
                              return e.row.key.starts_with(key + '.');
                            });
    if (!is_section) {
      faults.list.push_back(
          {{document.file, member.line, member.column}, key, unknown_key_text(key)});
    } else if (member.value.kind == Node::Kind::map) {
      apply_map(document, member.value, key + '.', faults);
    } else if (member.value.kind != Node::Kind::empty) {
      faults.list.push_back({{document.file, member.value.line, member.value.column},
                             key,
                             "expected a section of keys, got " + in_words(member.value.kind)});
    }
  }
}

void Schema::apply_entry(const Document& document,
                         const Entry& entry,
                         const Node& value,
                         Faults& faults) {
  const auto fault = [&](const Node& at, const std::string& key, std::string message) {
    faults.list.push_back({{document.file, at.line, at.column}, key, std::move(message)});
  };
  const auto& key = entry.row.key;
  const bool wants_list = entry.shape != Entry::Shape::scalar;
  if (value.kind == Node::Kind::empty) {
    fault(value, key, "has no value; give it one or remove the line");
    return;
  }
  const bool is_list_of_one = entry.accepts_single_value && value.kind == Node::Kind::scalar;
  if (value.kind != (wants_list ? Node::Kind::list : Node::Kind::scalar) && !is_list_of_one) {
    fault(value, key,
          std::string("expected ") + (wants_list ? "a list" : "a single value") + ", got " +
              in_words(value.kind));
    return;
  }
  // The positions of the elements of a list that this one replaces.
  std::erase_if(positions_, [&](const auto& item) { return item.first.starts_with(key + '['); });
  positions_[key] = {document.file, value.line, value.column};
  if (entry.shape == Entry::Shape::objects) {
    apply_objects(document, entry, value, faults);
    return;
  }
  if (entry.shape == Entry::Shape::scalar) {
    if (const auto expected = entry.take(value.scalar)) {
      // A URL may carry a password, and faults are logged.
      const bool may_be_secret = entry.row.type == "URL";
      fault(value, key,
            "expected " + *expected +
                (may_be_secret ? std::string() : ", got " + in_quotes(value.scalar)));
    }
    return;
  }
  entry.clear();
  const auto& items = is_list_of_one ? std::vector<Node>{value} : value.items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& item = items[i];
    const std::string item_key = key + '[' + std::to_string(i) + ']';
    positions_[item_key] = {document.file, item.line, item.column};
    if (item.kind != Node::Kind::scalar) {
      fault(item, item_key, "expected a single value, got " + in_words(item.kind));
    } else if (const auto expected = entry.take(item.scalar)) {
      fault(item, item_key, "expected " + *expected + ", got " + in_quotes(item.scalar));
    }
  }
}

void Schema::apply_objects(const Document& document,
                           const Entry& entry,
                           const Node& list,
                           Faults& faults) {
  entry.clear();
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    const auto& item = list.items[i];
    const std::string prefix = entry.row.key + '[' + std::to_string(i) + ']';
    positions_[prefix] = {document.file, item.line, item.column};
    if (item.kind != Node::Kind::map) {
      faults.list.push_back({{document.file, item.line, item.column},
                             prefix,
                             "expected a section of keys, got " + in_words(item.kind)});
      continue;
    }
    Schema element;
    entry.begin(element);
    element.set_defaults();
    Faults found;
    element.apply_map(document, item, {}, found);
    for (const auto& inner : element.entries_) {
      const auto is_it = [&](const Member& member) {
        return member.key == inner.row.key;
      };
      if (inner.is_required && std::none_of(item.members.begin(), item.members.end(), is_it)) {
        found.list.push_back(
            {{document.file, item.line, item.column}, inner.row.key, "is required"});
      }
    }
    for (auto& fault : found.list) {
      fault.key = prefix + '.' + fault.key;
    }
    for (const auto& [key, position] : element.positions_) {
      positions_[prefix + '.' + key] = position;
    }
    faults.append(std::move(found));
  }
}

std::string Schema::unknown_key_text(const std::string& key) const {
  if (std::any_of(entries_.begin(), entries_.end(),
                  [&](const Entry& e) { return e.row.key == key; })) {
    return "unknown key; write each part before a dot as a section of its own";
  }
  std::string best;
  std::size_t distance = 3;  // further away it is another word, not a slip
  for (const auto& entry : entries_) {
    const auto d = edit_distance(key, entry.row.key);
    if (d < distance) {
      distance = d;
      best = entry.row.key;
    }
  }
  return best.empty() ? "unknown key" : "unknown key; did you mean " + best + '?';
}

std::optional<Position> Schema::position(const std::string& key) const {
  const auto found = positions_.find(key);
  return found == positions_.end() ? std::nullopt : std::optional(found->second);
}

Fault Schema::fault(const std::string& key, std::string message, std::string file) const {
  return {position(key).value_or(Position{std::move(file), 0, 0}), key, std::move(message)};
}

std::vector<Row> Schema::rows() const {
  std::vector<Row> rows;
  for (const auto& entry : entries_) {
    rows.push_back(entry.row);
    if (entry.shape == Entry::Shape::objects) {
      Schema element;
      entry.example(element);
      for (auto row : element.rows()) {
        row.key = entry.row.key + "[]." + row.key;
        rows.push_back(std::move(row));
      }
    }
  }
  return rows;
}

}  // namespace agp::config
