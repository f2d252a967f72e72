#include "app/model_text.h"

#include <algorithm>
#include <boost/json.hpp>
#include <limits>

namespace ondol::app {
namespace {

namespace json = boost::json;
using format::Layout;
using format::Metadata;
using format::ModelFile;

constexpr std::int64_t kMaxId = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t kMaxJsonDepth = 64;

// One of the small JSON texts beside a checkpoint; an empty text is an empty object.
Result<json::object> parse_object(std::string_view text, const ModelFile& file,
                                  std::string_view name) {
  if (text.empty()) return json::object{};
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  json::value value = json::parse(text, error, {}, options);
  if (error || !value.is_object()) {
    return fail(ErrorCode::kInvalidFile, (file.path() / name).string(), "", "is no JSON object",
                error ? error.message() : "");
  }
  return std::move(value.as_object());
}

template <class Element, class Out>
Result<void> copy_array(const Metadata& metadata, std::string_view key, std::vector<Out>& out) {
  ONDOL_TRY(const auto* items, metadata.array<Element>(key));
  if (items == nullptr) return {};
  out.reserve(items->size());
  for (const Element& item : *items) out.push_back(static_cast<Out>(item));
  return {};
}

Result<std::optional<std::int64_t>> optional_id(const Metadata& metadata, std::string_view key) {
  if (!metadata.has(key)) return std::nullopt;
  // Some writers say "none" by the largest 32-bit number.
  ONDOL_TRY(const auto id, metadata.integer(key, -1, std::numeric_limits<std::uint32_t>::max()));
  if (id < 0 || id > kMaxId) return std::nullopt;
  return id;
}

Result<std::optional<bool>> optional_flag(const Metadata& metadata, std::string_view key) {
  if (!metadata.has(key)) return std::nullopt;
  ONDOL_TRY(const bool flag, metadata.boolean(key));
  return flag;
}

Result<std::shared_ptr<const text::Tokenizer>> load_gguf_tokenizer(const ModelFile& file) {
  const Metadata& meta = file.metadata();
  // The views must outlive load_gguf_vocab: these two own their text.
  ONDOL_TRY(const std::string model, meta.string("tokenizer.ggml.model"));
  ONDOL_TRY(const std::string pre, meta.string_or("tokenizer.ggml.pre", ""));
  text::GgufVocab vocab;
  vocab.model = model;
  vocab.pre = pre;
  ONDOL_TRY_VOID(copy_array<std::string_view>(meta, "tokenizer.ggml.tokens", vocab.tokens));
  ONDOL_TRY_VOID(copy_array<std::string_view>(meta, "tokenizer.ggml.merges", vocab.merges));
  ONDOL_TRY_VOID(copy_array<double>(meta, "tokenizer.ggml.scores", vocab.scores));
  ONDOL_TRY_VOID(copy_array<std::int64_t>(meta, "tokenizer.ggml.token_type", vocab.types));
  ONDOL_TRY(vocab.bos, optional_id(meta, "tokenizer.ggml.bos_token_id"));
  ONDOL_TRY(vocab.eos, optional_id(meta, "tokenizer.ggml.eos_token_id"));
  ONDOL_TRY(vocab.eot, optional_id(meta, "tokenizer.ggml.eot_token_id"));
  ONDOL_TRY(vocab.eom, optional_id(meta, "tokenizer.ggml.eom_token_id"));
  ONDOL_TRY(vocab.unk, optional_id(meta, "tokenizer.ggml.unknown_token_id"));
  ONDOL_TRY(vocab.pad, optional_id(meta, "tokenizer.ggml.padding_token_id"));
  ONDOL_TRY(vocab.add_bos, optional_flag(meta, "tokenizer.ggml.add_bos_token"));
  ONDOL_TRY(vocab.add_eos, optional_flag(meta, "tokenizer.ggml.add_eos_token"));
  ONDOL_TRY(vocab.add_space_prefix, optional_flag(meta, "tokenizer.ggml.add_space_prefix"));
  ONDOL_TRY(vocab.remove_extra_whitespaces,
            optional_flag(meta, "tokenizer.ggml.remove_extra_whitespaces"));
  return text::load_gguf_vocab(vocab, file.path().string());
}

// "chat_template" is a string, or a list of {"name", "template"} with a "default".
std::string template_of_config(const json::object& config) {
  const json::value* entry = config.if_contains("chat_template");
  if (entry == nullptr) return "";
  if (const json::string* text = entry->if_string()) return std::string(*text);
  const json::array* list = entry->if_array();
  if (list == nullptr) return "";
  for (const json::value& item : *list) {
    const json::object* object = item.if_object();
    const json::value* name = object ? object->if_contains("name") : nullptr;
    const json::value* text = object ? object->if_contains("template") : nullptr;
    const bool wanted = name && name->is_string() && name->as_string() == "default";
    if (wanted && text && text->is_string()) return std::string(text->as_string());
  }
  return "";
}

void append_ids(const json::object& config, std::vector<std::int64_t>& ids) {
  const json::value* value = config.if_contains("eos_token_id");
  if (value == nullptr) return;
  if (value->is_int64()) ids.push_back(value->as_int64());
  const json::array* list = value->if_array();
  if (list == nullptr) return;
  for (const json::value& item : *list) {
    if (item.is_int64()) ids.push_back(item.as_int64());
  }
}

void append_ids(const Metadata& metadata, std::string_view key, std::vector<std::int64_t>& ids) {
  const format::MetaValue* value = metadata.find(key);
  if (value == nullptr) return;
  if (const auto* id = std::get_if<std::int64_t>(value)) ids.push_back(*id);
  const auto* array = std::get_if<format::MetaArray>(value);
  const auto* list = array ? std::get_if<std::vector<std::int64_t>>(array) : nullptr;
  if (list != nullptr) ids.insert(ids.end(), list->begin(), list->end());
}

// One recommended number, from whichever place has it.
class Recommendations {
 public:
  Recommendations(const ModelFile& file, json::object generation)
      : file_(file), generation_(std::move(generation)) {}

