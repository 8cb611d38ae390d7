#include "daemon/rewrite/fields.h"

#include <algorithm>
#include <array>

namespace agp::rewrite {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lowered(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

/// Calls `each` with every element of a comma list.
template <class F>
void split_list(std::string_view list, F&& each) {
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view element = trimmed(list.substr(0, comma));
    if (!element.empty()) {
      each(element);
    }
    if (comma == std::string_view::npos) {
      return;
    }
    list.remove_prefix(comma + 1);
  }
}

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::any_of(names, [&](std::string_view n) { return same_name(n, name); });
}

/// What of an element of Accept-Encoding is allowed, without its weight.
std::string_view coding_of(std::string_view element) {
  return trimmed(element.substr(0, element.find(';')));
}

bool weighs_nothing(std::string_view element) {
  const std::size_t semicolon = element.find(';');
  if (semicolon == std::string_view::npos) {
    return false;
  }
  std::string weight = lowered(element.substr(semicolon + 1));
  std::erase_if(weight, [](char c) { return c == ' ' || c == '\t'; });
  return weight.starts_with("q=0") && weight.find_first_of("123456789") == std::string::npos;
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

bool is_token(std::string_view text) {
  static constexpr std::string_view kPunctuation = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           kPunctuation.find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return c == '\t' || (octet >= 0x20 && octet != 0x7f);
  });
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::size_t count(const Fields& fields, std::string_view name) {
  return static_cast<std::size_t>(
      std::ranges::count_if(fields, [&](const Field& f) { return same_name(f.name, name); }));
}

const Field* find(const Fields& fields, std::string_view name) {
  const auto found =
      std::ranges::find_if(fields, [&](const Field& f) { return same_name(f.name, name); });
  return found == fields.end() ? nullptr : &*found;
}

std::vector<std::string_view> tokens(const Fields& fields, std::string_view name) {
  std::vector<std::string_view> result;
  for (const Field& field : fields) {
    if (same_name(field.name, name)) {
      split_list(field.value, [&](std::string_view element) { result.push_back(element); });
    }
  }
  return result;
}

bool has_token(const Fields& fields, std::string_view name, std::string_view token) {
  return std::ranges::any_of(tokens(fields, name),
                             [&](std::string_view t) { return same_name(t, token); });
}

bool is_hop_field(std::string_view name) {
  static constexpr std::array<std::string_view, 12> kNames = {
      "connection",
      "keep-alive",
      "proxy-connection",
      "transfer-encoding",
      "content-length",
      "te",
      "upgrade",
      "host",
      "http2-settings",
      "expect",
      "proxy-authenticate",
      "proxy-authorization",
  };
  return is_one_of(name, kNames);
}

bool is_forbidden_trailer(std::string_view name) {
  static constexpr std::array<std::string_view, 8> kNames = {
      "authorization", "cookie",        "set-cookie", "content-encoding",
      "content-type",  "cache-control", "trailer",    "content-range",
  };
  return is_hop_field(name) || is_one_of(name, kNames);
}

void apply_edits(Fields& fields, std::span<const FieldEdit> edits, bool lower_case) {
  for (const FieldEdit& edit : edits) {
    // Validation of the policy refuses these; a message must stay whole even if it did not.
    if (is_hop_field(edit.name) || !is_token(edit.name) || !is_field_value(edit.value)) {
      continue;
    }
    const auto matches = [&](const Field& f) {
      return same_name(f.name, edit.name);
    };
    const auto added = [&] {
      return Field{lower_case ? lowered(edit.name) : edit.name, edit.value};
    };
    switch (edit.action) {
      case FieldEdit::Action::remove:
        std::erase_if(fields, matches);
        break;
      case FieldEdit::Action::add:
        fields.push_back(added());
        break;
      case FieldEdit::Action::set: {
        const auto first = std::ranges::find_if(fields, matches);
        if (first == fields.end()) {
          fields.push_back(added());
          break;
        }
        first->value = edit.value;
        fields.erase(std::remove_if(first + 1, fields.end(), matches), fields.end());
        break;
      }
    }
  }
}

std::string limit_accept_encoding(std::string_view value, std::span<const std::string> allowed) {
  std::string result;
  const auto put = [&](std::string_view coding, std::string_view weight) {
    if (!result.empty()) {
      result += ", ";
    }
    result += coding;
    result += weight;
  };
  const auto is_named = [&](std::string_view coding) {
    bool named = false;
    split_list(value, [&](std::string_view e) { named |= same_name(coding_of(e), coding); });
    return named;
  };
  split_list(value, [&](std::string_view element) {
    const std::string_view coding = coding_of(element);
    if (coding == "*" && !weighs_nothing(element)) {
      for (const std::string& each : allowed) {
        if (!is_named(each)) {
          put(each, trimmed(element.substr(1)));
        }
      }
      return;
    }
    const bool known = coding == "*" || same_name(coding, "identity") ||
                       std::ranges::any_of(allowed, [&](const std::string& each) {
                         return same_name(each, coding);
                       });
    if (known) {
      put(element, "");
    }
  });
  return result.empty() ? "identity" : result;
}

void limit_accept_encoding(Fields& fields, std::span<const std::string> allowed) {
  if (allowed.empty()) {
    return;
  }
  for (Field& field : fields) {
    if (same_name(field.name, "accept-encoding")) {
      field.value = limit_accept_encoding(field.value, allowed);
    }
  }
}

bool names_host(std::string_view authority, std::string_view host, unsigned port) {
  const std::string suffix = ':' + std::to_string(port);
  if (authority.size() == host.size() + suffix.size() && authority.ends_with(suffix)) {
    authority.remove_suffix(suffix.size());
  }
  return !host.empty() && same_name(authority, host);
}

std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

}  // namespace agp::rewrite
