// A chip, as a model sees it: memory and the handful of operations that a
// transformer needs. A model file includes this header and never a backend.
//
// Activations are f32, row-major, dense. Weights and the KV cache are opaque:
// the device chooses their layout (a CPU may keep them where the file is
// mapped, or repack them). A weight's dtype is an operand, never part of an
// operation's name.
//
// Order and threads: operations of one device are called from one thread and
// take effect in call order. They may return before they have run: results are
// visible to the host after wait(). Spans (and spans within them) need to live for
// the call only: a device that runs later copies what they hold. Buffers, weights
// and caches must live until wait(). A device may use threads of its own inside.
//
// Errors: making things (buffers, weights, caches) answers Result; operations
// cannot fail, because whoever calls them has checked shapes (ONDOL_CHECK on
// violation) and supports().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "tensor/tensor_view.h"

namespace ondol::device {

// --- memory ----------------------------------------------------------------

/// Bytes owned by a device; made by Device::alloc.
class Buffer {
 public:
  virtual ~Buffer() = default;
  std::size_t size_bytes() const { return size_bytes_; }

 protected:
  explicit Buffer(std::size_t size_bytes) : size_bytes_(size_bytes) {}

 private:
  std::size_t size_bytes_;
};

/// A dense f32 matrix inside a buffer: [n_rows, n_cols]. Reading it as
/// [n_tokens, n_heads, d_head] is a matter of reshape: the bytes are the same.
/// A value; does not own the buffer.
struct Tensor {
  Buffer* buffer = nullptr;
  std::size_t offset = 0;  // in floats
  std::int64_t n_rows = 0;
  std::int64_t n_cols = 0;

  std::int64_t n_elements() const { return n_rows * n_cols; }
  /// The same floats under another shape. REQUIRES: the same n_elements.
  Tensor reshape(std::int64_t rows, std::int64_t cols) const {
    return {buffer, offset, rows, cols};
  }
  /// The first `rows` rows.
  Tensor head(std::int64_t rows) const { return {buffer, offset, rows, n_cols}; }
  /// `rows` rows from `first` on.
  Tensor slice(std::int64_t first, std::int64_t rows) const {
    return {buffer, offset + static_cast<std::size_t>(first * n_cols), rows, n_cols};
  }
};

/// What a weight is for; a device may choose its layout by it.
enum class WeightUse : std::uint8_t {
  kMatrix,          // matmul only
  kTable,           // embed only
  kMatrixAndTable,  // tied embedding: both
  kVector,          // norm weights and biases: one row
};

/// A weight as the device keeps it; made by Device::load_weight.
class Weight {
 public:
  virtual ~Weight() = default;
  DType dtype() const { return dtype_; }
  std::int64_t n_rows() const { return n_rows_; }  // outputs of a matmul
  std::int64_t n_cols() const { return n_cols_; }  // inputs of a matmul

 protected:
  Weight(DType dtype, std::int64_t n_rows, std::int64_t n_cols)
      : dtype_(dtype), n_rows_(n_rows), n_cols_(n_cols) {}

 private:
  DType dtype_;
  std::int64_t n_rows_;
  std::int64_t n_cols_;
};

class WeightCache;  // device/weight_cache.h
struct WeightCacheOptions;

struct KvCacheShape {
  std::int64_t n_layers = 0;
  std::int64_t n_pages = 0;
  std::int64_t page_tokens = 0;  // tokens a page holds
  std::int64_t n_kv_heads = 0;
  std::int64_t d_head = 0;
  DType dtype = DType::kF16;  // f32, f16 or q8_0, as supports(kKvCache, ..) says; d_head must be
                              // a multiple of its block, or make_kv_cache says kUnsupported
};

/// Keys and values of all layers, in pages. A slot is
/// page * page_tokens + offset within the page.
class KvCache {
 public:
  virtual ~KvCache() = default;
  const KvCacheShape& shape() const { return shape_; }

 protected:
  explicit KvCache(const KvCacheShape& shape) : shape_(shape) {}

 private:
  KvCacheShape shape_;
};

// --- operands --------------------------------------------------------------

/// Which elements of a head rotate together.
enum class RopeStyle : std::uint8_t {
  kHalfSplit,    // (i, i + n_pairs): Hugging Face, GPT-NeoX
  kInterleaved,  // (2i, 2i + 1): Meta's own and GGUF llama files
};

enum class Activation : std::uint8_t {
  kSilu,
  kGeluTanh,  // the tanh approximation
};

/// One of several matrices that are multiplied with the same input.
struct MatmulTarget {
  const Weight* weight;  // [n_out, n_in]
  Tensor out;            // [n_tokens, n_out]
};

/// The rows of one sequence inside a batch. Row first_row + i is the token at
/// position n_past + i and sees positions 0 .. n_past + i of its own pages
/// (the batch's keys and values have been appended before).
struct AttentionSequence {
  std::int32_t first_row = 0;
  std::int32_t n_rows = 0;
  std::int32_t n_past = 0;
  std::span<const std::int32_t> pages;  // page of token t: pages[t / page_tokens]
};

struct AttentionParams {
  float scale = 1.0F;       // q.k is multiplied with it
  std::int32_t window = 0;  // sees itself and window - 1 tokens before; 0: all
  float softcap = 0.0F;     // scores become softcap * tanh(score / softcap); 0: off
};

enum class Op : std::uint8_t { kMatmul, kEmbed, kVector, kKvCache };

// --- the device ------------------------------------------------------------

class Device {
 public:
  virtual ~Device() = default;

  /// "cpu (avx2, 2 threads)".
  virtual std::string description() const = 0;

  /// Whether a weight (or cache) of this dtype can be used so. There is no
  /// silent fallback: loading fails with an error when this says no.
  virtual bool supports(Op op, DType dtype) const = 0;