  Result<void> read(std::string_view key, std::string_view gguf_key, double low, double high,
                    float& out) const {
    if (file_.layout() == Layout::kGguf) {
      const std::string full = "general.sampling." + std::string(gguf_key);
      ONDOL_TRY(const double value, file_.metadata().number_or(full, out, low, high));
      out = static_cast<float>(value);
      return {};
    }
    const json::value* value = generation_.if_contains(key);
    if (value == nullptr || !value->is_number()) return {};
    const auto number = value->to_number<double>();
    if (!(number >= low && number <= high)) {
      return fail(ErrorCode::kInvalidFile, (file_.path() / "generation_config.json").string(), key,
                  "out of range", std::to_string(number),
                  std::to_string(low) + " to " + std::to_string(high));
    }
    out = static_cast<float>(number);
    return {};
  }

  bool greedy() const {
    const json::value* sample = generation_.if_contains("do_sample");
    return sample && sample->is_bool() && !sample->as_bool();
  }

 private:
  const ModelFile& file_;
  json::object generation_;
};

}  // namespace

Result<std::shared_ptr<const text::Tokenizer>> load_tokenizer(const ModelFile& file) {
  if (file.layout() == Layout::kGguf) return load_gguf_tokenizer(file);
  const auto& texts = file.text_files();
  if (texts.tokenizer_json.empty()) {
    return fail(ErrorCode::kNotFound, file.path().string(), "tokenizer.json",
                "the directory has no tokenizer");
  }
  return text::load_tokenizer_json(texts.tokenizer_json, texts.tokenizer_config_json,
                                   (file.path() / "tokenizer.json").string());
}

std::string tokenizer_kind(const ModelFile& file) {
  if (file.layout() == Layout::kHuggingFace) {
    return file.text_files().tokenizer_json.empty() ? "none" : "tokenizer.json";
  }
  const auto model = file.metadata().string_or("tokenizer.ggml.model", "none");
  const auto pre = file.metadata().string_or("tokenizer.ggml.pre", "");
  std::string out = model ? *model : "broken";
  if (pre && !pre->empty()) out += ", " + *pre;
  return out;
}

Result<std::string> chat_template_source(const ModelFile& file) {
  if (file.layout() == Layout::kGguf) {
    return file.metadata().string_or("tokenizer.chat_template", "");
  }
  const auto& texts = file.text_files();
  if (!texts.chat_template.empty()) return std::string(texts.chat_template);
  ONDOL_TRY(const auto config,
            parse_object(texts.tokenizer_config_json, file, "tokenizer_config.json"));
  return template_of_config(config);
}

Result<std::vector<std::int32_t>> stop_tokens(const ModelFile& file,
                                              const text::Tokenizer& tokenizer,
                                              std::int64_t n_vocab) {
  std::vector<std::int64_t> ids(tokenizer.eog_ids().begin(), tokenizer.eog_ids().end());
  if (file.layout() == Layout::kHuggingFace) {
    ONDOL_TRY(const auto generation, parse_object(file.text_files().generation_config_json, file,
                                                  "generation_config.json"));
    append_ids(generation, ids);
    append_ids(file.metadata(), "eos_token_id", ids);
    append_ids(file.metadata(), "text_config.eos_token_id", ids);
  }
  std::vector<std::int32_t> out;
  for (const std::int64_t id : ids) {
    if (id >= 0 && id < n_vocab) out.push_back(static_cast<std::int32_t>(id));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<engine::SamplingParams> recommended_sampling(const ModelFile& file) {
  ONDOL_TRY(auto generation,
            parse_object(file.text_files().generation_config_json, file, "generation_config.json"));
  const Recommendations from(file, std::move(generation));
  engine::SamplingParams out;
  out.temperature = kDefaultTemperature;
  out.top_p = kDefaultTopP;
  out.min_p = kDefaultMinP;
  float top_k = 0;
  ONDOL_TRY_VOID(from.read("temperature", "temp", 0, 100, out.temperature));
  ONDOL_TRY_VOID(from.read("top_p", "top_p", 1e-6, 1, out.top_p));
  ONDOL_TRY_VOID(from.read("min_p", "min_p", 0, 0.999, out.min_p));
  constexpr double kMaxTopK = static_cast<double>(kMaxId) / 2;
  ONDOL_TRY_VOID(from.read("top_k", "top_k", 0, kMaxTopK, top_k));
  ONDOL_TRY_VOID(
      from.read("repetition_penalty", "penalty_repeat", 1e-3, 100, out.repetition_penalty));
  out.top_k = static_cast<std::int32_t>(top_k);
  if (from.greedy()) out.temperature = 0;
  return out;
}

}  // namespace ondol::app
