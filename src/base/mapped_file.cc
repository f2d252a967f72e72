#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <system_error>
#include <vector>

namespace ondol {
namespace {

struct FileDescriptor {
  int fd = -1;
  ~FileDescriptor() {
    if (fd >= 0) ::close(fd);
  }
};

tl::unexpected<Error> system_error(const std::filesystem::path& path, std::string_view what) {
  const int number = errno;
  const auto code = number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return fail(code, path.string(), what, std::generic_category().message(number));
}

/// The mappings that live, so that release_pages never touches other memory.
struct Mappings {
  std::mutex mutex;
  std::vector<std::span<const std::byte>> all;
};

Mappings& mappings() {
  static Mappings instance;
  return instance;
}

bool contains(std::span<const std::byte> outer, std::span<const std::byte> inner) {
  return inner.data() >= outer.data() && inner.data() + inner.size() <= outer.data() + outer.size();
}

constexpr std::size_t kHugePage = std::size_t{1} << 21U;

/// Maps the file at a multiple of kHugePage: what surrounds it in a larger
/// reservation is given back. MAP_FAILED as mmap.
void* map_aligned(int fd, std::size_t size) {
  void* const reserved =
      ::mmap(nullptr, size + kHugePage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (reserved == MAP_FAILED) return MAP_FAILED;
  auto* const begin = static_cast<std::byte*>(reserved);
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(begin) % kHugePage;
  void* const address = ::mmap(begin + before, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
  if (address == MAP_FAILED) {
    const int number = errno;
    ::munmap(reserved, size + kHugePage);
    errno = number;
    return MAP_FAILED;
  }
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t end = before + (size + page - 1) / page * page;
  if (before > 0) ::munmap(begin, before);
  if (end < size + kHugePage) ::munmap(begin + end, size + kHugePage - end);
  ::madvise(address, size, MADV_HUGEPAGE);  // a wish: what is cached in small pages stays so
  return address;
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  return open_as(path, Pages::kUsual);
}

Result<std::shared_ptr<const MappedFile>> MappedFile::open_huge(const std::filesystem::path& path) {
  return open_as(path, Pages::kHuge);
}

Result<std::shared_ptr<const MappedFile>> MappedFile::open_as(const std::filesystem::path& path,
                                                              Pages pages) {
  // O_NONBLOCK: opening a FIFO must answer, not wait for a writer.
  const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return system_error(path, "open");
  struct stat info{};
  if (::fstat(file.fd, &info) != 0) return system_error(path, "stat");
  if (!S_ISREG(info.st_mode)) {
    return fail(ErrorCode::kInvalidFile, path.string(), "", "not a regular file");
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  std::span<const std::byte> bytes;
  if (size > 0) {
    void* address = pages == Pages::kHuge
                        ? map_aligned(file.fd, size)
                        : ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd, 0);
    if (address == MAP_FAILED) return system_error(path, "mmap");
    bytes = {static_cast<const std::byte*>(address), size};
    const std::scoped_lock lock(mappings().mutex);
    mappings().all.push_back(bytes);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, bytes));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) {
    const std::scoped_lock lock(mappings().mutex);
    std::erase_if(mappings().all, [this](auto& other) { return other.data() == bytes_.data(); });
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
}

void MappedFile::release_pages(std::span<const std::byte> bytes) {
  const std::scoped_lock lock(mappings().mutex);
  const auto inside = [bytes](auto& mapping) { return contains(mapping, bytes); };
  if (std::ranges::none_of(mappings().all, inside)) return;
  // Whole pages only: the ends may belong to neighbours that are still in use.
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t end = (begin + bytes.size()) / page * page;
  if (first < end) {
    ::madvise(const_cast<std::byte*>(bytes.data()) + (first - begin), end - first, MADV_DONTNEED);
  }
}

Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t max_bytes) {
  ONDOL_TRY(const auto file, MappedFile::open(path));
  const auto bytes = file->bytes();
  if (bytes.size() > max_bytes) {
    return fail(ErrorCode::kLimit, path.string(), "size", "file is too large", bytes.size(),
                max_bytes);
  }
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace ondol
