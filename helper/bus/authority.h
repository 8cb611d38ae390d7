#pragma once

#include "common/bus/polkit.h"

namespace agp::helper {

constexpr char kActionRedirect[] = "org.antigravityproxy.manage-redirect";
constexpr char kActionTrust[] = "org.antigravityproxy.manage-trust";
constexpr char kActionLanguageServer[] = "org.antigravityproxy.manage-language-server";
constexpr char kActionCaptureScope[] = "org.antigravityproxy.capture-scope";
constexpr char kActionIdePatch[] = "org.antigravityproxy.patch-ide";
constexpr char kActionStatus[] = "org.antigravityproxy.read-status";

using Authority = bus::Authority;  // callers are services: nobody is there to be asked

}  // namespace agp::helper
