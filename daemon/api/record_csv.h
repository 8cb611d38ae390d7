#pragma once

#include "daemon/usage/record.h"

#include <string>
#include <string_view>

/// Usage records as CSV by RFC 4180: CRLF, one header line, a field quoted where it has to be.
/// Columns are only ever added, at the end. An unknown number is an empty field, never 0; lists and
/// maps are JSON in their field.
///
/// Texts come from the network, and spreadsheets run what looks like a formula: a text that begins
/// with = + - @ (or their full-width forms), a tab, a line end or an apostrophe gets an apostrophe
/// before it. So whoever takes one leading apostrophe away has the text as it was.
/// Source: OWASP, "CSV Injection".
namespace agp::api {

/// The header line, with its CRLF.
[[nodiscard]] std::string csv_header();

/// One line, with its CRLF.
[[nodiscard]] std::string csv_line(const usage::Record& record);

/// A text as one field of a line.
[[nodiscard]] std::string csv_text(std::string_view text);

}  // namespace agp::api
