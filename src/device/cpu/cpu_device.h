// The device that runs on the cores of this machine.
//
// Threads: operations are called from one thread, which works along with the
// pool; they have run when they return. Every output is computed in an order of
// its own, so results do not depend on the number of threads or on the other
// rows of a batch.
//
// Quantized matrix products round activations to int8 per block of 32; all else
// is f32.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/thread_pool.h"
#include "device/cpu/attention.h"
#include "device/cpu/cpu_weight.h"
#include "device/cpu/isa.h"
#include "device/cpu/refine.h"
#include "device/device.h"

namespace ondol::device::cpu {

class HostBuffer final : public Buffer {
 public:
  HostBuffer(std::size_t size_bytes, HostMemory memory)
      : Buffer(size_bytes), memory_(std::move(memory)) {}
  float* floats() const { return memory_.floats(); }

 private:
  HostMemory memory_;
};

class CpuDevice final : public Device {
 public:
  CpuDevice(const Isa& isa, int n_threads);

  std::string description() const override;
  bool supports(Op op, DType dtype) const override;

  Result<std::unique_ptr<Buffer>> alloc(std::size_t size_bytes) override;
  Result<std::unique_ptr<Weight>> load_weight(const TensorView& tensor, WeightUse use,
                                              std::shared_ptr<const void> keep_alive) override;
  std::unique_ptr<WeightCache> open_weight_cache(const WeightCacheOptions& options) override;
  Result<std::unique_ptr<KvCache>> make_kv_cache(const KvCacheShape& shape) override;
  std::uint64_t stored_bytes(const Weight& weight) const override;
  void upload(const Tensor& to, std::span<const float> from) override;
  void download(const Tensor& from, std::span<float> to) override;
  std::span<const float> host_view(const Tensor& from) override;
  void wait() override {}
  std::string kv_page_format() const override;
  std::size_t kv_page_bytes(const KvCache& cache) const override;
  void read_kv_page(const KvCache& cache, std::int64_t page, std::span<std::byte> to) override;
  void write_kv_page(KvCache& cache, std::int64_t page, std::span<const std::byte> from) override;

  void embed(std::span<const std::int32_t> ids, const Weight& table, float scale,
             Tensor out) override;
  void matmul(Tensor x, std::span<const MatmulTarget> targets) override;
  void rms_norm(Tensor x, const Weight& weight, float eps, float offset, Tensor out) override;
  void rope_angles(std::span<const std::int32_t> positions, std::span<const float> inv_freq,
                   float magnitude, Tensor angles) override;
  void rope(Tensor x, std::int64_t d_head, Tensor angles, RopeStyle style) override;
  void kv_append(KvCache& cache, std::int64_t layer, Tensor k, Tensor v,
                 std::span<const std::int32_t> slots) override;
  void attention(Tensor q, const KvCache& cache, std::int64_t layer,
                 std::span<const AttentionSequence> sequences, const AttentionParams& params,
                 Tensor out) override;
  void gated_act(Tensor gate, Tensor up, Activation act, Tensor out) override;
  void add(Tensor x, Tensor y) override;
  void add_bias(Tensor x, const Weight& bias) override;
  void scale(Tensor x, float factor) override;
  void softcap(Tensor x, float cap) override;
  void gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) override;

 private:
  /// Part of a sequence's attention that one thread computes.
  struct AttentionTask {
    std::int32_t sequence = 0;
    std::int32_t row = 0;  // within the sequence
    std::int32_t n_rows = 0;
    std::int32_t first_head = 0;  // query heads first_head .. + n_heads - 1
    std::int32_t n_heads = 0;
    std::int64_t first_split = 0;
    std::int64_t end_split = 0;
    std::int64_t state = -1;    // index of its partial result; -1: writes the output itself
    std::int64_t n_states = 0;  // of the same rows and heads, in the first of them
  };
  struct AttentionJob;

  static float* floats(const Tensor& tensor);
  /// fn(row) for each of n rows of about `row_cost` floats of work.
  template <class Fn>
  void for_rows(std::int64_t n_rows, std::int64_t row_cost, const Fn& fn);
  /// fn(first, n) for pieces of n elements, each of about `cost` floats of work.
  template <class Fn>
  void for_elements(std::int64_t n, std::int64_t cost, const Fn& fn);

  QuantizedRows quantize(const Tensor& x);
  // Products of panels of one target: of its float rows, or of quantized ones.
  void matmul_panels(const QuantizedRows& quantized, const float* rows, const MatmulTarget& target,
                     std::int64_t first, std::int64_t n_panels, int thread);
  void row_packed(const QuantizedRows& x, const CpuWeight& weight, std::int64_t first,
                  std::int64_t n_panels, float* out);
  void rows_packed(const QuantizedRows& x, const CpuWeight& weight, std::int64_t panel, float* out,
                   int thread);
  void plan_attention(const AttentionJob& job, std::span<const AttentionSequence> sequences);
  void run_attention(const AttentionJob& job, const AttentionTask& task, int thread);
  void merge_attention(const AttentionJob& job, const AttentionTask& first);

  const Isa& isa_;
  const FloatKernels& float_;
  AttentionKernel attend_;
  ThreadPool threads_;
  WeightArena arena_;

  // Scratch that only grows.
  Refinements refinements_;
  std::vector<std::uint8_t> quantized_;  // QuantizedRows::bytes
  std::vector<std::vector<float>> thread_scratch_;
  std::vector<AttentionTask> tasks_;
  std::vector<float> states_;
};

}  // namespace ondol::device::cpu
