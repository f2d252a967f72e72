#include "app/bench_kernels.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <functional>
#include <numeric>
#include <random>

#include "app/bench.h"
#include "app/console.h"
#include "app/interrupt.h"
#include "base/checked.h"
#include "base/thread_pool.h"

namespace ondol::app {
namespace {

using device::Tensor;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kStreamBytes = std::uint64_t{256}
                                       << 20U;  // copies together, well over caches
constexpr std::int64_t kPageTokens = 32;

struct Shape {
  std::string_view name;
  std::int64_t d_model, n_layers, n_heads, n_kv_heads, d_head, d_ff, n_vocab;
};
constexpr Shape kShapes[] = {{"llama-3.2-1b", 2048, 16, 32, 8, 64, 8192, 128256},
                             {"smollm2-135m", 576, 30, 9, 3, 64, 1536, 49152},
                             {"llama-3-8b", 4096, 32, 32, 8, 128, 14336, 128256}};
constexpr DType kWeightDTypes[] = {DType::kQ4_0, DType::kQ4_K, DType::kQ6_K, DType::kQ8_0};
constexpr std::int64_t kRows[] = {1, 16, 512};

/// What one call of a kernel does.
struct Kernel {
  std::string name;
  double ops = 0;
  double bytes = 0;
};

struct Timed {
  Kernel kernel;
  double seconds = 0;  // median of a call
};

class KernelBench {
 public:
  KernelBench(const KernelBenchArguments& arguments, device::Device& device)
      : arguments_(arguments), device_(device) {}

  Result<void> run() {
    for (const Shape& shape : kShapes) {
      for (const DType dtype : kWeightDTypes) ONDOL_TRY_VOID(products(shape, dtype));
      for (const DType dtype : {DType::kF16, DType::kQ8_0}) ONDOL_TRY_VOID(attention(shape, dtype));
      ONDOL_TRY_VOID(row_kernels(shape));
    }
    return {};
  }

  std::vector<Timed> timed;

 private:
  bool wanted(const std::string& name) const {
    return std::ranges::all_of(arguments_.only, [&](const std::string& part) {
      return fmt::format(" {} ", name).find(fmt::format(" {} ", part)) != std::string::npos;
    });
  }

  /// call(i) for i = 0, 1, ..: which copy is the caller's business. Rounds of
  /// n_copies calls until there are enough of them and of time.
  Result<void> time(Kernel kernel, std::int64_t n_copies,
                    const std::function<void(std::int64_t)>& call) {
    constexpr double kSeconds = 0.1;
    constexpr std::size_t kRounds = 3;
    const auto round = [&] {
      for (std::int64_t i = 0; i < n_copies; ++i) call(i);
      device_.wait();
    };
    round();
    std::vector<double> seconds;
    double total = 0;
    while (total < kSeconds || seconds.size() < kRounds) {
      if (interrupt_.requested()) return fail(ErrorCode::kCancelled, "bench", "", "interrupted");
      const auto start = Clock::now();
      round();
      seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
      total += seconds.back();
    }
    timed.push_back({std::move(kernel), spread(seconds).median / static_cast<double>(n_copies)});
    return {};
  }

  Result<Tensor> tensor(std::int64_t rows, std::int64_t cols) {
    const auto n = static_cast<std::size_t>(rows * cols);
    ONDOL_TRY(auto buffer, device_.alloc(n * sizeof(float)));
    const Tensor out{buffer.get(), 0, rows, cols};
    buffers_.push_back(std::move(buffer));
    std::vector<float> values(n);
    for (float& v : values) v = normal_(random_);
    device_.upload(out, values);
    return out;
  }

