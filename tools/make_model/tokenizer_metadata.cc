#include "make_model/tokenizer_metadata.h"

#include <boost/json.hpp>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "base/mapped_file.h"
#include "format/model_file.h"

namespace ondol::tools {
namespace {

namespace json = boost::json;
using format::GgufArray;
using format::GgufValue;

// GGUF's tokenizer.ggml.token_type.
constexpr std::int32_t kNormal = 1;
constexpr std::int32_t kControl = 3;
constexpr std::int32_t kUserDefined = 4;
constexpr std::int32_t kUnused = 5;

struct Vocabulary {
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;
  std::vector<std::string> merges;
};

Result<json::value> parse_file(const std::filesystem::path& path) {
  constexpr std::size_t kMaxBytes = std::size_t{128} << 20U;
  ONDOL_TRY(const std::string text, read_text_file(path, kMaxBytes));
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error) {
    return fail(ErrorCode::kInvalidFile, path.string(), "", "this is no JSON", error.message());
  }
  return value;
}

void place(Vocabulary& out, std::int64_t id, std::string token, std::int32_t type) {
  const auto index = static_cast<std::size_t>(id);
  if (out.tokens.size() <= index) {
    out.tokens.resize(index + 1);
    out.types.resize(index + 1, kUnused);
  }
  out.tokens[index] = std::move(token);
  out.types[index] = type;
}

/// A merge is "a b" in older files and ["a", "b"] in newer ones.
std::string merge_text(const json::value& merge) {
  if (merge.is_string()) return std::string(merge.as_string());
  return std::string(merge.at(0).as_string()) + " " + std::string(merge.at(1).as_string());
}

/// Throws what Boost.JSON throws when the document has another form.
Vocabulary read_vocabulary(const json::value& document, std::int64_t n_vocab) {
  Vocabulary out;
  const json::object& model = document.at("model").as_object();
  const auto checked = [&](const json::value& id) {
    const auto value = id.to_number<std::int64_t>();
    if (value < 0 || value >= n_vocab) throw std::out_of_range("a token id beyond the vocabulary");
    return value;
  };
  for (const auto& [token, id] : model.at("vocab").as_object()) {
    place(out, checked(id), std::string(token), kNormal);
  }
  for (const json::value& added : document.at("added_tokens").as_array()) {
    place(out, checked(added.at("id")), std::string(added.at("content").as_string()),
          added.at("special").as_bool() ? kControl : kUserDefined);
  }
  for (const json::value& merge : model.at("merges").as_array()) {
    out.merges.push_back(merge_text(merge));
  }
  return out;
}

/// A token of tokenizer_config.json: a string, or an object with "content".
std::string token_content(const json::object& config, std::string_view key) {
  const json::value* value = config.if_contains(key);
  if (value != nullptr && value->is_object()) value = value->as_object().if_contains("content");
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

void set_special_tokens(const json::object& config, const Vocabulary& vocabulary,
                        format::GgufWriter& writer) {
  struct Row {
    std::string_view config_key;
    std::string_view gguf_key;
  };
  for (const Row row : {Row{"bos_token", "tokenizer.ggml.bos_token_id"},
                        Row{"eos_token", "tokenizer.ggml.eos_token_id"},
                        Row{"pad_token", "tokenizer.ggml.padding_token_id"}}) {
    const std::string content = token_content(config, row.config_key);
    for (std::size_t id = 0; !content.empty() && id < vocabulary.tokens.size(); ++id) {
      if (vocabulary.tokens[id] != content) continue;
      writer.set(std::string(row.gguf_key), static_cast<std::uint32_t>(id));
      break;
    }
  }
  const std::string chat_template = token_content(config, "chat_template");
  if (!chat_template.empty()) writer.set("tokenizer.chat_template", chat_template);
}

Result<void> copy_from_directory(const std::filesystem::path& from, std::string_view pre_tokenizer,
                                 std::int64_t n_vocab, format::GgufWriter& writer) {
  ONDOL_TRY(const json::value document, parse_file(from / "tokenizer.json"));
  ONDOL_TRY(const json::value config, parse_file(from / "tokenizer_config.json"));
  try {
    Vocabulary vocabulary = read_vocabulary(document, n_vocab);
    for (auto id = static_cast<std::int64_t>(vocabulary.tokens.size()); id < n_vocab; ++id) {
      place(vocabulary, id, "[PAD" + std::to_string(id) + "]", kUnused);
    }
    set_special_tokens(config.as_object(), vocabulary, writer);
    writer.set("tokenizer.ggml.model", std::string("gpt2"));
    writer.set("tokenizer.ggml.pre", std::string(pre_tokenizer));
    writer.set("tokenizer.ggml.tokens", GgufArray(std::move(vocabulary.tokens)));
    writer.set("tokenizer.ggml.token_type", GgufArray(std::move(vocabulary.types)));
    writer.set("tokenizer.ggml.merges", GgufArray(std::move(vocabulary.merges)));
  } catch (const std::exception& error) {
    return fail(ErrorCode::kInvalidFile, (from / "tokenizer.json").string(), "",
                "not a byte-level BPE tokenizer that fits the shape", error.what());
  }
  return {};
}

/// Metadata has lost the width of integers; tokenizers use 32 bits throughout.
struct ToGguf {
  GgufValue operator()(bool value) const { return value; }
  GgufValue operator()(std::int64_t value) const { return static_cast<std::uint32_t>(value); }
  GgufValue operator()(std::uint64_t value) const { return static_cast<std::uint32_t>(value); }
  GgufValue operator()(double value) const { return static_cast<float>(value); }
  GgufValue operator()(const std::string& value) const { return value; }
  GgufValue operator()(const format::MetaArray& array) const {
    return std::visit(
        [](const auto& values) -> GgufValue {
          using Element = typename std::decay_t<decltype(values)>::value_type;
          if constexpr (std::is_same_v<Element, std::int64_t>) {
            return GgufArray(std::vector<std::int32_t>(values.begin(), values.end()));
          } else if constexpr (std::is_same_v<Element, double>) {
            return GgufArray(std::vector<float>(values.begin(), values.end()));
          } else if constexpr (std::is_same_v<Element, bool>) {
            return GgufArray(values);
          } else {
            return GgufArray(std::vector<std::string>(values.begin(), values.end()));
          }
        },
        array);
  }
};

Result<void> copy_from_gguf(const std::filesystem::path& from, std::int64_t n_vocab,
                            format::GgufWriter& writer) {
  ONDOL_TRY(const auto file, format::ModelFile::open(from));
  ONDOL_TRY(const auto* tokens, file->metadata().array<std::string_view>("tokenizer.ggml.tokens"));
  if (tokens == nullptr || !std::cmp_equal(tokens->size(), n_vocab)) {
    return fail(ErrorCode::kInvalidArgument, from.string(), "tokenizer.ggml.tokens",
                "the shape has another vocabulary", tokens == nullptr ? 0 : tokens->size(),
                n_vocab);
  }
  for (const auto& [key, value] : file->metadata().all()) {
    if (key.starts_with("tokenizer.")) writer.set(key, std::visit(ToGguf(), value));
  }
  return {};
}

}  // namespace

Result<void> copy_tokenizer(const std::filesystem::path& from, std::string_view pre_tokenizer,
                            std::int64_t n_vocab, format::GgufWriter& writer) {
  return std::filesystem::is_directory(from)
             ? copy_from_directory(from, pre_tokenizer, n_vocab, writer)
             : copy_from_gguf(from, n_vocab, writer);
}

}  // namespace ondol::tools
