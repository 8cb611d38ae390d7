#include "daemon/metrics/exposition.h"

#include "daemon/metrics/catalogue.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>

namespace agp::metrics {
namespace {

constexpr std::string_view kTotal = "_total";
constexpr std::string_view kInfo = "_info";

// Both formats: backslash, quote and line feed of a label value are escaped.
void append_escaped(std::string& out, std::string_view value) {
  for (const char c : value) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '"':
        out += "\\\"";
        break;
      case '\n':
        out += "\\n";
        break;
      default:
        out += c;
    }
  }
}

std::string_view without(std::string_view name, std::string_view suffix) {
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
}

const char* type_word(Type type, Format format) {
  switch (type) {
    case Type::counter:
      return "counter";
    case Type::gauge:
      return "gauge";
    case Type::histogram:
      return "histogram";
    case Type::info:
      return format == Format::openmetrics ? "info" : "gauge";
  }
  return "unknown";
}

std::string_view trim(std::string_view text) {
  const auto from = text.find_first_not_of(" \t");
  return from == std::string_view::npos
             ? std::string_view()
             : text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

// Takes what stands before `separator` off the front of `rest`.
std::string_view next_part(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto part = trim(rest.substr(0, end));
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

// In thousandths; what is no quality counts as 1, as in a field without any.
int quality_of(std::string_view text) {
  double value = 1;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() && value >= 0 && value <= 1 ? static_cast<int>(value * 1000) : 1000;
}

struct MediaRange {
  std::string_view type;
  int quality = 1000;
  bool is_version_good = true;
};

MediaRange media_range(std::string_view text) {
  MediaRange range;
  range.type = next_part(text, ';');
  while (!text.empty()) {
    auto value = next_part(text, ';');
    const auto name = next_part(value, '=');
    if (name == "q") {
      range.quality = quality_of(value);
    } else if (name == "version") {
      range.is_version_good = value == "1.0.0" || value == "0.0.1" || value == "0.0.4";
    }
  }
  return range;
}

}  // namespace

Format negotiate(std::span<const std::string_view> accept) {
  int openmetrics = 0;
  int text = 0;
  for (auto field : accept) {
    while (!field.empty()) {
      const auto range = media_range(next_part(field, ','));
      if (range.type == "application/openmetrics-text" && range.is_version_good) {
        openmetrics = std::max(openmetrics, range.quality);
      } else if (range.type == "text/plain") {
        text = std::max(text, range.quality);
      }
    }
  }
  return openmetrics > 0 && openmetrics >= text ? Format::openmetrics : Format::prometheus;
}

const char* content_type(Format format) {
  return format == Format::openmetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

void Page::family(std::string_view name) {
  family_ = find_family(name);
  assert(family_ != nullptr);
  auto shown = name;
  if (format_ == Format::openmetrics) {
    shown = without(without(name, kTotal), kInfo);
  }
  const auto head = [&](const char* word, std::string_view text) {
    text_ += std::string("# ") + word + ' ';
    text_.append(shown).append(" ").append(text) += '\n';
  };
  head("HELP", family_->help);
  head("TYPE", type_word(family_->type, format_));
  const std::string_view unit = family_->unit;
  // OpenMetrics has a unit only where the name says it.
  if (format_ == Format::openmetrics && !unit.empty() && shown.ends_with(unit)) {
    head("UNIT", unit);
  }
}

void Page::line(std::string_view suffix,
                std::string_view value,
                const Labels& labels,
                std::string_view bound) {
  text_.append(family_->name).append(suffix);
  char separator = '{';
  const auto label = [&](std::string_view name, std::string_view content) {
    text_ += separator;
    text_.append(name).append("=\"");
    append_escaped(text_, clean_(content));
    text_ += '"';
    separator = ',';
  };
  for (const auto& [name, content] : labels) {
    label(name, content);
  }
  if (!bound.empty()) {
    label("le", bound);
  }
  text_.append(separator == ',' ? "} " : " ").append(value) += '\n';
}

void Page::sample(std::uint64_t value, const Labels& labels) {
  line("", std::to_string(value), labels);
}

void Page::sample_text(std::string_view value, const Labels& labels) {
  line("", value, labels);
}

void Page::histogram(std::span<const Bucket> buckets, std::string_view sum, const Labels& labels) {
  std::uint64_t count = 0;
  for (const auto& bucket : buckets) {
    count += bucket.count;
    line("_bucket", std::to_string(count), labels, bucket.bound);
  }
  line("_sum", sum, labels);
  line("_count", std::to_string(count), labels);
}

std::string Page::finish() {
  if (format_ == Format::openmetrics) {
    text_ += "# EOF\n";
  }
  return std::move(text_);
}

std::string decimal(std::uint64_t value, std::size_t digits) {
  std::string text = std::to_string(value);
  if (text.size() <= digits) {
    text.insert(0, digits + 1 - text.size(), '0');
  }
  text.insert(text.size() - digits, ".");
  text.erase(std::max(text.find_last_not_of('0'), text.find('.') + 1) + 1);
  return text;
}

std::string shortest(double value) {
  std::array<char, 32> out{};
  const auto done = std::to_chars(out.data(), out.data() + out.size(), value);
  return std::string(out.data(), done.ptr);
}

}  // namespace agp::metrics
