// The products of one row as they are now beside those of another revision, a few
// milliseconds each in turn: what an unsteady machine can still tell apart. Both are
// compiled into this program (bench/CMakeLists.txt), the other's functions as before_*.
//
//   row_kernels [N_COLS [N_THREADS [ROUNDS]]]
//
// Weights go round through a buffer that no cache holds ("memory"), or are one piece
// again and again ("cached"). Printed are GB/s, and the median of the ratios of
// neighbours in time with its quartiles: above 1, now is faster.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <random>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "device/cpu/host_memory.h"
#include "device/cpu/int8_kernels.h"
#include "device/cpu/isa.h"

namespace ondol::device::cpu {

#if defined(__x86_64__)
const Int8Kernels& before_avx2();
const Int8Kernels& before_avx_vnni();
const Int8Kernels& before_avx512_vnni();
#elif defined(__aarch64__)
const Int8Kernels& before_neon_dotprod();
#endif

namespace {

constexpr std::size_t kBufferBytes = std::size_t{768} << 20U;
constexpr std::size_t kPassBytes = 75'000'000;  // some milliseconds
constexpr std::int64_t kPiece = 2 * kStreams;   // panels that a thread takes at a time
// With these no pass is longer than the buffer, whatever the format.
constexpr std::int64_t kMostCols = 32768;
constexpr int kMostThreads = 64;

struct Way {
  std::string_view name;
  bool is_cached;
  bool is_before;
};
constexpr std::array<Way, 4> kWays = {{{"memory", false, true},
                                       {"memory", false, false},
                                       {"cached", true, true},
                                       {"cached", true, false}}};

const Int8Kernels* kernels_before(std::string_view isa) {
#if defined(__x86_64__)
  if (isa == "avx2") return &before_avx2();
  if (isa == "avx_vnni") return &before_avx_vnni();
  if (isa == "avx512_vnni") return &before_avx512_vnni();
#elif defined(__aarch64__)
  if (isa == "neon_dotprod") return &before_neon_dotprod();
#endif
  return nullptr;
}

/// Scales that are ordinary numbers, whatever the format: what is computed is of no
/// interest, but infinities and subnormals might take longer.
void fill(HostMemory& memory, std::mt19937_64& random) {
  for (std::size_t i = 0; i < memory.size(); i += sizeof(std::uint64_t)) {
    const std::uint64_t word = (random() & 0x0F0F0F0F0F0F0F0FU) | 0x2020202020202020U;
    __builtin_memcpy(memory.data() + i, &word, sizeof(word));
  }
}

double median(std::vector<double> values, double at = 0.5) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(at * static_cast<double>(values.size() - 1))];
}

class Bench {
 public:
  Bench(const Isa& isa, HostMemory weights, std::int64_t n_cols, int n_threads, int n_rounds)
      : isa_(isa), weights_(std::move(weights)), threads_(n_threads), n_rounds_(n_rounds) {
    fill(weights_, random_);
    record_.resize(static_cast<std::size_t>(n_cols / kBlock) * kRecordBytes, 33);
    row_ = {record_.data(), 1, n_cols, 1, {nullptr, nullptr, no_fine_.data()}};
    out_.resize(static_cast<std::size_t>(n_threads) * kPiece * kPanelRows);
  }

  void run(DType dtype) {
    std::array<std::vector<double>, kWays.size()> speeds;
    std::array<std::size_t, kWays.size()> order = {0, 1, 2, 3};
    for (int round = 0; round < n_rounds_; ++round) {
      std::shuffle(order.begin(), order.end(), random_);
      for (const std::size_t way : order) speeds[way].push_back(pass(dtype, kWays[way]));
    }
    for (std::size_t i = 0; i < kWays.size(); i += 2)
      print(dtype, kWays[i].name, speeds[i], speeds[i + 1]);
  }

