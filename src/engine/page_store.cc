#include "engine/page_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/checksum.h"

namespace ondol::engine {
namespace {

constexpr std::array<char, 8> kMagic = {'o', 'n', 'd', 'o', 'l', 'k', 'v', '1'};
constexpr std::string_view kPageSuffix = ".kv";
constexpr std::string_view kRestSuffix = ".part";
constexpr std::size_t kDigits = 16;
constexpr std::size_t kSumBytes = sizeof(std::uint64_t);

template <class T>
void append(std::vector<std::byte>& to, std::span<const T> values) {
  // Not insert(): g++ 12 warns of an overflow there that cannot be.
  const std::span<const std::byte> bytes = std::as_bytes(values);
  const std::size_t at = to.size();
  to.resize(at + bytes.size());
  std::copy(bytes.begin(), bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(at));
}

std::optional<std::uint64_t> parse_hex(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::chrono::nanoseconds time_of(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Of access and change.
std::array<timespec, 2> file_times(std::chrono::nanoseconds time) {
  const auto s = std::chrono::duration_cast<std::chrono::seconds>(time);
  const timespec both = {static_cast<time_t>(s.count()), static_cast<long>((time - s).count())};
  return {both, both};
}

// Writes all or says why not (errno).
bool write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

bool read_all(int fd, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::read(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

tl::unexpected<Error> io_error_at(const std::string& folder, std::string_view what) {
  return fail(ErrorCode::kIo, folder, "", what, std::strerror(errno));
}

}  // namespace

Result<std::unique_ptr<PageStore>> PageStore::open(const PageStoreOptions& options) {
  const std::string& folder = options.folder;
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return io_error_at(folder, "cannot make the folder");
  }
  Fd folder_fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status{};
  if (folder_fd.get() < 0 || ::fstat(folder_fd.get(), &status) != 0) {
    return io_error_at(folder, "cannot open the folder");
  }
  if ((status.st_mode & 077U) != 0 || status.st_uid != ::geteuid()) {
    return fail(ErrorCode::kInvalidArgument, folder, "permissions",
                "prompts are kept here, so the folder must be the user's own and closed to others",
                fmt::format("{:o}", status.st_mode & 0777U), "700");
  }
  Fd lock_fd(::openat(folder_fd.get(), "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (lock_fd.get() < 0) return io_error_at(folder, "cannot make the lock file");
  if (::flock(lock_fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return io_error_at(folder, "another engine keeps its pages here");
  }
  std::unique_ptr<PageStore> store(new PageStore(options, folder_fd.release(), lock_fd.release()));
  ONDOL_TRY_VOID(store->scan());
  return store;
}

PageStore::PageStore(const PageStoreOptions& options, int folder_fd, int lock_fd)
    : options_(options),
      fingerprint_(checksum64(std::as_bytes(std::span(options.fingerprint)))),
      folder_fd_(folder_fd),
      lock_fd_(lock_fd) {}

PageStore::~PageStore() {
  ::close(lock_fd_);
  ::close(folder_fd_);
}

tl::unexpected<Error> PageStore::io_error(std::string_view what) const {
  return io_error_at(options_.folder, what);
}

std::string PageStore::file_name(const Name& name) {
  return fmt::format("{:016x}{:016x}{}", name.fingerprint, name.key, kPageSuffix);
}

// Takes in the pages that lie here. What has another name is not ours and stays.
Result<void> PageStore::scan() {
  Fd copy(::openat(folder_fd_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* const directory = copy.get() < 0 ? nullptr : ::fdopendir(copy.get());
  if (directory == nullptr) return io_error("cannot list the folder");
  copy.release();  // closed with the directory
  while (const dirent* entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name.ends_with(kRestSuffix) && name.size() == 2 * kDigits + kRestSuffix.size()) {
      ::unlinkat(folder_fd_, entry->d_name, 0);
      continue;
    }
    if (!name.ends_with(kPageSuffix) || name.size() != 2 * kDigits + kPageSuffix.size()) continue;
    const auto fingerprint = parse_hex(name.substr(0, kDigits));
    const auto key = parse_hex(name.substr(kDigits, kDigits));
    struct stat status{};
    if (!fingerprint || !key ||
        ::fstatat(folder_fd_, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode)) {
      continue;
    }
    files_.push_back({{*fingerprint, *key},
                      static_cast<std::uint64_t>(status.st_size),
                      time_of(status.st_mtim)});
  }
  ::closedir(directory);
  files_.sort([](const File& a, const File& b) { return a.used_at < b.used_at; });
  for (auto it = files_.begin(); it != files_.end(); ++it) {
    by_name_[it->name] = it;
    n_bytes_ += it->n_bytes;
  }
  make_room(0);
  return {};
}

std::uint64_t PageStore::n_bytes() const {
  const std::lock_guard lock(mutex_);
  return n_bytes_;
}

std::int64_t PageStore::count_first(std::span<const std::uint64_t> keys) const {
  const std::lock_guard lock(mutex_);
  const auto missing = std::find_if(keys.begin(), keys.end(), [&](std::uint64_t key) {
    return !by_name_.contains({fingerprint_, key});
  });
  return missing - keys.begin();
}

void PageStore::make_room(std::uint64_t n_bytes) {
  while (!files_.empty() && n_bytes_ + n_bytes > options_.max_bytes) forget(files_.begin());
}

void PageStore::forget(Files::iterator file) {
  ::unlinkat(folder_fd_, file_name(file->name).c_str(), 0);
  n_bytes_ -= file->n_bytes;
  by_name_.erase(file->name);
  files_.erase(file);
}

// All of a page's file but its sum and its keys and values.
std::vector<std::byte> PageStore::head_of(const StoredPage& page) const {
  const std::array<std::uint64_t, 4> numbers = {page.tenant, page.tokens.size(),
                                                options_.fingerprint.size(), options_.kv_bytes};
  std::vector<std::byte> head;
  head.reserve(sizeof(kMagic) + sizeof(numbers) + options_.fingerprint.size() +
               page.tokens.size_bytes());
  append(head, std::span<const char>(kMagic));
  append(head, std::span<const std::uint64_t>(numbers));
  append(head, std::span<const char>(options_.fingerprint));
  append(head, page.tokens);
  return head;
}

Result<void> PageStore::write(const StoredPage& page, std::span<const std::byte> kv) {
  ONDOL_CHECK(kv.size() == options_.kv_bytes);
  std::vector<std::byte> body = head_of(page);
  append(body, kv);
  const std::uint64_t n_bytes = kSumBytes + body.size();
  if (n_bytes > options_.max_bytes) {
    return fail(ErrorCode::kLimit, options_.folder, "spill_max_bytes",
                "one page exceeds the budget", n_bytes, options_.max_bytes);
  }
  const Name name = {fingerprint_, page.key};
  std::chrono::nanoseconds used_at;
  {
    const std::lock_guard lock(mutex_);
    if (by_name_.contains(name)) return {};
    make_room(n_bytes);
    used_at = next_use();
  }
  const std::uint64_t sum = checksum64(body);
  const std::array<std::span<const std::byte>, 2> parts = {std::as_bytes(std::span(&sum, 1)),
                                                           std::span<const std::byte>(body)};
  ONDOL_TRY_VOID(write_file(file_name(name), used_at, parts));
  const std::lock_guard lock(mutex_);
  files_.push_back({name, n_bytes, used_at});
  by_name_[name] = std::prev(files_.end());
  n_bytes_ += n_bytes;
  return {};
}

Result<void> PageStore::write_file(const std::string& name, std::chrono::nanoseconds used_at,
                                   std::span<const std::span<const std::byte>> parts) {
  const std::string rest = name.substr(0, 2 * kDigits) + std::string(kRestSuffix);
  bool is_written = false;
  {
    const Fd fd(::openat(folder_fd_, rest.c_str(),
                         O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    is_written = fd.get() >= 0 &&
                 std::all_of(parts.begin(), parts.end(),
                             [&](const auto& part) { return write_all(fd.get(), part); }) &&
                 ::futimens(fd.get(), file_times(used_at).data()) == 0;
  }
  if (is_written && ::renameat(folder_fd_, rest.c_str(), folder_fd_, name.c_str()) == 0) return {};
  const int error = errno;
  ::unlinkat(folder_fd_, rest.c_str(), 0);
  errno = error;
  return io_error("cannot write a page");
}

Result<PageBytes> PageStore::read(const StoredPage& page) {
  const Name name = {fingerprint_, page.key};
  const std::string file = file_name(name);
  const auto broken = [&](std::string_view what) {
    const std::lock_guard lock(mutex_);
    const auto it = by_name_.find(name);
    if (it != by_name_.end()) forget(it->second);
    return fail(ErrorCode::kInvalidFile, options_.folder, file, what);
  };
  const Fd fd(::openat(folder_fd_, file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd.get() < 0) {
    if (errno != ENOENT) return broken("cannot be opened");
    broken("is gone");
    return fail(ErrorCode::kNotFound, options_.folder, file, "no such page");
  }
  const std::vector<std::byte> head = head_of(page);
  struct stat status{};
  const std::size_t n_bytes = kSumBytes + head.size() + options_.kv_bytes;
  if (::fstat(fd.get(), &status) != 0 || static_cast<std::uint64_t>(status.st_size) != n_bytes) {
    return broken("has not the size that it must have");
  }
  std::vector<std::byte> bytes(n_bytes);
  if (!read_all(fd.get(), bytes)) return broken("cannot be read");
  const std::span<const std::byte> body = std::span<const std::byte>(bytes).subspan(kSumBytes);
  const std::uint64_t sum = checksum64(body);
  if (std::memcmp(&sum, bytes.data(), kSumBytes) != 0) return broken("has another checksum");
  if (!std::equal(head.begin(), head.end(), body.begin())) {
    return broken("is of another model, tenant or text");
  }
  return PageBytes(std::move(bytes), kSumBytes + head.size());
}

void PageStore::touch(std::span<const std::uint64_t> keys) {
  const std::lock_guard lock(mutex_);
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    const auto it = by_name_.find({fingerprint_, *key});
    if (it == by_name_.end()) continue;
    it->second->used_at = next_use();
    files_.splice(files_.end(), files_, it->second);
    ::utimensat(folder_fd_, file_name(it->second->name).c_str(),
                file_times(it->second->used_at).data(), AT_SYMLINK_NOFOLLOW);
  }
}

// Each use later than the one before, so that the order outlives the process.
std::chrono::nanoseconds PageStore::next_use() {
  const std::chrono::nanoseconds now = std::chrono::system_clock::now().time_since_epoch();
  return last_use_ = std::max(now, last_use_ + std::chrono::microseconds(1));
}

}  // namespace ondol::engine
