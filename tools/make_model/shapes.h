// The shapes of well-known models, their tensors, and the dtype each tensor has
// in a file of a given kind.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/gguf_writer.h"

namespace ondol::tools {

struct ModelShape {
  std::string_view name;
  std::string_view architecture;   // GGUF's
  std::string_view pre_tokenizer;  // GGUF's tokenizer.ggml.pre
  std::int64_t d_model;
  std::int64_t n_layers;
  std::int64_t n_heads;
  std::int64_t n_kv_heads;
  std::int64_t d_head;
  std::int64_t d_ff;
  std::int64_t n_vocab;
  std::int64_t max_context;
  double rope_theta;
  double rope_factor;  // of Llama 3's scaling; 1: none
  double rms_eps;
  bool tied;
};

std::span<const ModelShape> shapes();
const ModelShape* find_shape(std::string_view name);

/// What a file is quantized to: a dtype for all matrices, or a mix.
struct FileKind {
  std::string_view name;
  DType dtype;
  std::uint32_t gguf_file_type;  // general.file_type
  bool more_bits = false;        // q6_k for a part of the v and down matrices
};

std::span<const FileKind> file_kinds();
const FileKind* find_kind(std::string_view name);

struct TensorPlan {
  std::string name;
  DType dtype;
  Shape shape;
  float mean;       // of its random values
  float deviation;  // standard deviation
};

/// Every tensor but rope_freqs.weight, in the order of the file.
std::vector<TensorPlan> plan_tensors(const ModelShape& shape, const FileKind& kind);

/// The metadata of the model itself, without its tokenizer.
void set_metadata(format::GgufWriter& writer, const ModelShape& shape, const FileKind& kind);

}  // namespace ondol::tools
