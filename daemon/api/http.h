#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// HTTP messages as values: what the handlers see of them.
namespace agp::api {

using Header = std::pair<std::string, std::string>;

struct Request {
  std::string method;
  std::string path;                                        // decoded, without the query
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  std::vector<Header> headers;                             // names as they came
  std::string body;

  /// Values of every header line of that name, case-insensitively.
  [[nodiscard]] std::vector<std::string_view> header(std::string_view name) const;
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<Header> headers;
  std::string cache_control = "no-store";
};

/// A refusal or failure as the caller sees it.
struct ApiError {
  unsigned status = 500;
  std::string type;     // "invalid_request_error", "authentication_error", "permission_error", ...
  std::string code;     // stable word for programs
  std::string message;  // what happened
  std::string hint;     // what to do about it; may be empty
  std::string param;    // OpenAI path: the parameter at fault; may be empty
};

/// The error body of our own routes, or of an OpenAI path.
[[nodiscard]] Response error_response(const ApiError& error, bool openai_shape = false);

/// The target of a request line as path and query; empty when it is not an origin form.
struct Target {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;
};
[[nodiscard]] std::optional<Target> parse_target(std::string_view target);

}  // namespace agp::api
