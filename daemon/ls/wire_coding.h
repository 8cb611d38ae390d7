#pragma once

namespace agp::ls {

/// How the messages of a call are written: proto3 JSON, or the binary form.
enum class WireCoding { json, proto };

}  // namespace agp::ls
