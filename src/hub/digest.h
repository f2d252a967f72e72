// Checksums of downloads: SHA-256, and the SHA-1 that git gives a blob (it
// hashes a header with the size first). Backed by OpenSSL.
//
// Owner: one per file being hashed. Threads: one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace ondol::hub {

/// What a file must hash to; hex is lower case.
struct Checksum {
  enum class Kind : std::uint8_t { kSha256, kGitBlob } kind = Kind::kSha256;
  std::string hex;

  /// False for a string that is no digest of this kind.
  bool well_formed() const;
};

class Digest {
 public:
  /// size_bytes is the size of the whole file (a git blob's digest depends on it).
  Digest(Checksum::Kind kind, std::uint64_t size_bytes);
  void update(std::string_view bytes);
  /// Lower-case hex. The digest is used up.
  std::string hex();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace ondol::hub
