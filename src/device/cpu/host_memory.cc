#include "device/cpu/host_memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/checked.h"

namespace ondol::device::cpu {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kMapFrom = std::size_t{1} << 18U;  // below, the heap is as good
constexpr std::size_t kHugePage = std::size_t{1} << 21U;

tl::unexpected<Error> refused(std::size_t size_bytes) {
  return fail(ErrorCode::kOutOfMemory, "cpu device", "", "the system refused memory",
              std::to_string(size_bytes));
}

}  // namespace

Result<HostMemory> HostMemory::make_huge(std::size_t size_bytes) {
  const auto size = checked_align_up(size_bytes, kHugePage);
  const auto reserved = size ? checked_add(*size, kHugePage) : std::nullopt;
  if (!reserved) return refused(size_bytes);
  void* const begin =
      ::mmap(nullptr, *reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) return refused(size_bytes);
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(begin) % kHugePage;
  auto* const data = static_cast<std::uint8_t*>(begin) + before;
  if (before > 0) ::munmap(begin, before);
  ::munmap(data + *size, kHugePage - before);
  ::madvise(data, *size, MADV_HUGEPAGE);
  HostMemory memory;
  memory.data_ = data;
  memory.size_ = *size;
  return memory;
}

Result<HostMemory> HostMemory::make(std::size_t size_bytes) {
  HostMemory memory;
  const auto size = checked_align_up(size_bytes, kAlignment);
  if (!size) {
    return fail(ErrorCode::kOutOfMemory, "cpu device", "", "an impossible size was asked for",
                std::to_string(size_bytes));
  }
  if (*size == 0) return memory;
  void* data = nullptr;
  if (*size >= kMapFrom) {
    data = ::mmap(nullptr, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) data = nullptr;
    if (data != nullptr && *size >= 4 * kHugePage) ::madvise(data, *size, MADV_HUGEPAGE);
  } else {
    data = std::aligned_alloc(kAlignment, *size);
    if (data != nullptr) std::memset(data, 0, *size);
  }
  if (data == nullptr) return refused(size_bytes);
  memory.data_ = static_cast<std::uint8_t*>(data);
  memory.size_ = *size;
  return memory;
}

HostMemory::~HostMemory() {
  if (size_ >= kMapFrom) {
    ::munmap(data_, size_);
  } else {
    std::free(data_);
  }
}

HostMemory::HostMemory(HostMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

HostMemory& HostMemory::operator=(HostMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace ondol::device::cpu
