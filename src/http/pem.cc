#include "http/pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>

namespace ondol::http {
namespace {

struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioFree>;

BioPtr reader(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Never asks at the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

std::string written(BIO* bio) {
  char* data = nullptr;
  const auto n_bytes = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(n_bytes)};
}

}  // namespace

std::string take_openssl_error() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_peek_last_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

Result<CertificatePtr> certificate_from_pem(const std::string& path, std::string_view text) {
  const BioPtr bio = reader(text);
  CertificatePtr certificate(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
  if (!certificate) {
    return fail(ErrorCode::kInvalidFile, path, "", "holds no certificate in PEM",
                take_openssl_error());
  }
  return certificate;
}

Result<KeyPtr> key_from_pem(const std::string& path, std::string_view text) {
  const BioPtr bio = reader(text);
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) {
    return fail(ErrorCode::kInvalidFile, path, "",
                "holds no private key in PEM, or one with a passphrase", take_openssl_error());
  }
  return key;
}

Result<std::string> to_pem(X509& certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), &certificate) != 1) {
    return fail(ErrorCode::kInternal, "certificate", "", "cannot be written", take_openssl_error());
  }
  return written(bio.get());
}

Result<std::string> to_pem(EVP_PKEY& key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return fail(ErrorCode::kInternal, "key", "", "cannot be written", take_openssl_error());
  }
  return written(bio.get());
}

}  // namespace ondol::http
