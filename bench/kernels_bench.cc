// Kernels of the cpu device by shape, beside what the machine can do: GB/s of
// weight bytes as the file holds them, and GOP/s (two per multiply-add). Threads
// and ISA are the device's own choice (ONDOL_ISA forces one); /threads:n says how
// many. The read row is the limit of a product with one token.
//
//   build/release/bench/kernels_bench --benchmark_filter='matmul/q4_0.*tokens:1/'
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <numeric>
#include <random>
#include <vector>

#include "base/thread_pool.h"
#include "device/device.h"

namespace ondol::device {
namespace {

/// Bytes that decode to finite numbers in every dtype: no f16 exponent is full.
std::vector<std::byte> weight_bytes(std::size_t n) {
  std::vector<std::byte> bytes(n);
  std::mt19937 random(1);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random() & 0xBBU);
  return bytes;
}

struct Bench {
  std::unique_ptr<Device> device;
  std::vector<std::unique_ptr<Buffer>> buffers;

  explicit Bench(int n_threads)
      : device(make_device({.name = "cpu", .n_threads = n_threads}).value()) {}

  Tensor tensor(std::int64_t rows, std::int64_t cols) {
    const auto n = static_cast<std::size_t>(rows * cols);
    buffers.push_back(device->alloc(n * sizeof(float)).value());
    const Tensor out{buffers.back().get(), 0, rows, cols};
    std::vector<float> values(n);
    std::mt19937 random(2);
    std::normal_distribution<float> normal;
    for (float& v : values) v = normal(random);
    device->upload(out, values);
    return out;
  }
};

void read_memory(benchmark::State& state, int n_threads) {
  const std::vector<std::uint64_t> words(std::size_t{1} << 26U, 1);  // 512 MB
  ThreadPool threads(n_threads);
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(n_threads) * 8);
  for (auto _ : state) {
    threads.parallel_for(std::ssize(words) / 8192, 8, [&](auto begin, auto end, int thread) {
      std::uint64_t sum = 0;
      for (std::int64_t i = begin * 8192; i < end * 8192; ++i) {
        sum += words[static_cast<std::size_t>(i)];
      }
      sums[static_cast<std::size_t>(thread) * 8] += sum;
    });
    benchmark::DoNotOptimize(sums.data());
  }
  state.SetBytesProcessed(state.iterations() * std::ssize(words) * 8);
}

void matmul(benchmark::State& state, DType dtype, std::int64_t n_out, std::int64_t n_in,
            std::int64_t n_tokens, int n_threads) {
  Bench bench(n_threads);
  const auto n_rows = static_cast<std::uint64_t>(n_out);
  const auto n_bytes = n_rows * *row_bytes(dtype, static_cast<std::uint64_t>(n_in));
  std::unique_ptr<Weight> weight;
  const auto bytes = std::make_shared<std::vector<std::byte>>(weight_bytes(n_bytes));
  const TensorView view{dtype, {n_rows, static_cast<std::uint64_t>(n_in)}, *bytes};
  weight = bench.device->load_weight(view, WeightUse::kMatrix, bytes).value();
  const Tensor x = bench.tensor(n_tokens, n_in);
  const MatmulTarget target{weight.get(), bench.tensor(n_tokens, n_out)};
  for (auto _ : state) {
    bench.device->matmul(x, {&target, 1});
    bench.device->wait();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(n_bytes));
  state.counters["OP/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * 2.0 * static_cast<double>(n_out * n_in * n_tokens),
      benchmark::Counter::kIsRate);
}