 private:
  /// GB/s of one pass.
  double pass(DType dtype, const Way& way) {
    const Int8Kernels& kernels = way.is_before ? *kernels_before(isa_.name) : *isa_.int8;
    const auto product = kernels.row_products[static_cast<std::size_t>(dtype)];
    const std::size_t panel_bytes =
        packed_format(dtype).panel_bytes(static_cast<std::size_t>(row_.n_cols));
    const auto n_pieces =
        static_cast<std::int64_t>(std::max<std::size_t>(1, kPassBytes / panel_bytes / kPiece));
    const std::size_t bytes = static_cast<std::size_t>(n_pieces * kPiece) * panel_bytes;
    if (at_ + bytes > weights_.size()) at_ = 0;
    const std::uint8_t* const from = weights_.data() + (way.is_cached ? 0 : at_);
    if (!way.is_cached) at_ += bytes;
    const auto start = std::chrono::steady_clock::now();
    threads_.parallel_for(n_pieces, 1, [&](std::int64_t piece, std::int64_t end, int thread) {
      for (; piece < end; ++piece) {
        const auto panel = static_cast<std::size_t>((way.is_cached ? thread : piece) * kPiece);
        product(from + panel * panel_bytes, panel_bytes, kPiece, row_,
                out_.data() + thread * kPiece * kPanelRows);
      }
    });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    return static_cast<double>(bytes) / took.count() / 1e9;
  }

  static void print(DType dtype, std::string_view name, const std::vector<double>& before,
                    const std::vector<double>& now) {
    std::vector<double> ratios(now.size());
    std::transform(now.begin(), now.end(), before.begin(), ratios.begin(), std::divides<>());
    fmt::print("{:<8}{:<8}{:8.1f}{:8.1f}{:10.3f}  ({:.3f} to {:.3f})\n", info(dtype).name, name,
               median(before), median(now), median(ratios), median(ratios, 0.25),
               median(ratios, 0.75));
  }

  const Isa& isa_;
  HostMemory weights_;
  std::size_t at_ = 0;
  ThreadPool threads_;
  int n_rounds_;
  std::mt19937_64 random_{1};
  std::vector<std::uint8_t> record_;
  std::array<std::int32_t, 2> no_fine_ = {0, 0};
  QuantizedRows row_;
  std::vector<float> out_;
};

int run(std::int64_t n_cols, int n_threads, int n_rounds) {
  if (n_cols % 256 != 0 || n_cols < 256 || n_cols > kMostCols || n_threads < 1 ||
      n_threads > kMostThreads || n_rounds < 1) {
    fmt::print(stderr,
               "row_kernels: columns are a multiple of 256 up to {}, threads 1 to {}, passes 1 or "
               "more; not {}, {}, {}\n",
               kMostCols, kMostThreads, n_cols, n_threads, n_rounds);
    return 2;
  }
  const Isa& isa = isas_here().front();
  if (kernels_before(isa.name) == nullptr) {
    fmt::print(stderr, "row_kernels: {} has one stream and nothing to compare\n", isa.name);
    return 2;
  }
  auto weights = HostMemory::make_huge(kBufferBytes);
  if (!weights) {
    fmt::print(stderr, "row_kernels: no memory for {} bytes of weights\n", kBufferBytes);
    return 1;
  }
  fmt::print("{} columns, {} threads, {}, {} passes each; GB/s\n", n_cols, n_threads, isa.name,
             n_rounds);
  fmt::print("{:<16}{:>8}{:>8}{:>10}\n", "", "before", "now", "ratio");
  Bench bench(isa, std::move(*weights), n_cols, n_threads, n_rounds);
  for (const DType dtype : {DType::kQ4_0, DType::kQ4_1, DType::kQ8_0, DType::kQ4_K, DType::kQ5_K,
                            DType::kQ6_K, DType::kIQ4_XS, DType::kMXFP4}) {
    bench.run(dtype);
  }
  return 0;
}

}  // namespace
}  // namespace ondol::device::cpu

int main(int argc, char** argv) {
  const auto number = [&](int i, int otherwise) {
    return argc > i ? std::atoi(argv[i]) : otherwise;
  };
  return ondol::device::cpu::run(number(1, 2048), number(2, ondol::usable_cores()), number(3, 150));
}
