#include <boost/json.hpp>
#include <memory>

#include "app/commands.h"
#include "app/console.h"
#include "app/generate.h"
#include "app/interrupt.h"
#include "app/load.h"
#include "app/model_text.h"
#include "app/sampling_options.h"

namespace ondol::app {
namespace {

constexpr std::size_t kMaxPromptBytes = std::size_t{64} << 20;
constexpr std::int64_t kMaxTokens = std::int64_t{1} << 24;
constexpr std::int64_t kBatchTokens = 512;

struct CompleteArguments {
  ModelOptions model;
  SamplingOptions sampling;
  std::string prompt;
  std::string file;
  std::int64_t max_tokens = 256;
  bool ignore_eos = false;
  bool json = false;
};

boost::json::array id_array(const std::vector<std::int32_t>& ids) {
  return boost::json::array(ids.begin(), ids.end());
}

void print_result(const Generated& answer, const std::vector<std::int32_t>& prompt_ids,
                  std::uint64_t seed, double load_ms) {
  const engine::Timings& t = answer.timings;
  print_json(boost::json::object{
      {"text", answer.text},
      {"ids", id_array(answer.ids)},
      {"prompt_ids", id_array(prompt_ids)},
      {"finish_reason", answer.finish_reason},
      {"seed", seed},
      {"timings", boost::json::object{{"load_ms", load_ms},
                                      {"queue_ms", t.queue_ms},
                                      {"prefill_ms", t.prefill_ms},
                                      {"decode_ms", t.decode_ms},
                                      {"n_prompt", t.n_prompt},
                                      {"n_cached", t.n_cached},
                                      {"n_decoded", t.n_decoded},
                                      {"n_draft", t.n_draft},
                                      {"n_draft_accepted", t.n_draft_accepted}}}});
}

Result<std::string> prompt_text(const CompleteArguments& arguments, bool prompt_given) {
  if (prompt_given) return arguments.prompt;
  return read_input(arguments.file.empty() ? "-" : arguments.file, kMaxPromptBytes);
}

Result<void> run_complete(const CompleteArguments& arguments, bool prompt_given) {
  ONDOL_TRY(const std::string prompt, prompt_text(arguments, prompt_given));
  ONDOL_TRY(LoadedModel loaded, load_model(arguments.model, TokenizerUse::kNeeded, kBatchTokens));
  ONDOL_TRY(const auto recommended, recommended_sampling(*loaded.file));
  engine::GenerationRequest request;
  ONDOL_TRY(request.sampling, sampling_params(arguments.sampling, recommended));
  ONDOL_TRY(request.prompt, loaded.tokenizer->encode(prompt, {.add_special = true}));
  if (request.prompt.empty()) {
    return fail(ErrorCode::kInvalidArgument, "prompt", "", "is empty");
  }
  request.max_tokens = arguments.max_tokens;
  if (!arguments.ignore_eos) {
    ONDOL_TRY(request.stop_tokens,
              stop_tokens(*loaded.file, *loaded.tokenizer, loaded.info().n_vocab));
  }
  ONDOL_TRY_VOID(start_engine(loaded, arguments.model));

  const std::vector<std::int32_t> prompt_ids = request.prompt;
  const std::uint64_t seed = request.sampling.seed;
  const InterruptScope interrupt;
  GenerateOptions options;
  options.stops = arguments.sampling.stops;
  options.interrupted = [&] { return interrupt.requested(); };
  if (!arguments.json) options.on_text = [](std::string_view text) { print_model_text(text); };
  ONDOL_TRY(const Generated answer,
            generate(*loaded.engine, std::move(request), loaded.tokenizer, options));
  if (arguments.json) {
    print_result(answer, prompt_ids, seed, loaded.load_ms);
  } else if (answer.text.empty() || answer.text.back() != '\n') {
    print("\n");
  }
  for (WeightKeeper* keeper : {loaded.keeper.get(), loaded.draft_keeper.get()}) {
    if (interrupt.requested() && keeper != nullptr) keeper->cancel();
  }
  if (interrupt.requested()) return fail(ErrorCode::kCancelled, "complete", "", "interrupted");
  return {};
}

}  // namespace

void add_complete(Commands& commands) {
  CLI::App& command = commands.add("complete", "Continue a text",
                                   R"(  ondol complete -m smollm2 -p "Once upon a time" -n 60
  ondol complete -m model.gguf -f prompt.txt --temp 0 --json
  ondol complete -m smollm2 -p "1, 2, 3," --stop 10 --seed 7 < /dev/null

Without -p or -f the prompt is read from standard input. The text is streamed;
--json prints {text, ids, prompt_ids, finish_reason, seed, timings} at the end,
with finish_reason "stop" (a stop string or the model's end token), "length" or
"cancelled". BOS is put in front when the model's tokenizer does so.)");
  auto arguments = std::make_shared<CompleteArguments>();
  add_model_options(command, arguments->model, true);
  add_speculation_options(command, arguments->model);
  auto* prompt = command.add_option("-p,--prompt", arguments->prompt, "The text to continue");
  command.add_option("-f,--file", arguments->file, "A file with the text (- is standard input)")
      ->excludes(prompt);
  command.add_option("-n,--max-tokens", arguments->max_tokens, "New tokens at most")
      ->check(CLI::Range(std::int64_t{0}, kMaxTokens))
      ->capture_default_str();
  add_sampling_options(command, arguments->sampling);
  command.add_flag("--ignore-eos", arguments->ignore_eos, "Go on after the model's end token");
  commands.add_json_flag(command, arguments->json, "Print one JSON object at the end");
  commands.on_run(command,
                  [arguments, prompt] { return run_complete(*arguments, prompt->count() > 0); });
}

}  // namespace ondol::app