/// Llama-3.2-1B's heads; GB/s counts the keys and values that are read.
void attention(benchmark::State& state, DType dtype, std::int64_t n_past, std::int64_t n_rows,
               int n_threads) {
  constexpr std::int64_t kHeads = 32;
  constexpr std::int64_t kKvHeads = 8;
  constexpr std::int64_t kHead = 64;
  constexpr std::int64_t kPage = 64;
  Bench bench(n_threads);
  const std::int64_t n_tokens = n_past + n_rows;
  const std::int64_t n_pages = (n_tokens + kPage - 1) / kPage;
  const auto cache =
      bench.device->make_kv_cache({1, n_pages, kPage, kKvHeads, kHead, dtype}).value();
  std::vector<std::int32_t> slots(static_cast<std::size_t>(n_tokens));
  std::iota(slots.begin(), slots.end(), 0);
  std::vector<std::int32_t> pages(static_cast<std::size_t>(n_pages));
  std::iota(pages.begin(), pages.end(), 0);
  const Tensor kv = bench.tensor(n_tokens, kKvHeads * kHead);
  bench.device->kv_append(*cache, 0, kv, kv, slots);
  const Tensor q = bench.tensor(n_rows, kHeads * kHead);
  const Tensor out = bench.tensor(n_rows, kHeads * kHead);
  const AttentionSequence sequence{0, static_cast<std::int32_t>(n_rows),
                                   static_cast<std::int32_t>(n_past), pages};
  for (auto _ : state) {
    bench.device->attention(q, *cache, 0, {&sequence, 1}, {.scale = 0.125F}, out);
    bench.device->wait();
  }
  const auto a_row = static_cast<std::int64_t>(*row_bytes(dtype, kKvHeads * kHead));
  state.SetBytesProcessed(state.iterations() * 2 * n_tokens * a_row);
  const double pairs = static_cast<double>(n_rows) *
                       (static_cast<double>(n_past) + static_cast<double>(n_rows + 1) / 2);
  state.counters["OP/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * 4.0 * pairs * kHeads * kHead,
                         benchmark::Counter::kIsRate);
}

void add_matmuls(int n_threads) {
  struct Shape {
    std::int64_t n_out, n_in;
  };
  for (const DType dtype : {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ8_0, DType::kQ4_K,
                            DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL, DType::kF16}) {
    for (const std::int64_t n_tokens : {1, 16, 512}) {
      for (const Shape shape : {Shape{8192, 2048}, Shape{2048, 8192}, Shape{128256, 2048}}) {
        if (n_tokens > 16 && shape.n_out > 100000) continue;  // logits of few tokens only
        benchmark::RegisterBenchmark(
            fmt::format("matmul/{}/{}x{}/tokens:{}/threads:{}", name(dtype), shape.n_out,
                        shape.n_in, n_tokens, n_threads)
                .c_str(),
            matmul, dtype, shape.n_out, shape.n_in, n_tokens, n_threads)
            ->UseRealTime()
            ->Unit(benchmark::kMicrosecond);
      }
    }
  }
}

void add_attentions(int n_threads) {
  for (const DType dtype : {DType::kF16, DType::kF32, DType::kQ8_0}) {
    for (const std::int64_t n_rows : {1, 512}) {
      for (const std::int64_t n_past : {0, 4096}) {
        const std::int64_t past = n_rows == 1 && n_past == 0 ? 511 : n_past;
        benchmark::RegisterBenchmark(fmt::format("attention/{}/past:{}/rows:{}/threads:{}",
                                                 name(dtype), past, n_rows, n_threads)
                                         .c_str(),
                                     attention, dtype, past, n_rows, n_threads)
            ->UseRealTime()
            ->Unit(benchmark::kMicrosecond);
      }
    }
  }
}

}  // namespace

void add_all() {
  const int most = usable_cores();
  for (const int n_threads : {1, most}) {
    benchmark::RegisterBenchmark(fmt::format("read/512MB/threads:{}", n_threads).c_str(),
                                 read_memory, n_threads)
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
    add_matmuls(n_threads);
    add_attentions(n_threads);
    if (most == 1) break;
  }
}

}  // namespace ondol::device

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return EXIT_FAILURE;
  ondol::device::add_all();
  benchmark::RunSpecifiedBenchmarks();
  return EXIT_SUCCESS;
}