  /// Bytes that decode to finite numbers in every dtype: no f16 exponent is full.
  Result<std::unique_ptr<device::Weight>> weight(DType dtype, std::int64_t n_out,
                                                 std::int64_t n_in) {
    const auto n_rows = static_cast<std::uint64_t>(n_out);
    const auto n_cols = static_cast<std::uint64_t>(n_in);
    const auto bytes =
        std::make_shared<std::vector<std::byte>>(n_rows * row_bytes(dtype, n_cols).value_or(0));
    for (std::byte& b : *bytes) b = static_cast<std::byte>(random_() & 0xBBU);
    return device_.load_weight({dtype, {n_rows, n_cols}, *bytes}, device::WeightUse::kMatrix,
                               bytes);
  }

  /// One call multiplies x with all of n_outs: q, k and v go together, gate and up too.
  Result<void> product(const Shape& shape, DType dtype, std::string_view what,
                       const std::vector<std::int64_t>& n_outs, std::int64_t n_in,
                       std::int64_t n_rows) {
    if (n_in % info(dtype).block_elements != 0) return {};  // such a row has another dtype
    const std::string title =
        fmt::format("matmul {} {} {}x{} rows {}", ondol::name(dtype), what,
                    std::accumulate(n_outs.begin(), n_outs.end(), std::int64_t{0}), n_in, n_rows);
    Kernel kernel{fmt::format("{} {}", shape.name, title), 0, 0};
    if (!wanted(kernel.name)) return {};
    std::vector<std::vector<std::unique_ptr<device::Weight>>> copies;
    ONDOL_TRY(const Tensor x, tensor(n_rows, n_in));
    std::vector<device::MatmulTarget> targets;
    for (const std::int64_t n_out : n_outs) {
      ONDOL_TRY(const Tensor out, tensor(n_rows, n_out));
      targets.push_back({nullptr, out});
      kernel.ops += 2 * static_cast<double>(n_out * n_in * n_rows);
    }
    double all_bytes = 0;
    const auto most = static_cast<std::size_t>(what == "head" ? 1 : shape.n_layers);
    while (copies.size() < most && all_bytes < static_cast<double>(kStreamBytes)) {
      auto& copy = copies.emplace_back();
      for (const std::int64_t n_out : n_outs) {
        ONDOL_TRY(auto made, weight(dtype, n_out, n_in));
        all_bytes += static_cast<double>(device_.stored_bytes(*made));
        copy.push_back(std::move(made));
      }
    }
    kernel.bytes = all_bytes / static_cast<double>(copies.size());
    ONDOL_TRY_VOID(time(std::move(kernel), std::ssize(copies), [&](std::int64_t i) {
      const auto& copy = copies[static_cast<std::size_t>(i)];
      for (std::size_t t = 0; t < targets.size(); ++t) targets[t].weight = copy[t].get();
      device_.matmul(x, targets);
    }));
    buffers_.clear();
    return {};
  }

  Result<void> products(const Shape& s, DType dtype) {
    const std::int64_t d_q = s.n_heads * s.d_head;
    const std::int64_t d_kv = s.n_kv_heads * s.d_head;
    for (const std::int64_t n_rows : kRows) {
      ONDOL_TRY_VOID(product(s, dtype, "qkv", {d_q, d_kv, d_kv}, s.d_model, n_rows));
      ONDOL_TRY_VOID(product(s, dtype, "output", {s.d_model}, d_q, n_rows));
      ONDOL_TRY_VOID(product(s, dtype, "gate+up", {s.d_ff, s.d_ff}, s.d_model, n_rows));
      ONDOL_TRY_VOID(product(s, dtype, "down", {s.d_model}, s.d_ff, n_rows));
      // Few outputs, so that most of the time goes into rounding the input to int8.
      ONDOL_TRY_VOID(product(s, dtype, "quantize+32", {32}, s.d_ff, n_rows));
      if (n_rows <= 16) ONDOL_TRY_VOID(product(s, dtype, "head", {s.n_vocab}, s.d_model, n_rows));
    }
    return {};
  }

