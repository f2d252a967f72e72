#include "http/certificates.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/mapped_file.h"
#include "http/x509.h"

namespace ondol::http {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDaySeconds = 86'400;
// Clocks of phones are off by minutes; a certificate from the future is refused.
constexpr std::int64_t kBackdateSeconds = 3600;

struct Signed {
  CertificatePtr certificate;
  KeyPtr key;
};

tl::unexpected<Error> io_error(const fs::path& path, std::string_view what) {
  return fail(ErrorCode::kIo, path.string(), "", what, std::strerror(errno));
}

// Closes, and so unlocks, at the end.
class FolderLock {
 public:
  explicit FolderLock(int fd) : fd_(fd) {}
  FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  int fd_;
};

Result<FolderLock> lock_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) fs::permissions(folder, fs::perms::owner_all, error);
  if (error) {
    return fail(ErrorCode::kIo, folder.string(), "", "cannot make the folder", error.message());
  }
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return io_error(folder, "cannot open the folder");
  FolderLock lock(fd);
  if (::flock(fd, LOCK_EX) != 0) return io_error(folder, "cannot lock the folder");
  return lock;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno != EINTR) return false;
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
  return ::fsync(fd) == 0;
}

// Whole or not at all, and with its mode from the first byte.
Result<void> write_file(const fs::path& path, std::string_view text, mode_t mode) {
  const fs::path part = path.string() + ".part";
  ::unlink(part.c_str());  // of a run that was killed
  const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd < 0) return io_error(part, "cannot make the file");
  bool is_written = write_all(fd, text);
  is_written = ::close(fd) == 0 && is_written;
  if (!is_written || ::rename(part.c_str(), path.c_str()) != 0) {
    const auto error = io_error(path, "cannot write the file");
    ::unlink(part.c_str());
    return error;
  }
  return {};
}

Result<Signed> read_signed(const fs::path& certificate_path, const fs::path& key_path) {
  ONDOL_TRY(const std::string certificate_pem, read_text_file(certificate_path, kMaxPemBytes));
  ONDOL_TRY(const std::string key_pem, read_text_file(key_path, kMaxPemBytes));
  Signed out;
  ONDOL_TRY(out.certificate, certificate_from_pem(certificate_path.string(), certificate_pem));
  ONDOL_TRY(out.key, key_from_pem(key_path.string(), key_pem));
  if (X509_check_private_key(out.certificate.get(), out.key.get()) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::kInvalidFile, key_path.string(), "",
                "the key does not fit " + certificate_path.string());
  }
  return out;
}

// The key first: a key without a certificate is worth nothing to anybody and is
// made again by the next run, a certificate without its key would be lost.
Result<void> write_signed(const Signed& pair, const fs::path& certificate_path,
                          const fs::path& key_path) {
  ONDOL_TRY(const std::string key_pem, to_pem(*pair.key));
  ONDOL_TRY(const std::string certificate_pem, to_pem(*pair.certificate));
  ONDOL_TRY_VOID(write_file(key_path, key_pem, 0600));
  return write_file(certificate_path, certificate_pem, 0644);
}

CertificatePlan plan_until(std::string common_name, std::int64_t now, std::int64_t n_days) {
  return {.common_name = std::move(common_name),
          .names = {},
          .not_before = now - kBackdateSeconds,
          .not_after = now + n_days * kDaySeconds - kBackdateSeconds};
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "this machine";
}

bool is_due(const X509& certificate, std::int64_t now) {
  return now < not_before(certificate) || now > not_after(certificate) - kRenewDays * kDaySeconds;
}

Result<Signed> ensure_ca(const fs::path& folder, std::int64_t now, bool& is_new) {
  const fs::path certificate_path = folder / "ca.crt";
  const fs::path key_path = folder / "ca.key";
  std::error_code ignored;  // what cannot be looked at cannot be read either, which says why
  if (fs::exists(certificate_path, ignored) || ignored) {
    ONDOL_TRY(Signed ca, read_signed(certificate_path, key_path));
    if (X509_check_ca(ca.certificate.get()) != 1) {
      return fail(ErrorCode::kInvalidFile, certificate_path.string(), "",
                  "is no certificate authority");
    }
    if (!is_due(*ca.certificate, now)) return ca;
  }
  Signed ca;
  ONDOL_TRY(ca.key, make_key());
  const std::string name = fmt::format("ondol local CA of {}", host_name());
  ONDOL_TRY(ca.certificate,
            make_certificate(plan_until(name, now, kCaDays), *ca.key, nullptr, *ca.key));
  ONDOL_TRY_VOID(write_signed(ca, certificate_path, key_path));
  is_new = true;
  return ca;
}

// What a run of ours made before and no device trusts by itself may be replaced,
// so a broken one counts as due.
bool is_server_good(const fs::path& certificate_path, const fs::path& key_path, const Signed& ca,
                    const std::vector<std::string>& names, std::int64_t now) {
  const auto pair = read_signed(certificate_path, key_path);
  if (!pair) return false;
  const bool is_ours = X509_verify(pair->certificate.get(), ca.key.get()) == 1;
  ERR_clear_error();
  return is_ours && !is_due(*pair->certificate, now) && names_of(*pair->certificate) == names;
}

Result<std::vector<std::string>> canonical(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const std::string& name : names) {
    ONDOL_TRY(out.emplace_back(), canonical_name(name));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (out.empty()) {
    return fail(ErrorCode::kInvalidArgument, "certificate", "names", "there is none");
  }
  return out;
}

Result<void> make_server(const Certificates& files, const Signed& ca, std::int64_t now) {
  Signed server;
  ONDOL_TRY(server.key, make_key());
  CertificatePlan plan = plan_until(files.names.front(), now, kServerDays);
  plan.names = files.names;
  plan.not_after = std::min(plan.not_after, not_after(*ca.certificate));
  ONDOL_TRY(server.certificate, make_certificate(plan, *server.key, ca.certificate.get(), *ca.key));
  return write_signed(server, files.certificate, files.key);
}

}  // namespace

Result<Certificates> ensure_certificates(const fs::path& folder,
                                         const std::vector<std::string>& names, std::int64_t now) {
  Certificates out;
  ONDOL_TRY(out.names, canonical(names));
  out.ca = folder / "ca.crt";
  out.certificate = folder / "server.crt";
  out.key = folder / "server.key";
  ONDOL_TRY(const FolderLock lock, lock_folder(folder));
  ONDOL_TRY(const Signed ca, ensure_ca(folder, now, out.is_ca_new));
  if (!is_server_good(out.certificate, out.key, ca, out.names, now)) {
    ONDOL_TRY_VOID(make_server(out, ca, now));
    out.is_server_new = true;
  }
  ONDOL_TRY(const Signed server, read_signed(out.certificate, out.key));
  out.ca_expires = not_after(*ca.certificate);
  out.expires = not_after(*server.certificate);
  out.ca_sha256 = sha256_fingerprint(*ca.certificate);
  return out;
}

}  // namespace ondol::http
