#include <fmt/format.h>

#include <boost/json.hpp>
#include <memory>

#include "app/commands.h"
#include "app/console.h"
#include "app/model_text.h"
#include "base/utf8.h"
#include "hub/pull.h"

namespace ondol::app {
namespace {

constexpr std::size_t kMaxTextBytes = std::size_t{512} << 20;

struct TokenizeArguments {
  std::string model;
  std::string text;
  std::string file;
  bool special = false;
  bool plain = false;
  bool json = false;
};

Result<std::string> input_text(const TokenizeArguments& arguments, bool text_given) {
  if (text_given) return arguments.text;
  return read_input(arguments.file.empty() ? "-" : arguments.file, kMaxTextBytes);
}

void print_ids_json(const std::vector<text::TokenId>& ids) {
  // Written by hand: a document of a million values is needless.
  std::string out = "{\"ids\": [";
  for (std::size_t i = 0; i < ids.size(); ++i) {
    out += (i == 0 ? "" : ",") + std::to_string(ids[i]);
  }
  print(out + "]}\n");
}

Result<void> run_tokenize(const TokenizeArguments& arguments, bool text_given) {
  ONDOL_TRY(const hub::Store store, hub::Store::from_environment());
  ONDOL_TRY(const auto path, hub::resolve(store, arguments.model));
  ONDOL_TRY(const auto file, format::ModelFile::open_tokenizer(path));
  ONDOL_TRY(const auto tokenizer, load_tokenizer(*file));
  ONDOL_TRY(const std::string text, input_text(arguments, text_given));
  text::EncodeOptions options;
  options.add_special = arguments.special;
  options.parse_special = !arguments.plain;
  ONDOL_TRY(const auto ids, tokenizer->encode(text, options));
  if (arguments.json) {
    print_ids_json(ids);
    return {};
  }
  for (const text::TokenId id : ids) {
    const std::string piece = replace_invalid_utf8(tokenizer->piece(id));
    print(fmt::format("{:>8}  {}\n", id, harmless(piece)));
  }
  return {};
}

}  // namespace

void add_tokenize(Commands& commands) {
  CLI::App& command = commands.add("tokenize", "Show the token ids of a text",
                                   R"(  ondol tokenize -m smollm2 -p "Hello world"
  ondol tokenize -m ./tokenizer-only-directory --file prose.txt --json
  echo -n "<|im_start|>user" | ondol tokenize -m smollm2

The model may be a directory with tokenizer files and no weights. Without -p or
--file the text is read from standard input, as it is.)");
  auto arguments = std::make_shared<TokenizeArguments>();
  command.add_option("-m,--model", arguments->model, "Model or directory with tokenizer files")
      ->required();
  auto* text = command.add_option("-p,--prompt", arguments->text, "The text");
  command.add_option("-f,--file", arguments->file, "A file with the text (- is standard input)")
      ->excludes(text);
  command.add_flag("--special", arguments->special,
                   "Add BOS and the like, as the model's own processing does");
  command.add_flag("--plain", arguments->plain,
                   "Take special tokens in the text (<|im_start|>) as ordinary text");
  commands.add_json_flag(command, arguments->json, "Print {\"ids\": [...]}");
  commands.on_run(command,
                  [arguments, text] { return run_tokenize(*arguments, text->count() > 0); });
}

}  // namespace ondol::app
