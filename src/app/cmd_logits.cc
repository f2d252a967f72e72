#include <algorithm>
#include <boost/json.hpp>
#include <limits>
#include <memory>
#include <optional>

#include "app/commands.h"
#include "app/console.h"
#include "app/load.h"
#include "app/npy.h"
#include "app/progress.h"
#include "engine/evaluator.h"

namespace ondol::app {
namespace {

constexpr std::int64_t kBatchTokens = 64;  // bounds the logits held at once

struct LogitsArguments {
  ModelOptions model;
  std::vector<std::int32_t> tokens;
  std::string out;
  bool json = false;
};

Result<void> run_logits(const LogitsArguments& arguments) {
  const auto n_tokens = static_cast<std::int64_t>(arguments.tokens.size());
  ONDOL_TRY(const LoadedModel loaded,
            load_model(arguments.model, TokenizerUse::kNotNeeded, kBatchTokens, n_tokens));
  ONDOL_TRY(const auto evaluator,
            engine::Evaluator::create(*loaded.model, *loaded.device, loaded.n_context, kBatchTokens,
                                      loaded.kv_dtype));
  // The tokens are checked by run, before the first row; only then is the file made.
  std::optional<NpyWriter> writer;
  Result<void> written;
  ProgressBar bar(ProgressBar::Unit::kTokens);
  const auto sink = [&](std::int64_t i, std::span<const float> logits) {
    if (!written) return;
    if (!writer) {
      auto created = NpyWriter::create(arguments.out, n_tokens, loaded.info().n_vocab);
      if (!created) {
        written = tl::unexpected(std::move(created).error());
        return;
      }
      writer.emplace(*std::move(created));
    }
    written = writer->write_row(logits);
    bar.update("tokens", static_cast<std::uint64_t>(i + 1), static_cast<std::uint64_t>(n_tokens));
  };
  ONDOL_TRY_VOID(evaluator->run(arguments.tokens, 0, sink));
  ONDOL_TRY_VOID(written);
  ONDOL_TRY_VOID(writer->close());
  bar.clear();
  const std::int64_t n_vocab = loaded.info().n_vocab;
  if (arguments.json) {
    print_json(boost::json::object{{"path", arguments.out},
                                   {"shape", boost::json::array{n_tokens, n_vocab}},
                                   {"device", loaded.device->description()}});
  } else {
    print(arguments.out + ": f32 [" + std::to_string(n_tokens) + ", " + std::to_string(n_vocab) +
          "] on " + loaded.device->description() + "\n");
  }
  return {};
}

}  // namespace

void add_logits(Commands& commands) {
  CLI::App& command = commands.add("logits", "Write the logits after each of some tokens",
                                   R"(  ondol logits -m smollm2 --tokens 1,2,3 --out logits.npy
  ondol logits -m ./checkpoint --tokens 5,6 --out ref.npy --device reference

The file is NumPy's .npy, f32 [n_tokens, n_vocab].)");
  auto arguments = std::make_shared<LogitsArguments>();
  add_model_options(command, arguments->model, true);
  command.add_option("--tokens", arguments->tokens, "Token ids with commas between")
      ->required()
      ->delimiter(',')
      ->check(CLI::Range(0, std::numeric_limits<std::int32_t>::max()));
  command.add_option("-o,--out", arguments->out, "The .npy file to write")->required();
  commands.add_json_flag(command, arguments->json, "Print path, shape and device as JSON");
  commands.on_run(command, [arguments] { return run_logits(*arguments); });
}

}  // namespace ondol::app
