#include "device/cpu/weight_arena.h"

#include <algorithm>

#include "base/checked.h"

namespace ondol::device::cpu {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kOwnBelow = std::size_t{1} << 18U;
// Large enough that what is lost at its end is little, small enough that a model
// of a few megabytes does not reserve much. What is not touched costs nothing.
constexpr std::size_t kPieceBytes = std::size_t{256} << 20U;

}  // namespace

Result<SharedBytes> WeightArena::take(std::size_t size_bytes) {
  const auto size = checked_align_up(size_bytes, kAlignment);
  if (!size) {
    return fail(ErrorCode::kOutOfMemory, "cpu device", "weight", "size overflows",
                std::to_string(size_bytes));
  }
  if (*size < kOwnBelow) {
    ONDOL_TRY(auto memory, HostMemory::make(size_bytes));
    const auto own = std::make_shared<const HostMemory>(std::move(memory));
    return SharedBytes{{own->data(), size_bytes}, own};
  }
  if (piece_ == nullptr || piece_->size() - used_ < *size) {
    ONDOL_TRY(auto memory, HostMemory::make_huge(std::max(*size, kPieceBytes)));
    piece_ = std::make_shared<const HostMemory>(std::move(memory));
    used_ = 0;
  }
  SharedBytes out{{piece_->data() + used_, size_bytes}, piece_};
  used_ += *size;
  return out;
}

}  // namespace ondol::device::cpu
