#include "hub/part_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/mapped_file.h"

namespace ondol::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxTagBytes = 4096;
constexpr mode_t kFileMode = 0644;

Result<void> write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(path, "cannot write");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

// A rename is on disk only when its folder is.
void sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

Result<void> make_folders(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return fail(ErrorCode::kIo, folder.string(), "", "cannot make the folder", error.message());
  }
  return {};
}

}  // namespace

tl::unexpected<Error> io_error(const fs::path& path, std::string_view what) {
  return fail(ErrorCode::kIo, path.string(), "", what, std::generic_category().message(errno));
}

PartFile::PartFile(fs::path final_path, std::uint64_t size_bytes, Checksum checksum)
    : final_path_(std::move(final_path)),
      size_bytes_(size_bytes),
      checksum_(std::move(checksum)),
      digest_(checksum_.kind, size_bytes) {}

PartFile::PartFile(PartFile&& other) noexcept
    : final_path_(std::move(other.final_path_)),
      size_bytes_(other.size_bytes_),
      checksum_(std::move(other.checksum_)),
      digest_(std::move(other.digest_)),
      etag_(std::move(other.etag_)),
      n_written_(other.n_written_),
      fd_(std::exchange(other.fd_, -1)) {}

PartFile::~PartFile() {
  if (fd_ >= 0) ::close(fd_);
}

fs::path PartFile::part_path() const { return final_path_.string() + ".part"; }
fs::path PartFile::tag_path() const { return final_path_.string() + ".part.tag"; }

Result<PartFile> PartFile::open(fs::path final_path, std::uint64_t size_bytes, Checksum checksum) {
  PartFile part(std::move(final_path), size_bytes, std::move(checksum));
  ONDOL_TRY_VOID(make_folders(part.final_path_.parent_path()));
  part.fd_ = ::open(part.part_path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  if (part.fd_ < 0) return io_error(part.part_path(), "cannot open");
  ONDOL_TRY_VOID(part.continue_or_restart());
  return part;
}

Result<void> PartFile::continue_or_restart() {
  const auto tag = read_text_file(tag_path(), kMaxTagBytes);
  const std::string head = checksum_.hex + "\n";
  if (!tag || !tag->starts_with(head)) return restart();
  etag_ = tag->substr(head.size());

  std::string buffer(std::size_t{1} << 20, '\0');
  for (;;) {
    const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(part_path(), "cannot read");
    if (n == 0) break;
    n_written_ += static_cast<std::uint64_t>(n);
    if (n_written_ > size_bytes_) return restart();
    digest_.update(std::string_view(buffer.data(), static_cast<std::size_t>(n)));
  }
  return {};
}

Result<void> PartFile::restart() {
  if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0) {
    return io_error(part_path(), "cannot empty");
  }
  n_written_ = 0;
  etag_.clear();
  digest_ = Digest(checksum_.kind, size_bytes_);
  return write_tag();
}

Result<void> PartFile::write_tag() {
  return write_file_atomically(tag_path(), checksum_.hex + "\n" + etag_);
}

Result<void> PartFile::set_etag(std::string etag) {
  if (etag == etag_) return {};
  etag_ = std::move(etag);
  return write_tag();
}

Result<void> PartFile::append(std::string_view bytes) {
  if (bytes.size() > size_bytes_ - n_written_) {
    return fail(ErrorCode::kInvalidFile, final_path_.filename().string(), "",
                "more bytes came than announced", "", std::to_string(size_bytes_));
  }
  ONDOL_TRY_VOID(write_all(fd_, bytes, part_path()));
  digest_.update(bytes);
  n_written_ += bytes.size();
  return {};
}

void PartFile::discard() {
  std::error_code ignored;
  fs::remove(part_path(), ignored);
  fs::remove(tag_path(), ignored);
}

Result<void> PartFile::commit() {
  const std::string name = final_path_.filename().string();
  if (n_written_ != size_bytes_) {
    discard();
    return fail(ErrorCode::kInvalidFile, name, "size", "the download has another size", n_written_,
                size_bytes_);
  }
  if (const std::string found = digest_.hex(); found != checksum_.hex) {
    discard();
    return fail(ErrorCode::kInvalidFile, name, "checksum", "the download is not what was promised",
                found, checksum_.hex);
  }
  if (::fsync(fd_) != 0) return io_error(part_path(), "cannot sync");
  if (::rename(part_path().c_str(), final_path_.c_str()) != 0) {
    return io_error(final_path_, "cannot rename into place");
  }
  std::error_code ignored;
  fs::remove(tag_path(), ignored);
  sync_folder(final_path_.parent_path());
  return {};
}

bool file_matches(const fs::path& path, std::uint64_t size_bytes, const Checksum& checksum) {
  const auto file = MappedFile::open(path);
  if (!file || (*file)->bytes().size() != size_bytes) return false;
  Digest digest(checksum.kind, size_bytes);
  const auto bytes = (*file)->bytes();
  digest.update({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return digest.hex() == checksum.hex;
}

Result<void> write_file_atomically(const fs::path& path, std::string_view text) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  ONDOL_TRY_VOID(make_folders(folder));
  std::string temporary = path.string() + ".XXXXXX";
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return io_error(path, "cannot write");
  auto done = write_all(fd, text, path);
  if (done && (::fsync(fd) != 0 || ::fchmod(fd, kFileMode) != 0)) {
    done = io_error(path, "cannot sync");
  }
  ::close(fd);
  if (done && ::rename(temporary.c_str(), path.c_str()) != 0) {
    done = io_error(path, "cannot rename into place");
  }
  if (!done) {
    ::unlink(temporary.c_str());
    return done;
  }
  sync_folder(folder);
  return {};
}

}  // namespace ondol::hub
