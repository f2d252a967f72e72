#include "device/limits.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <string>

#include "base/thread_pool.h"
#include "device/cpu/host_memory.h"
#include "device/cpu/isa.h"
#include "device/cpu/limit_kernels.h"

namespace ondol::device {
namespace cpu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMaxThreads = 1024;
constexpr std::size_t kMiB = std::size_t{1} << 20U;
constexpr std::size_t kPiece = 4 * kMiB;  // a thread reads so much, then takes the next
constexpr std::size_t kLine = 64;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

const LimitKernels& kernels_of(const Isa& isa) {
#if defined(__x86_64__)
  if (isa.name == "avx512_vnni") return limit_kernels_avx512_vnni();
  if (isa.name == "avx_vnni") return limit_kernels_avx_vnni();
  if (isa.name == "avx2") return limit_kernels_avx2();
#elif defined(__aarch64__)
  if (isa.name == "neon_dotprod") return limit_kernels_neon_dotprod();
#endif
  return limit_kernels_scalar();
}

/// 0 where the system does not say.
std::size_t last_level_cache_bytes() {
  std::size_t most = 0;
  for (int index = 0; index < 8; ++index) {
    std::ifstream in("/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/size");
    std::size_t size = 0;
    char unit = ' ';
    if (!(in >> size)) break;
    in >> unit;
    most = std::max(most, size * (unit == 'M' ? kMiB : (unit == 'K' ? 1024 : 1)));
  }
  return most;
}

/// Eight times the caches, so that little of a pass comes out of them.
std::size_t buffer_bytes() {
  const std::size_t wanted = std::clamp(8 * last_level_cache_bytes(), 256 * kMiB, 2048 * kMiB);
  const auto pages = static_cast<std::size_t>(std::max(0L, ::sysconf(_SC_AVPHYS_PAGES)));
  const std::size_t free = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return std::max(std::min(wanted, free / 4), 64 * kMiB) / kPiece * kPiece;
}

/// Every page touched, by all threads.
Result<HostMemory> make_buffer(ThreadPool& threads, std::size_t n_bytes) {
  ONDOL_TRY(HostMemory memory, HostMemory::make(n_bytes));
  const auto n_pieces = static_cast<std::int64_t>(memory.size() / kPiece);
  threads.parallel_for(n_pieces, 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t p = begin; p < end; ++p) {
      std::memset(memory.data() + static_cast<std::size_t>(p) * kPiece, static_cast<int>(p & 127),
                  kPiece);
    }
  });
  return memory;
}

/// Operations a second of all threads together, best of several tries.
double compute_limit(LimitKernels::Compute kernel, ThreadPool& threads) {
  constexpr int kTries = 8;
  constexpr int kPiecesPerThread = 8;
  constexpr double kTrySeconds = 0.02;
  const Clock::time_point start = Clock::now();
  std::int64_t n_rounds = 64;
  const double ops_per_round = static_cast<double>(kernel(n_rounds));
  while (seconds_since(start) < 0.005) kernel(n_rounds *= 2);  // and the clock speeds up
  const Clock::time_point once = Clock::now();
  kernel(n_rounds);
  const double round_seconds = std::max(seconds_since(once), 1e-9) / static_cast<double>(n_rounds);
  n_rounds = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(kTrySeconds / kPiecesPerThread / round_seconds));

  const std::int64_t n_pieces = std::int64_t{kPiecesPerThread} * threads.n_threads();
  double best = 0;
  for (int i = 0; i < kTries; ++i) {
    const Clock::time_point begin = Clock::now();
    threads.parallel_for(n_pieces, 1, [&](std::int64_t first, std::int64_t end, int) {
      for (; first < end; ++first) kernel(n_rounds);
    });
    const double ops = ops_per_round * static_cast<double>(n_rounds * n_pieces);
    best = std::max(best, ops / seconds_since(begin));
  }
  return best;
}

double read_once(const LimitKernels& kernels, const HostMemory& memory, ThreadPool& threads,
                 int n_streams, int prefetch_lines) {
  std::atomic<std::uint64_t> sink{0};
  const auto n_pieces = static_cast<std::int64_t>(memory.size() / kPiece);
  const Clock::time_point begin = Clock::now();
  threads.parallel_for(n_pieces, 1, [&](std::int64_t first, std::int64_t end, int) {
    for (; first < end; ++first) {
      const std::uint8_t* piece = memory.data() + static_cast<std::size_t>(first) * kPiece;
      sink ^=
          kernels.read(piece, kPiece, n_streams, static_cast<std::size_t>(prefetch_lines) * kLine);
    }
  });
  return static_cast<double>(memory.size()) / seconds_since(begin);
}

