#include "http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <ctime>

#include "base/mapped_file.h"
#include "http/pem.h"

namespace ondol::http {
namespace {

namespace ssl = boost::asio::ssl;

constexpr int kWarnDays = 14;

// The only protocol that is spoken here; a client that offers others as well gets
// this one, one that offers only others gets no answer to its offer.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* n_out,
                    const unsigned char* offered, unsigned int n_offered, void*) {
  static constexpr std::array<unsigned char, 9> kHttp11 = {8,   'h', 't', 't', 'p',
                                                           '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, n_out, kHttp11.data(), kHttp11.size(), offered, n_offered);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

bool set_rules(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // idle connections are many
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
}

void warn_of_dates(const std::string& path, X509* certificate,
                   const std::function<void(const std::string&)>& warn) {
  std::time_t soon = std::time(nullptr) + std::time_t{kWarnDays} * 24 * 3600;
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    warn(path + ": the certificate is not valid yet; clients will refuse it");
  }
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    warn(path + ": the certificate has expired; clients will refuse it");
  } else if (X509_cmp_time(X509_get0_notAfter(certificate), &soon) < 0) {
    warn(path + ": the certificate expires within " + std::to_string(kWarnDays) + " days");
  }
}

void warn_of_readers(const std::string& path, const std::function<void(const std::string&)>& warn) {
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0) {
    warn(path + ": every user of this machine can read the key");
  }
}

}  // namespace

Result<std::unique_ptr<ssl::context>> make_tls_context(
    const TlsFiles& files, const std::function<void(const std::string&)>& warn) {
  ONDOL_TRY(const std::string certificate_pem, read_text_file(files.certificate, kMaxPemBytes));
  ONDOL_TRY(const std::string key_pem, read_text_file(files.key, kMaxPemBytes));
  ONDOL_TRY(const CertificatePtr certificate,
            certificate_from_pem(files.certificate, certificate_pem));
  ONDOL_TRY(const KeyPtr key, key_from_pem(files.key, key_pem));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::kInvalidFile, files.key, "",
                "the key does not fit the certificate in " + files.certificate);
  }
  auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
  boost::system::error_code error;
  if (context->use_certificate_chain(boost::asio::buffer(certificate_pem), error)) {
    return fail(ErrorCode::kInvalidFile, files.certificate, "",
                "the chain of certificates cannot be used", error.message());
  }
  SSL_CTX* native = context->native_handle();
  if (!set_rules(native) || SSL_CTX_use_PrivateKey(native, key.get()) != 1) {
    return fail(ErrorCode::kInvalidFile, files.key, "", "the key cannot be used",
                take_openssl_error());
  }
  if (warn) {
    warn_of_dates(files.certificate, certificate.get(), warn);
    warn_of_readers(files.key, warn);
  }
  return context;
}

}  // namespace ondol::http
