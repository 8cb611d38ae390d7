#include "daemon/usage/endpoint.h"

#include <algorithm>
#include <array>

namespace agp::usage {
namespace {

enum class Hosts { code_assist, gemini, vertex, anthropic, openai, azure, chatgpt, none };

/// "x" and "anything-x", for Google's staging and regional names.
bool is_or_ends_dashed(std::string_view host, std::string_view name) {
  return host == name || (host.size() > name.size() && host.ends_with(name) &&
                          host[host.size() - name.size() - 1] == '-');
}

Hosts hosts_of(std::string_view host) {
  if (is_or_ends_dashed(host, "cloudcode-pa.googleapis.com") ||
      is_or_ends_dashed(host, "cloudcode-pa.sandbox.googleapis.com")) {
    return Hosts::code_assist;
  }
  if (host == "generativelanguage.googleapis.com") {
    return Hosts::gemini;
  }
  if (is_or_ends_dashed(host, "aiplatform.googleapis.com") ||
      (host.starts_with("aiplatform.") && host.ends_with(".rep.googleapis.com"))) {
    return Hosts::vertex;
  }
  if (host == "api.anthropic.com") {
    return Hosts::anthropic;
  }
  if (host == "api.openai.com") {
    return Hosts::openai;
  }
  if (host.ends_with(".openai.azure.com")) {
    return Hosts::azure;
  }
  return host == "chatgpt.com" ? Hosts::chatgpt : Hosts::none;
}

/// One row: where, what the path looks like, what it is. In a path `*` stands for one segment, `v*`
/// for one that starts so, `**` for any number of them. A row with an action wants it behind the
/// last colon of the path.
struct Row {
  Hosts hosts;
  std::string_view path;    // before the action
  std::string_view action;  // empty: the path has none
  Provider provider;
  Api api;
  Wire wire;
};

constexpr std::string_view kGenerate = "generateContent";
constexpr std::string_view kStream = "streamGenerateContent";

using P = Provider;
using A = Api;
using W = Wire;
// clang-format off
constexpr std::array kCalls{
    Row{Hosts::code_assist, "/v1internal", kStream, P::google, A::code_assist, W::google},
    Row{Hosts::code_assist, "/v1internal", kGenerate, P::google, A::code_assist, W::google},
    // Seen in one capture only; read like the others, its body says whether it counts anything.
    Row{Hosts::code_assist, "/v1internal", "tabChat", P::google, A::code_assist, W::google},
    Row{Hosts::gemini, "/v1*/models/*", kGenerate, P::google, A::generativelanguage, W::google},
    Row{Hosts::gemini, "/v1*/models/*", kStream, P::google, A::generativelanguage, W::google},
    Row{Hosts::gemini, "/v1*/tunedModels/*", kGenerate, P::google, A::generativelanguage, W::google},
    Row{Hosts::gemini, "/v1*/tunedModels/*", kStream, P::google, A::generativelanguage, W::google},
    Row{Hosts::gemini, "/v1*/openai/chat/completions", "", P::google, A::chat_completions, W::openai_chat},
    Row{Hosts::gemini, "/v1*/interactions", "", P::google, A::generativelanguage, W::interactions},
    Row{Hosts::vertex, "/v1*/**/publishers/google/models/*", kGenerate, P::google, A::vertex, W::google},
    Row{Hosts::vertex, "/v1*/**/publishers/google/models/*", kStream, P::google, A::vertex, W::google},
    Row{Hosts::vertex, "/v1*/**/endpoints/*", kGenerate, P::google, A::vertex, W::google},
    Row{Hosts::vertex, "/v1*/**/endpoints/*", kStream, P::google, A::vertex, W::google},
    Row{Hosts::vertex, "/v1*/**/publishers/anthropic/models/*", "rawPredict", P::google, A::messages, W::anthropic},
    Row{Hosts::vertex, "/v1*/**/publishers/anthropic/models/*", "streamRawPredict", P::google, A::messages, W::anthropic},
    Row{Hosts::vertex, "/v1*/**/endpoints/openapi/chat/completions", "", P::google, A::chat_completions, W::openai_chat},
    Row{Hosts::anthropic, "/v1/messages", "", P::anthropic, A::messages, W::anthropic},
    Row{Hosts::openai, "/v1/chat/completions", "", P::openai, A::chat_completions, W::openai_chat},
    Row{Hosts::openai, "/v1/responses", "", P::openai, A::responses, W::openai_responses},
    Row{Hosts::openai, "/v1/responses/compact", "", P::openai, A::responses, W::openai_responses},
    Row{Hosts::openai, "/v1/completions", "", P::openai, A::chat_completions, W::openai_completions},
    Row{Hosts::azure, "/openai/deployments/*/chat/completions", "", P::azure, A::chat_completions, W::openai_chat},
    Row{Hosts::azure, "/openai/deployments/*/completions", "", P::azure, A::chat_completions, W::openai_completions},
    Row{Hosts::azure, "/openai/v1/chat/completions", "", P::azure, A::chat_completions, W::openai_chat},
    Row{Hosts::azure, "/openai/v1/responses", "", P::azure, A::responses, W::openai_responses},
    Row{Hosts::azure, "/openai/v1/responses/compact", "", P::azure, A::responses, W::openai_responses},
    Row{Hosts::azure, "/openai/responses", "", P::azure, A::responses, W::openai_responses},
    Row{Hosts::chatgpt, "/backend-api/codex/responses", "", P::openai, A::responses, W::openai_responses},
    Row{Hosts::chatgpt, "/backend-api/codex/responses/compact", "", P::openai, A::responses, W::openai_responses},
};
// clang-format on

/// Parts a path at its first slash behind the one it begins with.
std::string_view next_segment(std::string_view* path) {
  path->remove_prefix(1);
  const std::string_view segment = path->substr(0, path->find('/'));
  path->remove_prefix(segment.size());
  return segment;
}

/// A row has one `**` at most, so that this stays linear in the segments of a path, whose length
/// the head limit bounds.
bool matches(std::string_view pattern, std::string_view path) {
  while (!pattern.empty()) {
    const std::string_view wanted = next_segment(&pattern);
    if (wanted == "**") {
      for (; !path.empty(); (void)next_segment(&path)) {
        if (matches(pattern, path)) {
          return true;
        }
      }
      return false;
    }
    if (path.empty() || path[0] != '/') {
      return false;
    }
    const std::string_view segment = next_segment(&path);
    const bool is_open = wanted.ends_with('*');
    if (is_open ? segment.empty() || !segment.starts_with(wanted.substr(0, wanted.size() - 1))
                : segment != wanted) {
      return false;
    }
  }
  return path.empty();
}

std::string percent_decoded(std::string_view text) {
  const auto hex = [](char c) {
    if (c >= '0' && c <= '9') {
      return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
      return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

/// The segment behind "/models/" or the like.
std::string model_in(std::string_view path) {
  for (const std::string_view mark :
       {"/models/", "/tunedModels/", "/deployments/", "/endpoints/"}) {
    const std::size_t at = path.rfind(mark);
    if (at != std::string_view::npos) {
      const std::string_view rest = path.substr(at + mark.size());
      if (rest.starts_with("openapi/")) {
        return {};
      }
      return percent_decoded(rest.substr(0, rest.find('/')));
    }
  }
  return {};
}

}  // namespace

std::string_view path_of(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (scheme != std::string_view::npos && target.front() != '/' && scheme < 8) {
    const std::size_t slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  return target.substr(0, target.find_first_of("?#"));
}

std::optional<Endpoint> classify(std::string_view host,
                                 std::string_view method,
                                 std::string_view target) {
  if (method != "POST") {
    return std::nullopt;
  }
  const Hosts hosts = hosts_of(host);
  if (hosts == Hosts::none) {
    return std::nullopt;
  }
  const std::string_view path = path_of(target);
  std::string_view before = path;
  std::string_view action;
  std::string decoded;  // some clients write the colon of the action as %3A
  if (path.find('%') != std::string_view::npos) {
    decoded = std::string(path);
    const std::size_t at = std::min(decoded.rfind("%3A"), decoded.rfind("%3a"));
    if (at != std::string::npos && path.find(':', at) == std::string_view::npos) {
      decoded = decoded.substr(0, at) + ":" + decoded.substr(at + 3);
    }
    before = decoded;
  }
  const std::string_view whole = before;
  if (const std::size_t colon = whole.rfind(':');
      colon != std::string_view::npos && whole.find('/', colon) == std::string_view::npos) {
    before = whole.substr(0, colon);
    action = whole.substr(colon + 1);
  }
  for (const Row& row : kCalls) {
    if (row.hosts != hosts || row.action != action || !matches(row.path, before)) {
      continue;
    }
    Endpoint endpoint{row.provider, row.api, row.wire, action == "tabChat", model_in(before)};
    if (endpoint.url_model == "count-tokens") {
      return std::nullopt;  // a token counter that poses as a model
    }
    return endpoint;
  }
  return std::nullopt;
}

}  // namespace agp::usage