/// All settings once, the best three again.
void read_limit(const LimitKernels& kernels, const HostMemory& memory, ThreadPool& threads,
                Limits& limits) {
  constexpr int kAgain = 6;
  constexpr std::size_t kBest = 3;
  struct Setting {
    int n_streams;
    int prefetch_lines;
    double bytes_per_s;
  };
  std::vector<Setting> settings;
  for (const int n_streams : {1, 2, 4, 8}) {
    for (const int lines : {0, 8, 16, 36, 64}) {
      settings.push_back({n_streams, lines, read_once(kernels, memory, threads, n_streams, lines)});
    }
  }
  const auto faster = [](const Setting& a, const Setting& b) {
    return a.bytes_per_s > b.bytes_per_s;
  };
  std::ranges::sort(settings, faster);
  settings.resize(kBest);
  for (int i = 0; i < kAgain; ++i) {
    for (Setting& s : settings) {
      s.bytes_per_s = std::max(s.bytes_per_s,
                               read_once(kernels, memory, threads, s.n_streams, s.prefetch_lines));
    }
  }
  std::ranges::sort(settings, faster);
  limits.read_bytes_per_s = settings[0].bytes_per_s;
  limits.read_streams = settings[0].n_streams;
  limits.read_prefetch_lines = settings[0].prefetch_lines;
  limits.read_buffer_bytes = memory.size();
}

}  // namespace
}  // namespace cpu

Result<std::vector<Limits>> measure_limits(std::string_view isa,
                                           std::span<const int> thread_counts) {
  const cpu::Isa* chosen = isa.empty() ? &cpu::isas_here().front() : cpu::find_isa(isa);
  if (chosen == nullptr) {
    return fail(ErrorCode::kUnsupported, "limits", "isa",
                "this machine does not run it, or it has no such name", std::string(isa));
  }
  for (const int n : thread_counts) {
    if (n >= 1 && n <= cpu::kMaxThreads) continue;
    return fail(ErrorCode::kInvalidArgument, "limits", "n_threads", "out of range", n,
                cpu::kMaxThreads);
  }
  const cpu::LimitKernels& kernels = cpu::kernels_of(*chosen);
  ThreadPool all(usable_cores());
  ONDOL_TRY(const cpu::HostMemory memory, cpu::make_buffer(all, cpu::buffer_bytes()));
  std::vector<Limits> out;
  for (const int n : thread_counts) {
    ThreadPool threads(n);
    Limits limits;
    limits.n_threads = n;
    limits.isa = chosen->name;
    limits.int8_product = kernels.int8_name;
    limits.int8_ops_per_s = cpu::compute_limit(kernels.int8_product, threads);
    limits.f32_ops_per_s = cpu::compute_limit(kernels.f32_product, threads);
    cpu::read_limit(kernels, memory, threads, limits);
    out.push_back(limits);
  }
  return out;
}

struct MemoryReader::Parts {
  const cpu::LimitKernels& kernels;
  ThreadPool threads;
  cpu::HostMemory memory;
  int n_streams;
  int prefetch_lines;
};

MemoryReader::MemoryReader(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
MemoryReader::MemoryReader(MemoryReader&&) noexcept = default;
MemoryReader::~MemoryReader() = default;

Result<MemoryReader> MemoryReader::make(const Limits& limits) {
  const cpu::Isa* isa = cpu::find_isa(limits.isa);
  if (isa == nullptr) {
    return fail(ErrorCode::kUnsupported, "limits", "isa",
                "this machine does not run it, or it has no such name", std::string(limits.isa));
  }
  ThreadPool all(usable_cores());
  ONDOL_TRY(cpu::HostMemory memory, cpu::make_buffer(all, limits.read_buffer_bytes));
  return MemoryReader(std::unique_ptr<Parts>(
      new Parts{cpu::kernels_of(*isa), ThreadPool(limits.n_threads), std::move(memory),
                limits.read_streams, limits.read_prefetch_lines}));
}

double MemoryReader::bytes_per_s() {
  return cpu::read_once(parts_->kernels, parts_->memory, parts_->threads, parts_->n_streams,
                        parts_->prefetch_lines);
}

}  // namespace ondol::device
