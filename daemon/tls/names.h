#pragma once

#include "common/config/values.h"

#include <span>
#include <string>
#include <vector>

namespace agp::tls {

/// The domains that our issuer's name constraints must permit so that a leaf can be minted for each
/// inspected host: sorted, none below another.
///
/// A DNS constraint permits whole labels only: `a.example` permits itself and everything below
/// (RFC 5280 section 4.2.1.10). So an exact name becomes itself, `*.example.com` becomes
/// `example.com`, and a star inside a label cannot be expressed: `*-aiplatform.googleapis.com`
/// becomes `googleapis.com`. The issuer could then sign for the rest of that domain; the leaf cache
/// does not, because it asks the list itself.
///
/// A pattern without domain (`autopush-*`) yields nothing: the configuration refuses to inspect it.
/// An empty list yields `invalid` (RFC 6761, resolves nowhere), because an issuer without any
/// permitted name would be an unconstrained one.
[[nodiscard]] std::vector<std::string> permitted_domains(
    std::span<const config::HostPattern> inspected);

}  // namespace agp::tls