  // Memory. Errors: kOutOfMemory; kUnsupported from load_weight and make_kv_cache.
  virtual Result<std::unique_ptr<Buffer>> alloc(std::size_t size_bytes) = 0;
  /// `keep_alive` owns tensor.bytes; the device holds it as long as it reads them.
  virtual Result<std::unique_ptr<Weight>> load_weight(const TensorView& tensor, WeightUse use,
                                                      std::shared_ptr<const void> keep_alive) = 0;
  /// Null for a device that uses weights as they lie in the checkpoint. A file
  /// that is missing or wrong is no error: it will be written anew.
  virtual std::unique_ptr<WeightCache> open_weight_cache(const WeightCacheOptions& options);
  virtual Result<std::unique_ptr<KvCache>> make_kv_cache(const KvCacheShape& shape) = 0;
  /// Bytes of a weight of this device as it is kept: what a product with one row reads.
  virtual std::uint64_t stored_bytes(const Weight& weight) const {
    return static_cast<std::uint64_t>(weight.n_rows()) *
           row_bytes(weight.dtype(), static_cast<std::uint64_t>(weight.n_cols())).value_or(0);
  }
  virtual void upload(const Tensor& to, std::span<const float> from) = 0;
  /// Waits, then copies.
  virtual void download(const Tensor& from, std::span<float> to) = 0;
  /// Waits; the floats on the host without a copy where the device can, else an
  /// empty span. Valid until the next operation that writes `from`.
  virtual std::span<const float> host_view(const Tensor& from) = 0;
  virtual void wait() = 0;

  // Pages of a KV cache as bytes, all layers together, so that they can be kept
  // elsewhere and come back. They fit another cache of the same shape (but n_pages) on a
  // device that names the same format: it stands for the layout and for the arithmetic that
  // made the numbers, and changes with either.
  virtual std::string kv_page_format() const = 0;
  virtual std::size_t kv_page_bytes(const KvCache& cache) const = 0;
  /// Waits, then copies. REQUIRES: kv_page_bytes() of them; 0 <= page < n_pages.
  virtual void read_kv_page(const KvCache& cache, std::int64_t page, std::span<std::byte> to) = 0;
  virtual void write_kv_page(KvCache& cache, std::int64_t page,
                             std::span<const std::byte> from) = 0;

  // Operations. `out` may be the same tensor as an input where said so.

  /// out[t] = table[ids[t]] * scale. out: [n_tokens, d_model].
  /// REQUIRES: 0 <= ids[t] < table.n_rows().
  virtual void embed(std::span<const std::int32_t> ids, const Weight& table, float scale,
                     Tensor out) = 0;

  /// target.out = x * target.weight^T for each target. x: [n_tokens, n_in].
  /// The targets do not overlap x or each other.
  virtual void matmul(Tensor x, std::span<const MatmulTarget> targets) = 0;

  /// out[r] = x[r] / sqrt(mean(x[r]^2) + eps) * (offset + weight). In place allowed.
  /// (Zhang and Sennrich 2019, equation 4; offset is 1 for Gemma's checkpoints.)
  virtual void rms_norm(Tensor x, const Weight& weight, float eps, float offset, Tensor out) = 0;

  /// angles[t] = n_pairs times (cos, sin) of positions[t] * inv_freq[i], both
  /// times `magnitude`. angles: [n_tokens, 2 * n_pairs]. (Su et al. 2021, section 3.2.2)
  virtual void rope_angles(std::span<const std::int32_t> positions, std::span<const float> inv_freq,
                           float magnitude, Tensor angles) = 0;

  /// Rotates, in place, the first 2 * n_pairs elements of each head of x.
  /// x: [n_tokens, n_heads * d_head].
  virtual void rope(Tensor x, std::int64_t d_head, Tensor angles, RopeStyle style) = 0;

  /// Writes row t of k and v ([n_tokens, n_kv_heads * d_head]) into slots[t].
  virtual void kv_append(KvCache& cache, std::int64_t layer, Tensor k, Tensor v,
                         std::span<const std::int32_t> slots) = 0;

  /// Causal attention with grouped heads. q, out: [n_tokens, n_heads * d_head];
  /// head h reads KV head h / (n_heads / n_kv_heads).
  virtual void attention(Tensor q, const KvCache& cache, std::int64_t layer,
                         std::span<const AttentionSequence> sequences,
                         const AttentionParams& params, Tensor out) = 0;

  /// out = act(gate) * up, element by element. In place allowed on either.
  virtual void gated_act(Tensor gate, Tensor up, Activation act, Tensor out) = 0;

  /// x += y. y has x's shape.
  virtual void add(Tensor x, Tensor y) = 0;
  /// Every row of x += bias.
  virtual void add_bias(Tensor x, const Weight& bias) = 0;

  /// x *= factor.
  virtual void scale(Tensor x, float factor) = 0;
  /// x = cap * tanh(x / cap). REQUIRES: cap > 0.
  virtual void softcap(Tensor x, float cap) = 0;

  /// out[i] = x[rows[i]].
  virtual void gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) = 0;
};

// --- the devices there are ---------------------------------------------------

struct DeviceOptions {
  std::string_view name = "cpu";  // "cpu" or "reference"
  int n_threads = 0;              // 0: one per core this process may use
  std::string_view isa = {};      // "", or a name from available_isas(); cpu only
};

/// Errors: kInvalidArgument names the option; kUnsupported for an ISA this
/// machine lacks. Defined in device/make_device.cc.
Result<std::unique_ptr<Device>> make_device(const DeviceOptions& options);

/// ISAs of cpu/ that this machine can run, best first ("avx512_vnni", "avx2", "scalar").
std::span<const std::string_view> available_isas();

}  // namespace ondol::device
