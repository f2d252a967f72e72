// One model as it lies on disk, a GGUF file or a Hugging Face directory, seen
// the same way: typed metadata and a map of named weights. Nothing is converted
// and nothing is trusted: every count, offset and size has been checked against
// the file before this object exists.
//
// Owner: shared_ptr; views stay valid while it lives. Threads: immutable.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/mapped_file.h"
#include "format/metadata.h"
#include "tensor/tensor_view.h"

namespace ondol::format {

/// Which names, row orders and norm conventions the weights follow.
enum class Layout : std::uint8_t {
  kGguf,         // "blk.0.attn_q.weight"; llama Q/K rows permuted for interleaved RoPE
  kHuggingFace,  // "model.layers.0.self_attn.q_proj.weight"; half-split RoPE
};

struct Weight {
  TensorView tensor;  // aligned to 8 bytes at least in GGUF, to nothing in safetensors
  const MappedFile* file = nullptr;  // which shard; for inspect
};

/// The texts beside a Hugging Face checkpoint, empty when absent (always empty
/// for GGUF, which carries its tokenizer in the metadata).
struct TextFiles {
  std::string_view tokenizer_json;  // views of mapped files
  std::string_view tokenizer_config_json;
  std::string_view generation_config_json;
  std::string_view chat_template;  // chat_template.jinja, if it stands alone
};

class ModelFile {
 public:
  /// A .gguf file (or the first of split files, "-00001-of-0000N.gguf"), or a
  /// directory with config.json and *.safetensors (one file or an index).
  static Result<std::shared_ptr<const ModelFile>> open(const std::filesystem::path& path);

  /// A directory with tokenizer files and perhaps no weights or config.json
  /// (for `ondol tokenize`). A GGUF path is opened whole.
  static Result<std::shared_ptr<const ModelFile>> open_tokenizer(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  Layout layout() const { return layout_; }
  /// general.architecture as it stands ("llama", "qwen3", "gemma3"), or the
  /// first of config.json's architectures ("LlamaForCausalLM"): the model
  /// registry maps both kinds of name.
  const std::string& architecture() const { return architecture_; }
  const Metadata& metadata() const { return metadata_; }
  const TextFiles& text_files() const { return text_files_; }

  /// nullptr when there is none of that name.
  const Weight* find(std::string_view name) const;
  /// The same, but an Error that says whether the tensor is missing or of a kind
  /// that no model computes with.
  Result<const Weight*> require(std::string_view name) const;
  const std::map<std::string, Weight, std::less<>>& weights() const { return weights_; }
  std::uint64_t weight_bytes() const;
  /// Tensors that are no weights, and why ("dtype I64").
  const std::map<std::string, std::string, std::less<>>& skipped() const { return skipped_; }

 private:
  friend class ModelFileBuilder;
  ModelFile(std::filesystem::path path, Layout layout, Metadata metadata)
      : path_(std::move(path)), layout_(layout), metadata_(std::move(metadata)) {}

  std::filesystem::path path_;
  Layout layout_;
  std::string architecture_;
  Metadata metadata_;
  TextFiles text_files_;
  std::map<std::string, Weight, std::less<>> weights_;
  std::map<std::string, std::string, std::less<>> skipped_;
  // What keeps every view alive.
  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::deque<std::string> strings_;  // of config.json's arrays
};

}  // namespace ondol::format
