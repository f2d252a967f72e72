// The few things that certificates.cc asks of OpenSSL: making a key, signing a
// certificate, reading one back.
// Threads: any, plain functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "http/pem.h"

namespace ondol::http {

struct CertificatePlan {
  std::string common_name;
  std::vector<std::string> names;  // subject alternative names; empty for the authority
  std::int64_t not_before = 0;     // Unix seconds
  std::int64_t not_after = 0;
};

/// ECDSA on P-256, which every phone and TV takes.
Result<KeyPtr> make_key();

/// Signs a certificate for `key`. `issuer` null: an authority (path length 0) that
/// signs itself by signing_key, which is `key` then.
Result<CertificatePtr> make_certificate(const CertificatePlan& plan, EVP_PKEY& key, X509* issuer,
                                        EVP_PKEY& signing_key);

/// One spelling a name: lower case, addresses as inet_ntop writes them. Errors:
/// kInvalidArgument when it is neither an address nor a host name ("*.x" included).
Result<std::string> canonical_name(std::string_view name);

std::int64_t not_before(const X509& certificate);
std::int64_t not_after(const X509& certificate);
/// Canonical and sorted.
std::vector<std::string> names_of(const X509& certificate);
std::string sha256_fingerprint(const X509& certificate);

}  // namespace ondol::http
