#include "hub/packed_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "hub/digest.h"
#include "hub/part_file.h"
#include "hub/store.h"

namespace ondol::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".packed";
constexpr std::string_view kTemporary = "new.tmp";
constexpr std::size_t kNameDigits = 16;
constexpr std::uint64_t kLeaveFree = 2'000'000'000;  // of the disk, and a twentieth of it

std::string sha256(std::string_view text) {
  Digest digest(Checksum::Kind::kSha256, text.size());
  digest.update(text);
  return digest.hex();
}

fs::path real_path(const fs::path& path) {
  std::error_code error;
  fs::path out = fs::weakly_canonical(path, error);
  return error ? path : out;
}

std::string name_of_model(const fs::path& model) {
  return sha256(real_path(model).string()).substr(0, kNameDigits);
}

std::array<std::byte, 32> bytes_of_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::array<std::byte, 32> out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::byte>(digit(hex[2 * i]) * 16 + digit(hex[2 * i + 1]));
  }
  return out;
}

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// The time of last change of anything cannot be set by hand, so that a file that
// was written over under its old date is another file.
Result<std::string> identity(const fs::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return io_error(path, "cannot be asked");
  return fmt::format("{}\n{} {} {} {}\n", real_path(path).string(), info.st_size, info.st_ino,
                     nanoseconds(info.st_mtim), nanoseconds(info.st_ctim));
}

Result<StoreLock> lock_folder(const fs::path& folder) {
  const fs::path path = folder / "lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return io_error(path, "cannot open the lock");
  StoreLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorCode::kIo, folder.string(), "", "another ondol is writing");
  }
  return lock;
}

void sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

Result<void> make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return io_error(folder, "cannot make the folder");
}

}  // namespace

Result<PackedKey> packed_key(const fs::path& model, const std::vector<fs::path>& weight_files,
                             std::string_view choice) {
  std::string files;
  for (const fs::path& path : weight_files) {
    ONDOL_TRY(const std::string one, identity(path));
    files += one;
  }
  PackedKey key;
  key.model = name_of_model(model);
  key.files = sha256(files).substr(0, kNameDigits);
  key.choice = choice;
  key.digest = bytes_of_hex(sha256(real_path(model).string() + "\n" + files + key.choice + "\n"));
  return key;
}

struct PackedStore::Entry {
  fs::path path;
  std::uint64_t n_bytes = 0;
  fs::file_time_type last_used;
};

fs::path PackedStore::path_of(const PackedKey& key) const {
  return folder_ / fmt::format("{}-{}-{}{}", key.model, key.files, key.choice, kSuffix);
}

void PackedStore::touch(const PackedKey& key) const {
  std::error_code ignored;
  fs::last_write_time(path_of(key), fs::file_time_type::clock::now(), ignored);
}

std::vector<PackedStore::Entry> PackedStore::entries(std::string_view prefix) const {
  std::vector<Entry> out;
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code gone;
    if (!name.ends_with(kSuffix) || !name.starts_with(prefix)) continue;
    if (it->symlink_status(gone).type() != fs::file_type::regular || gone) continue;
    Entry entry{it->path(), it->file_size(gone), {}};
    entry.last_used = it->last_write_time(gone);
    if (!gone) out.push_back(std::move(entry));
  }
  return out;
}

PackedStore::Usage PackedStore::remove(std::string_view prefix) const {
  Usage removed;
  for (const Entry& entry : entries(prefix)) {
    std::error_code error;
    if (!fs::remove(entry.path, error)) continue;
    ++removed.n_files;
    removed.n_bytes += entry.n_bytes;
  }
  return removed;
}

Result<void> PackedStore::make_room(const PackedKey& key, std::uint64_t n_bytes) const {
  if (n_bytes > max_bytes_) {
    return fail(ErrorCode::kLimit, folder_.string(), "", "is larger than all kept weights may be",
                n_bytes, max_bytes_);
  }
  std::error_code error;
  const fs::path target = path_of(key);
  const std::string current = target.filename().string().substr(0, 2 * kNameDigits + 2);
  fs::remove(target, error);  // it is about to be replaced, and its room is needed
  std::vector<Entry> kept;
  std::uint64_t total = n_bytes;
  for (Entry& entry : entries("")) {
    const std::string name = entry.path.filename().string();
    if (name.starts_with(key.model + "-") && !name.starts_with(current)) {
      fs::remove(entry.path, error);
      continue;
    }
    total += entry.n_bytes;
    kept.push_back(std::move(entry));
  }
  std::sort(kept.begin(), kept.end(),
            [](const Entry& a, const Entry& b) { return a.last_used < b.last_used; });
  for (const Entry& entry : kept) {
    if (total <= max_bytes_) break;
    fs::remove(entry.path, error);
    total -= entry.n_bytes;
  }
  const fs::space_info space = fs::space(folder_, error);
  const std::uint64_t leave = std::min(kLeaveFree, space.capacity / 20);
  if (!error && (space.available < leave || space.available - leave < n_bytes)) {
    return fail(ErrorCode::kLimit, folder_.string(), "", "the disk is too full", n_bytes,
                std::uint64_t{space.available});
  }
  return {};
}

Result<void> PackedStore::put(const PackedKey& key, std::uint64_t n_bytes,
                              const std::function<Result<void>(const fs::path&)>& write) const {
  ONDOL_TRY_VOID(make_folder(folder_));
  ONDOL_TRY(const StoreLock lock, lock_folder(folder_));
  const fs::path temporary = folder_ / kTemporary;  // under the lock, so one name is enough
  std::error_code error;
  fs::remove(temporary, error);  // of a process that died
  ONDOL_TRY_VOID(make_room(key, n_bytes));
  auto written = write(temporary);
  if (written) {
    fs::rename(temporary, path_of(key), error);
    if (!error) {
      sync_folder(folder_);
      return {};
    }
    written = fail(ErrorCode::kIo, path_of(key).string(), "", "cannot rename", error.message());
  }
  fs::remove(temporary, error);
  return written;
}

PackedStore::Usage PackedStore::usage_of(const fs::path& model) const {
  Usage out;
  for (const Entry& entry : entries(name_of_model(model) + "-")) {
    ++out.n_files;
    out.n_bytes += entry.n_bytes;
  }
  return out;
}

PackedStore::Usage PackedStore::usage() const {
  Usage out;
  for (const Entry& entry : entries("")) {
    ++out.n_files;
    out.n_bytes += entry.n_bytes;
  }
  return out;
}

PackedStore::Usage PackedStore::remove_of(const fs::path& model) const {
  return remove(name_of_model(model) + "-");
}

PackedStore::Usage PackedStore::remove_all() const { return remove(""); }

}  // namespace ondol::hub
