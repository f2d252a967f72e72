#include "format/hf_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "format/json_leaves.h"
#include "format/model_file_builder.h"
#include "format/safetensors.h"

namespace ondol::format {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIndexName = "model.safetensors.index.json";
constexpr JsonLimits kConfigLimits = {
    .max_bytes = 16 << 20, .max_depth = 16, .max_array_elements = 1 << 20};
constexpr std::size_t kMaxShards = 4096;

using Items = std::vector<JsonScalar>;

template <class T>
bool all_hold(const Items& items) {
  return std::all_of(items.begin(), items.end(),
                     [](const JsonScalar& item) { return std::holds_alternative<T>(item); });
}

std::optional<double> as_double(const JsonScalar& item) {
  if (const auto* real = std::get_if<double>(&item)) return *real;
  if (const auto* integer = std::get_if<std::int64_t>(&item)) return static_cast<double>(*integer);
  if (const auto* integer = std::get_if<std::uint64_t>(&item)) return static_cast<double>(*integer);
  return std::nullopt;
}

template <class Out, class In = Out>
MetaValue convert(const Items& items) {
  std::vector<Out> out;
  out.reserve(items.size());
  for (const JsonScalar& item : items) out.push_back(std::get<In>(item));
  return MetaArray(std::move(out));
}

class ConfigFlattener {
 public:
  explicit ConfigFlattener(std::string_view where) : config_{Metadata(std::string(where)), {}} {}

  Result<void> add(std::span<const std::string> path, const JsonLeaf& leaf) {
    std::string key = join_path(path);
    ONDOL_TRY_VOID(check_name(config_.metadata.where(), "key", key));
    std::optional<MetaValue> value;
    if (const auto* scalar = std::get_if<JsonScalar>(&leaf)) value = from_scalar(*scalar);
    if (const auto* items = std::get_if<Items>(&leaf)) value = from_array(*items);
    if (!value || config_.metadata.insert(key, *std::move(value))) return {};
    return fail(ErrorCode::kInvalidFile, config_.metadata.where(), key, "key appears twice");
  }

  HfConfig take() { return std::move(config_); }

 private:
  static std::optional<MetaValue> from_scalar(const JsonScalar& scalar) {
    return std::visit(
        [](const auto& v) -> std::optional<MetaValue> {
          if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::monostate>) {
            return std::nullopt;
          } else {
            return MetaValue(v);
          }
        },
        scalar);
  }

  std::optional<MetaValue> from_array(const Items& items) {
    if (all_hold<std::int64_t>(items)) return convert<std::int64_t>(items);
    if (all_hold<bool>(items)) return convert<bool>(items);
    if (all_hold<std::string>(items)) return strings(items);
    std::vector<double> reals;
    for (const JsonScalar& item : items) {
      const auto real = as_double(item);
      if (!real) return std::nullopt;
      reals.push_back(*real);
    }
    return MetaArray(std::move(reals));
  }

  MetaValue strings(const Items& items) {
    std::vector<std::string_view> views;
    for (const JsonScalar& item : items) {
      views.push_back(config_.strings.emplace_back(std::get<std::string>(item)));
    }
    return MetaArray(std::move(views));
  }

  HfConfig config_;
};

std::string_view as_text(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// config.json, or nothing in it where only a tokenizer is wanted.
Result<HfConfig> read_config(const fs::path& path, HfParts parts) {
  if (parts == HfParts::kTokenizer && !is_there(path)) return HfConfig{Metadata(path.string()), {}};
  ONDOL_TRY(const auto file, MappedFile::open(path));
  return parse_hf_config(path.string(), as_text(*file));
}

Result<std::string> first_architecture(const Metadata& metadata, HfParts parts) {
  constexpr std::string_view kKey = "architectures";
  ONDOL_TRY(const auto* names, metadata.array<std::string_view>(kKey));
  if (names != nullptr && !names->empty()) {
    ONDOL_TRY_VOID(check_name(metadata.where(), kKey, names->front()));
    return std::string(names->front());
  }
  if (parts == HfParts::kTokenizer) return std::string();
  return fail(ErrorCode::kInvalidFile, metadata.where(), kKey, "missing or empty");
}

Result<void> add_texts(const fs::path& directory, ModelFileBuilder& builder) {
  const auto add = [&](std::string_view name, std::string_view& text) -> Result<void> {
    const fs::path path = directory / name;
    if (!is_there(path)) return {};
    ONDOL_TRY(auto file, MappedFile::open(path));
    text = as_text(*file);
    builder.keep(std::move(file));
    return {};
  };
  TextFiles& texts = builder.text_files();
  ONDOL_TRY_VOID(add("tokenizer.json", texts.tokenizer_json));
  ONDOL_TRY_VOID(add("tokenizer_config.json", texts.tokenizer_config_json));
  ONDOL_TRY_VOID(add("generation_config.json", texts.generation_config_json));
  ONDOL_TRY_VOID(add("chat_template.jinja", texts.chat_template));
  return {};
}

/// Without an index: model.safetensors, or else every *.safetensors there is.
Result<std::vector<fs::path>> list_shards(const fs::path& directory) {
  const fs::path single = directory / "model.safetensors";
  if (is_there(single)) return std::vector{single};
  std::vector<fs::path> shards;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".safetensors") shards.push_back(it->path());
  }
  if (error) return fail(ErrorCode::kIo, directory.string(), "list", error.message());
  if (shards.empty()) {
    return fail(ErrorCode::kNotFound, directory.string(), "model.safetensors",
                "no weights here: neither this file, an index, nor any *.safetensors");
  }
  if (shards.size() > kMaxShards) {
    return fail(ErrorCode::kLimit, directory.string(), "*.safetensors", "too many files",
                shards.size(), kMaxShards);
  }
  std::sort(shards.begin(), shards.end());
  return shards;
}

