#pragma once

#include "common/base/bytes.h"

#include <string>
#include <string_view>

namespace agp::rewrite {

/// Why a message is not passed on. Texts are constants: nothing of the message is repeated.
struct Fault {
  unsigned status = 0;       // of the answer, when one can still be given
  std::string_view code;     // for programs: `repeated_length`
  std::string_view message;  // for people: what is wrong with it
};

/// What we answer ourselves.
struct Answer {
  unsigned status = 403;
  std::string type = "invalid_request";
  std::string code;
  std::string message;
  std::string hint;
};

[[nodiscard]] Answer answer_for(const Fault& fault);
[[nodiscard]] Answer blocked_answer(std::string reason, std::string_view where);

/// The same for gRPC: its number for an HTTP status, and the text as the field grpc-message has it
/// (printable ASCII, everything else and `%` as %XX).
[[nodiscard]] unsigned grpc_status(unsigned http_status);
[[nodiscard]] std::string grpc_message(const Answer& answer);

/// `{"error":{"type","code","message","hint"}}`
[[nodiscard]] std::string error_json(const Answer& answer);
[[nodiscard]] std::string_view reason_phrase(unsigned status);

/// A whole HTTP/1.1 response. @param closes  adds `Connection: close`.
void append_answer(Buffer& to, const Answer& answer, bool closes, bool without_body);

}  // namespace agp::rewrite
