// What a forward pass cannot do without, counted from shapes: operations of the
// products and of attention, bytes of weights and of keys and values. Beside a
// machine's limits (device/limits.h) it says how much of the machine a measured
// time has used.
//
// Not counted, because it is small: norms, rope, activations, the embedding rows.
// Threads: pure functions.
#pragma once

#include <cstdint>

#include "model/model.h"

namespace ondol::model {

struct Work {
  double matmul_ops = 0;     // two per weight and row
  double attention_ops = 0;  // two per multiply-add of scores and of sums of values
  double weight_bytes = 0;   // once a pass, however many rows there are
  double kv_bytes = 0;       // keys and values that are read, once a pass

  double ops() const { return matmul_ops + attention_ops; }
  double bytes() const { return weight_bytes + kv_bytes; }
  Work& operator+=(const Work& other);
};

/// One pass: each of n_sequences appends n_new tokens to its n_past; the logits of
/// n_logit_rows rows are wanted, all together.
struct Pass {
  std::int64_t n_sequences = 1;
  std::int64_t n_past = 0;
  std::int64_t n_new = 1;
  std::int64_t n_logit_rows = 0;
};

Work work_of(const ModelInfo& info, const WeightCounts& weights, DType kv_dtype, const Pass& pass);

}  // namespace ondol::model