  Result<void> attend(const Shape& s, DType dtype, std::int64_t n_past, std::int64_t n_rows) {
    Kernel kernel{
        fmt::format("{} attention {} past {} rows {}", s.name, ondol::name(dtype), n_past, n_rows),
        0, 0};
    if (!wanted(kernel.name)) return {};
    model::ModelInfo layer;
    layer.n_layers = 1;
    layer.n_heads = s.n_heads;
    layer.n_kv_heads = s.n_kv_heads;
    layer.d_head = s.d_head;
    const model::Work work = model::work_of(layer, {}, dtype, {1, n_past, n_rows, 0});
    kernel.ops = work.attention_ops;
    kernel.bytes = work.kv_bytes;
    const std::int64_t n_tokens = n_past + n_rows;
    const std::int64_t n_pages = ceil_div(n_tokens, kPageTokens);
    const std::int64_t n_layers = std::clamp<std::int64_t>(
        static_cast<std::int64_t>(static_cast<double>(kStreamBytes) / work.kv_bytes), 1,
        n_rows == 1 ? s.n_layers : 1);
    ONDOL_TRY(const auto cache, device_.make_kv_cache({n_layers, n_pages, kPageTokens, s.n_kv_heads,
                                                       s.d_head, dtype}));
    std::vector<std::int32_t> slots(static_cast<std::size_t>(n_tokens));
    std::iota(slots.begin(), slots.end(), 0);
    std::vector<std::int32_t> pages(static_cast<std::size_t>(n_pages));
    std::iota(pages.begin(), pages.end(), 0);
    ONDOL_TRY(const Tensor kv, tensor(n_tokens, s.n_kv_heads * s.d_head));
    ONDOL_TRY(const Tensor q, tensor(n_rows, s.n_heads * s.d_head));
    ONDOL_TRY(const Tensor out, tensor(n_rows, s.n_heads * s.d_head));
    for (std::int64_t i = 0; i < n_layers; ++i) device_.kv_append(*cache, i, kv, kv, slots);
    const device::AttentionSequence sequence{0, static_cast<std::int32_t>(n_rows),
                                             static_cast<std::int32_t>(n_past), pages};
    ONDOL_TRY_VOID(time(std::move(kernel), n_layers, [&](std::int64_t i) {
      device_.attention(q, *cache, i, {&sequence, 1}, {.scale = 0.125F}, out);
    }));
    buffers_.clear();
    return {};
  }

  Result<void> attention(const Shape& shape, DType dtype) {
    for (const std::int64_t n_past : {127, 4096, 16384}) {
      ONDOL_TRY_VOID(attend(shape, dtype, n_past, 1));
    }
    for (const std::int64_t n_past : {0, 4096, 16384}) {
      ONDOL_TRY_VOID(attend(shape, dtype, n_past, 512));
    }
    return {};
  }

  Result<void> row_kernels(const Shape& s) {
    for (const std::int64_t n_rows : {1, 512}) {
      const auto kernel = [&](std::string_view what, std::int64_t n_cols, int n_passes) {
        return Kernel{fmt::format("{} {} {} rows {}", s.name, what, n_cols, n_rows), 0,
                      static_cast<double>(n_rows * n_cols * n_passes) * sizeof(float)};
      };
      const std::vector<Kernel> kernels = {
          kernel("rms_norm", s.d_model, 2), kernel("rope", s.n_heads * s.d_head, 2),
          kernel("gated_act", s.d_ff, 3), kernel("add", s.d_model, 3)};
      if (std::ranges::none_of(kernels, [&](const Kernel& k) { return wanted(k.name); })) continue;
      ONDOL_TRY(const Tensor x, tensor(n_rows, s.d_model));
      ONDOL_TRY(const Tensor h, tensor(n_rows, s.d_model));
      ONDOL_TRY(const Tensor q, tensor(n_rows, s.n_heads * s.d_head));
      ONDOL_TRY(const Tensor gate, tensor(n_rows, s.d_ff));
      ONDOL_TRY(const Tensor up, tensor(n_rows, s.d_ff));
      ONDOL_TRY(const Tensor out, tensor(n_rows, s.d_ff));
      ONDOL_TRY(const Tensor angles, tensor(n_rows, s.d_head));
      const auto ones = std::make_shared<std::vector<float>>(s.d_model, 1.0F);
      ONDOL_TRY(const auto norm, device_.load_weight({DType::kF32,
                                                      {1, static_cast<std::uint64_t>(s.d_model)},
                                                      std::as_bytes(std::span(*ones))},
                                                     device::WeightUse::kVector, ones));
      const std::function<void()> calls[] = {
          [&] { device_.rms_norm(x, *norm, 1e-5F, 0, h); },
          [&] { device_.rope(q, s.d_head, angles, device::RopeStyle::kInterleaved); },
          [&] { device_.gated_act(gate, up, device::Activation::kSilu, out); },
          [&] { device_.add(x, h); }};
      for (std::size_t i = 0; i < kernels.size(); ++i) {
        if (!wanted(kernels[i].name)) continue;
        constexpr std::int64_t kCalls = 64;  // too short to be timed one by one
        ONDOL_TRY_VOID(time(kernels[i], kCalls, [&](std::int64_t) { calls[i](); }));
      }
      buffers_.clear();
    }
    return {};
  }