Result<void> add_whole_shards(const fs::path& directory, ModelFileBuilder& builder) {
  ONDOL_TRY(const auto shards, list_shards(directory));
  for (const fs::path& path : shards) {
    ONDOL_TRY(auto file, MappedFile::open(path));
    ONDOL_TRY(TensorList list, parse_safetensors(path.string(), file->bytes()));
    ONDOL_TRY_VOID(builder.add_all(std::move(list), *file));
    builder.keep(std::move(file));
  }
  return {};
}

/// One shard of an index: exactly the tensors that the index places in it.
Result<void> add_indexed_shard(const fs::path& path, const std::string& name,
                               const ShardIndex& index, ModelFileBuilder& builder) {
  ONDOL_TRY(auto file, MappedFile::open(path));
  ONDOL_TRY(TensorList list, parse_safetensors(path.string(), file->bytes()));
  const auto is_here = [&](const std::string& tensor) {
    const auto it = index.find(tensor);
    return it != index.end() && it->second == name;
  };
  std::set<std::string, std::less<>> found;
  for (NamedTensor& tensor : list.tensors) {
    if (!is_here(tensor.name)) continue;
    found.insert(tensor.name);
    ONDOL_TRY_VOID(builder.add_weight(std::move(tensor), *file));
  }
  for (SkippedTensor& tensor : list.skipped) {
    if (!is_here(tensor.name)) continue;
    found.insert(tensor.name);
    builder.add_skipped(std::move(tensor));
  }
  for (const auto& [tensor, shard] : index) {
    if (shard != name || found.contains(tensor)) continue;
    return fail(ErrorCode::kInvalidFile, path.string(), tensor,
                "tensor is missing, though the index places it here");
  }
  builder.keep(std::move(file));
  return {};
}

Result<void> add_weights(const fs::path& directory, ModelFileBuilder& builder) {
  const fs::path index_path = directory / kIndexName;
  if (!is_there(index_path)) return add_whole_shards(directory, builder);
  ONDOL_TRY(const auto index_file, MappedFile::open(index_path));
  ONDOL_TRY(const ShardIndex index,
            parse_safetensors_index(index_path.string(), as_text(*index_file)));
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : index) shards.insert(shard);
  if (shards.size() > kMaxShards) {
    return fail(ErrorCode::kLimit, index_path.string(), "weight_map", "too many files",
                shards.size(), kMaxShards);
  }
  for (const std::string& name : shards) {
    ONDOL_TRY_VOID(add_indexed_shard(directory / name, name, index, builder));
  }
  return {};
}

}  // namespace

Result<HfConfig> parse_hf_config(std::string_view where, std::string_view text) {
  ConfigFlattener flattener(where);
  ONDOL_TRY_VOID(visit_json_leaves(where, text, kConfigLimits,
                                   [&](std::span<const std::string> path, const JsonLeaf& leaf) {
                                     return flattener.add(path, leaf);
                                   }));
  return flattener.take();
}

Result<std::shared_ptr<const ModelFile>> open_hf_directory(const fs::path& path, HfParts parts) {
  ONDOL_TRY(HfConfig config, read_config(path / "config.json", parts));
  ONDOL_TRY(std::string architecture, first_architecture(config.metadata, parts));
  ModelFileBuilder builder(path, Layout::kHuggingFace, std::move(config.metadata));
  builder.keep(std::move(config.strings));
  builder.set_architecture(std::move(architecture));
  ONDOL_TRY_VOID(add_texts(path, builder));
  if (parts == HfParts::kTokenizer) {
    if (builder.text_files().tokenizer_json.empty()) {
      return fail(ErrorCode::kNotFound, path.string(), "tokenizer.json",
                  "no tokenizer in this directory");
    }
  } else {
    ONDOL_TRY_VOID(add_weights(path, builder));
  }
  return builder.finish();
}

}  // namespace ondol::format
