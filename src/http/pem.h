// Certificates and keys between PEM text and OpenSSL's own forms.
// Threads: any, plain functions.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ondol::http {

inline constexpr std::size_t kMaxPemBytes = std::size_t{1} << 20;

struct OpensslFree {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using CertificatePtr = std::unique_ptr<X509, OpensslFree>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree>;

/// The first certificate of the text. `path` is for the message. Errors: kInvalidFile.
Result<CertificatePtr> certificate_from_pem(const std::string& path, std::string_view text);
/// A private key without a passphrase. Errors: kInvalidFile.
Result<KeyPtr> key_from_pem(const std::string& path, std::string_view text);

Result<std::string> to_pem(X509& certificate);
Result<std::string> to_pem(EVP_PKEY& key);

/// OpenSSL's last error as text; its queue of this thread is empty afterwards.
std::string take_openssl_error();

}  // namespace ondol::http
