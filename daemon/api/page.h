#pragma once

#include "daemon/api/http.h"

#include <string_view>

/// The page for people on `GET /`: one document without any other file, made by web/build.py. It
/// holds no data; its script asks the API, which decides what the person in front of it may see.
namespace agp::api {

struct PageDocument {
  std::string_view html;
  std::string_view packed;  // the same, gzip
  std::string_view tag;     // weak: the same for both codings
  std::string_view policy;  // of Content-Security-Policy; names script and style by their hashes
};
[[nodiscard]] const PageDocument& page_document();

/// 200 with the document in a coding that the client takes, or 304.
[[nodiscard]] Response answer_page(const Request& request);

}  // namespace agp::api