  const KernelBenchArguments& arguments_;
  device::Device& device_;
  InterruptScope interrupt_;
  std::vector<std::unique_ptr<device::Buffer>> buffers_;  // of the kernel at hand
  std::mt19937 random_{1};
  std::normal_distribution<float> normal_;
};

void print_kernels(const std::vector<Timed>& timed, const device::Limits& limits) {
  print(fmt::format("{:<52}{:>10}  {:>6} {:>5}  {:>7} {:>5}\n", "", "us", "GB/s", "read", "GOP/s",
                    "peak"));
  for (const auto& [kernel, seconds] : timed) {
    print(fmt::format("{:<52}{:>10.1f}  {:>6.1f} {:>4.0f}%", kernel.name, seconds * 1e6,
                      kernel.bytes / seconds / 1e9,
                      100 * kernel.bytes / seconds / limits.read_bytes_per_s));
    print(kernel.ops == 0 ? "\n"
                          : fmt::format("  {:>7.1f} {:>4.0f}%\n", kernel.ops / seconds / 1e9,
                                        100 * kernel.ops / seconds / limits.int8_ops_per_s));
  }
}

void print_kernels_json(const std::vector<Timed>& timed, const device::Limits& limits) {
  boost::json::array rows;
  for (const auto& [kernel, seconds] : timed) {
    rows.push_back({{"name", kernel.name},
                    {"seconds", seconds},
                    {"bytes", kernel.bytes},
                    {"ops", kernel.ops},
                    {"share_of_read_bandwidth", kernel.bytes / seconds / limits.read_bytes_per_s},
                    {"share_of_int8_peak", kernel.ops / seconds / limits.int8_ops_per_s}});
  }
  print_json(boost::json::object{{"machine", machine_json(this_machine(limits.isa))},
                                 {"kernels", std::move(rows)},
                                 {"limits", limits_json(limits)}});
}

}  // namespace

Result<void> bench_kernels(const KernelBenchArguments& arguments) {
  const std::string isa =
      arguments.where.isa.empty() ? environment("ONDOL_ISA") : arguments.where.isa;
  const int n_threads = arguments.where.threads > 0 ? arguments.where.threads : usable_cores();
  ONDOL_TRY(const auto limits, device::measure_limits(isa, {&n_threads, 1}));
  ONDOL_TRY(const auto device, device::make_device({"cpu", n_threads, isa}));
  KernelBench bench(arguments, *device);
  ONDOL_TRY_VOID(bench.run());
  if (bench.timed.empty()) {
    return fail(ErrorCode::kInvalidArgument, "bench kernels", "", "no kernel has such a name",
                fmt::format("{}", fmt::join(arguments.only, " ")));
  }
  if (arguments.json) {
    print_kernels_json(bench.timed, limits.front());
  } else {
    print_kernels(bench.timed, limits.front());
    print_limits(this_machine(limits.front().isa), limits);
  }
  return {};
}

}  // namespace ondol::app
