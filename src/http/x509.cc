#include "http/x509.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

namespace ondol::http {
namespace {

constexpr std::size_t kMaxNameBytes = 253;  // RFC 1035 section 2.3.4
constexpr std::size_t kMaxLabelBytes = 63;
constexpr std::size_t kMaxCommonName = 64;  // ub-common-name of RFC 5280

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > kMaxLabelBytes) return false;
  if (label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) return false;
  for (;;) {
    const std::size_t dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

// Empty when it is no address.
std::string canonical_address(const std::string& name) {
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, name.c_str(), bytes.data()) != 1) continue;
    ::inet_ntop(family, bytes.data(), text.data(), text.size());
    return text.data();
  }
  return {};
}

bool set_serial(X509& certificate) {
  // 20 bytes at most, positive (RFC 5280 section 4.1.2.2).
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] &= 0x7f;
  bytes[0] |= 0x40;
  BIGNUM* number = BN_bin2bn(bytes.data(), bytes.size(), nullptr);
  const bool is_set = number != nullptr &&
                      BN_to_ASN1_INTEGER(number, X509_get_serialNumber(&certificate)) != nullptr;
  BN_free(number);
  return is_set;
}

bool set_subject(X509& certificate, std::string_view common_name) {
  X509_NAME* subject = X509_get_subject_name(&certificate);
  const std::string name(common_name.substr(0, kMaxCommonName));
  const auto add = [subject](const char* field, const std::string& value) {
    return X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(value.data()),
                                      static_cast<int>(value.size()), -1, 0) == 1;
  };
  return add("O", "ondol") && add("CN", name);
}

bool add_extension(X509& certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, &certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  const bool is_added = extension != nullptr && X509_add_ext(&certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return is_added;
}

// The names are canonical: none can hold the comma or colon that this syntax uses,
// but for addresses, whose colons follow "IP:".
std::string alternative_names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ',';
    out += (canonical_address(name).empty() ? "DNS:" : "IP:") + name;
  }
  return out;
}

bool add_extensions(X509& certificate, const CertificatePlan& plan, X509* issuer) {
  X509* signer = issuer == nullptr ? &certificate : issuer;
  const auto add = [&](int nid, const std::string& value) {
    return add_extension(certificate, signer, nid, value);
  };
  if (issuer == nullptr) {
    return add(NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add(NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add(NID_subject_key_identifier, "hash");
  }
  return add(NID_basic_constraints, "critical,CA:FALSE") &&
         add(NID_key_usage, "critical,digitalSignature") && add(NID_ext_key_usage, "serverAuth") &&
         add(NID_subject_alt_name, alternative_names(plan.names)) &&
         add(NID_subject_key_identifier, "hash") && add(NID_authority_key_identifier, "keyid");
}

std::int64_t unix_seconds(const ASN1_TIME* time) {
  std::tm parts{};
  return time != nullptr && ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

std::string name_text(const GENERAL_NAME& name) {
  if (name.type == GEN_DNS) {
    const ASN1_IA5STRING* text = name.d.dNSName;
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
            static_cast<std::size_t>(ASN1_STRING_length(text))};
  }
  if (name.type != GEN_IPADD) return {};
  const ASN1_OCTET_STRING* bytes = name.d.iPAddress;
  const int n_bytes = ASN1_STRING_length(bytes);
  if (n_bytes != 4 && n_bytes != 16) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(n_bytes == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(bytes), text.data(),
              text.size());
  return text.data();
}

}  // namespace

Result<std::string> canonical_name(std::string_view name) {
  std::string out(name);
  if (std::string address = canonical_address(out); !address.empty()) return address;
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (is_host_name(out)) return out;
  return fail(ErrorCode::kInvalidArgument, "certificate", "name",
              "is neither an IP address nor a host name", std::string(name));
}

Result<KeyPtr> make_key() {
  KeyPtr key(EVP_EC_gen("P-256"));
  if (!key) {
    return fail(ErrorCode::kInternal, "key", "", "cannot be made", take_openssl_error());
  }
  return key;
}

Result<CertificatePtr> make_certificate(const CertificatePlan& plan, EVP_PKEY& key, X509* issuer,
                                        EVP_PKEY& signing_key) {
  CertificatePtr certificate(X509_new());
  const bool is_made =
      certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
      set_serial(*certificate) && set_subject(*certificate, plan.common_name) &&
      X509_set_issuer_name(certificate.get(),
                           X509_get_subject_name(issuer ? issuer : certificate.get())) == 1 &&
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), plan.not_before) != nullptr &&
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), plan.not_after) != nullptr &&
      X509_set_pubkey(certificate.get(), &key) == 1 && add_extensions(*certificate, plan, issuer) &&
      X509_sign(certificate.get(), &signing_key, EVP_sha256()) > 0;
  if (!is_made) {
    return fail(ErrorCode::kInternal, "certificate", "", "cannot be made", take_openssl_error());
  }
  return certificate;
}

std::int64_t not_before(const X509& certificate) {
  return unix_seconds(X509_get0_notBefore(&certificate));
}

std::int64_t not_after(const X509& certificate) {
  return unix_seconds(X509_get0_notAfter(&certificate));
}

std::vector<std::string> names_of(const X509& certificate) {
  std::vector<std::string> out;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    out.push_back(name_text(*sk_GENERAL_NAME_value(names, i)));
  }
  GENERAL_NAMES_free(names);
  std::sort(out.begin(), out.end());
  return out;
}

std::string sha256_fingerprint(const X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int n_bytes = 0;
  if (X509_digest(&certificate, EVP_sha256(), digest.data(), &n_bytes) != 1) return {};
  return fmt::format("{:02X}", fmt::join(digest.begin(), digest.begin() + n_bytes, ":"));
}

}  // namespace ondol::http
