#include "common/base/bytes.h"
#include "helper/core/arguments.h"
#include "helper/core/certificate.h"
#include "helper/core/errc.h"
#include "helper/core/program_flags.h"
#include "helper/core/public_text.h"
#include "helper/core/start_plan.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <array>
#include <string>
#include <tuple>
#include <utility>

/// Input: what a caller of the helper may send. Ten octets of ports and an index, then, a line
/// each, the two tokens, the workspace and an id; what is left is a certificate, and what a program
/// says about its flags.

namespace {

using namespace agp;

/// As a D-Bus string: it has no NUL.
std::string text(Bytes bytes) {
  std::string out(as_text(bytes));
  return out.substr(0, out.find('\0'));
}

void is_plain(std::string_view word) {
  for (const char c : word) {
    fuzz::require(c > 0x20 && c < 0x7f && c != '%' && c != '"' && c != '\'' && c != '\\',
                  "an argument has nothing that a service manager reads");
  }
}

void start(const core::StartRequest& request, const core::ProgramFlags& flags) {
  const core::Settings settings;
  const auto valid = core::validate(request, settings);
  if (!valid) {
    fuzz::require(valid.error().code == core::Errc::invalid_argument, "nonsense is an argument's");
    fuzz::require(core::public_text(valid.error()).find("mArKeR") == std::string::npos,
                  "an error does not repeat what was sent");
    return;
  }
  for (const auto port : {request.server_port, request.lsp_port}) {
    fuzz::require(settings.ports.contains(port), "a language server listens inside its range");
  }
  for (const auto port :
       {request.server_port, request.http_port, request.lsp_port, request.extension_server_port}) {
    fuzz::require(port != core::kApiPort && port != core::kInterceptPort, "our ports are ours");
  }
  const auto plan = core::plan_start(request, settings, flags);
  if (!plan) {
    return;
  }
  for (const auto& word : plan->arguments) {
    is_plain(word);
    fuzz::require(word.find('$') == std::string::npos || word.starts_with("${AGP_"),
                  "nothing is expanded but our own names");
  }
  std::size_t lines = 0;
  for (const char c : plan->secrets) {
    lines += c == '\n' ? 1 : 0;
  }
  fuzz::require(lines == (plan->has_one_token ? 1U : 2U), "a token cannot add a line");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::array<std::uint8_t, 10> numbers{};
  Bytes rest(data, size);
  const std::size_t head = std::min(size, numbers.size());
  std::copy_n(rest.begin(), head, numbers.begin());
  rest = rest.subspan(head);
  const auto number = [&numbers](std::size_t at) {
    // Half of them near the range, or chance would never find it.
    const auto raw = static_cast<std::uint16_t>(numbers[at] << 8 | numbers[at + 1]);
    return raw < 0x8000 ? static_cast<std::uint16_t>(42095 + raw % 110) : raw;
  };
  core::StartRequest request;
  request.server_port = number(0);
  request.lsp_port = number(2);
  request.http_port = number(4);
  request.extension_server_port = number(6);
  request.binary_index = static_cast<std::uint32_t>(number(8) % 32);
  std::array<Bytes, 4> lines;
  for (auto& line : lines) {
    std::tie(line, rest) = rest.empty() ? std::pair<Bytes, Bytes>() : fuzz::part(rest, "\n");
  }
  request.csrf_token = text(lines[0]);
  request.extension_csrf_token = text(lines[1]);
  request.workspace_id = text(lines[2]);
  const std::string id = text(lines[3]);
  const auto flags = core::ProgramFlags::read(as_text(rest));
  start(request, flags);
  start(request, core::ProgramFlags({"server_port", "extension_server_port", "csrf_token",
                                     "extension_server_csrf_token", "workspace_id", "lsp_port"}));

  if (core::validate_id(id)) {
    is_plain(core::unit_of(id));
    fuzz::require(core::id_of(core::unit_of(id)) == id, "an id and its unit belong together");
    fuzz::require(core::unit_of(id).find('/') == std::string::npos, "a unit is no path");
  }
  const std::string unit = core::id_of(id);
  fuzz::require(unit.empty() || core::unit_of(unit) == id, "only units of ours have an id");
  (void)core::is_endpoint(id);  // it must come back

  const std::string pem = text(rest);
  const auto certificate = core::check_certificate(pem, 1'767'225'600);
  if (!certificate) {
    fuzz::require(core::public_text(certificate.error()).size() < 400, "errors are short");
  }
  return 0;
}
