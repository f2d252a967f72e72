#include "format/model_file.h"

#include <fmt/format.h>

#include "format/gguf.h"
#include "format/hf_directory.h"
#include "format/model_file_builder.h"

namespace ondol::format {
namespace {

constexpr std::string_view kArchitectureKey = "general.architecture";
constexpr std::string_view kSplitCountKey = "split.count";
constexpr std::string_view kSplitNumberKey = "split.no";
constexpr std::string_view kSplitTensorsKey = "split.tensors.count";
constexpr std::int64_t kMaxSplits = 65535;  // the key is a u16

std::string split_suffix(std::int64_t number, std::int64_t count) {
  return fmt::format("-{:05}-of-{:05}.gguf", number + 1, count);
}

/// Where the name of the first split file ends in front of its numbers.
Result<std::string> split_prefix(const std::filesystem::path& path, std::int64_t count) {
  const std::string name = path.string();
  const std::string suffix = split_suffix(0, count);
  if (name.size() > suffix.size() && name.ends_with(suffix)) {
    return name.substr(0, name.size() - suffix.size());
  }
  return fail(ErrorCode::kInvalidArgument, name, "file name",
              "a split model is opened by its first file, under its own name",
              path.filename().string(), "*" + suffix);
}

/// Files 2 to N of a split model; only tensors are taken from them.
Result<std::uint64_t> add_splits(ModelFileBuilder& builder, const std::string& prefix,
                                 std::int64_t count) {
  std::uint64_t n_tensors = 0;
  for (std::int64_t number = 1; number < count; ++number) {
    const std::string path = prefix + split_suffix(number, count);
    ONDOL_TRY(auto file, MappedFile::open(path));
    ONDOL_TRY(Gguf gguf, parse_gguf(path, file->bytes()));
    ONDOL_TRY_VOID(gguf.metadata.integer(kSplitNumberKey, number, number));
    ONDOL_TRY_VOID(gguf.metadata.integer(kSplitCountKey, count, count));
    n_tensors += gguf.list.tensors.size() + gguf.list.skipped.size();
    ONDOL_TRY_VOID(builder.add_all(std::move(gguf.list), *file));
    builder.keep(std::move(file));
  }
  return n_tensors;
}

Result<std::shared_ptr<const ModelFile>> open_gguf(const std::filesystem::path& path) {
  const std::string where = path.string();
  ONDOL_TRY(auto file, MappedFile::open(path));
  ONDOL_TRY(Gguf gguf, parse_gguf(where, file->bytes()));
  // Only the first of split files has the model's keys, so this comes first.
  ONDOL_TRY(const std::int64_t count, gguf.metadata.integer_or(kSplitCountKey, 1, 0, kMaxSplits));
  std::string prefix;
  if (count > 1) {
    ONDOL_TRY(prefix, split_prefix(path, count));
    ONDOL_TRY_VOID(gguf.metadata.integer(kSplitNumberKey, 0, 0));
  }
  ONDOL_TRY(std::string architecture, gguf.metadata.string(kArchitectureKey));
  ONDOL_TRY_VOID(check_name(where, kArchitectureKey, architecture));

  std::uint64_t n_tensors = gguf.list.tensors.size() + gguf.list.skipped.size();
  ModelFileBuilder builder(path, Layout::kGguf, std::move(gguf.metadata));
  builder.set_architecture(std::move(architecture));
  ONDOL_TRY_VOID(builder.add_all(std::move(gguf.list), *file));
  builder.keep(std::move(file));
  if (count > 1) {
    ONDOL_TRY(const std::uint64_t n_more, add_splits(builder, prefix, count));
    n_tensors += n_more;
    const auto expected = static_cast<std::int64_t>(n_tensors);
    ONDOL_TRY_VOID(builder.metadata().integer_or(kSplitTensorsKey, expected, expected, expected));
  }
  return builder.finish();
}

bool is_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

}  // namespace

Result<std::shared_ptr<const ModelFile>> ModelFile::open(const std::filesystem::path& path) {
  if (is_folder(path)) return open_hf_directory(path, HfParts::kModel);
  if (path.extension() == ".safetensors" || path.extension() == ".json") {
    return fail(ErrorCode::kInvalidArgument, path.string(), "",
                "name the directory that holds config.json, not a file in it");
  }
  return open_gguf(path);
}

Result<std::shared_ptr<const ModelFile>> ModelFile::open_tokenizer(
    const std::filesystem::path& path) {
  if (is_folder(path)) return open_hf_directory(path, HfParts::kTokenizer);
  return open(path);
}

const Weight* ModelFile::find(std::string_view name) const {
  const auto it = weights_.find(name);
  return it == weights_.end() ? nullptr : &it->second;
}

Result<const Weight*> ModelFile::require(std::string_view name) const {
  if (const Weight* weight = find(name)) return weight;
  const auto skipped = skipped_.find(name);
  if (skipped != skipped_.end()) {
    return fail(ErrorCode::kUnsupported, path_.string(), name, "tensor cannot be used as a weight",
                skipped->second, "floating point, at most 4 dimensions");
  }
  return fail(ErrorCode::kInvalidFile, path_.string(), name, "tensor is missing");
}

std::uint64_t ModelFile::weight_bytes() const {
  std::uint64_t total = 0;
  for (const auto& [name, weight] : weights_) total += weight.tensor.bytes.size();
  return total;
}

Result<void> ModelFileBuilder::add_weight(NamedTensor tensor, const MappedFile& file) {
  const auto [it, is_new] =
      model_->weights_.try_emplace(std::move(tensor.name), Weight{tensor.tensor, &file});
  if (is_new) return {};
  return fail(ErrorCode::kInvalidFile, file.path().string(), it->first,
              "tensor is in another file too", it->second.file->path().filename().string());
}

void ModelFileBuilder::add_skipped(SkippedTensor tensor) {
  model_->skipped_.try_emplace(std::move(tensor.name), std::move(tensor.reason));
}

Result<void> ModelFileBuilder::add_all(TensorList list, const MappedFile& file) {
  for (NamedTensor& tensor : list.tensors) {
    ONDOL_TRY_VOID(add_weight(std::move(tensor), file));
  }
  for (SkippedTensor& tensor : list.skipped) add_skipped(std::move(tensor));
  return {};
}

}  // namespace ondol::format
