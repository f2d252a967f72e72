#include "hub/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace ondol::hub {

bool Checksum::well_formed() const {
  const std::size_t n_digits = kind == Kind::kSha256 ? 64 : 40;
  return hex.size() == n_digits && std::all_of(hex.begin(), hex.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

void Digest::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Digest::Digest(Checksum::Kind kind, std::uint64_t size_bytes) : context_(EVP_MD_CTX_new()) {
  const EVP_MD* method = kind == Checksum::Kind::kSha256 ? EVP_sha256() : EVP_sha1();
  ONDOL_CHECK(context_ && EVP_DigestInit_ex(context_.get(), method, nullptr) == 1);
  if (kind == Checksum::Kind::kGitBlob) {
    std::string header = fmt::format("blob {}", size_bytes);
    header.push_back('\0');
    update(header);
  }
}

void Digest::update(std::string_view bytes) {
  ONDOL_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

std::string Digest::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int n_bytes = 0;
  ONDOL_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), &n_bytes) == 1);
  std::string out;
  for (unsigned int i = 0; i < n_bytes; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

}  // namespace ondol::hub
