#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <memory>
#include <optional>
#include <span>

#include "app/commands.h"
#include "app/console.h"
#include "app/divergence.h"
#include "app/interrupt.h"
#include "app/load.h"
#include "app/npy.h"
#include "app/progress.h"
#include "app/reference_logits.h"
#include "engine/evaluator.h"

namespace ondol::app {
namespace {

constexpr std::int64_t kDefaultWindow = 512;
constexpr std::int64_t kBatchTokens = 128;  // bounds the logits held at once
constexpr std::size_t kMaxTextBytes = std::size_t{512} << 20;

struct PerplexityArguments {
  ModelOptions model;
  std::string file;
  std::int64_t max_tokens = 0;
  std::int64_t window = kDefaultWindow;
  std::int64_t stride = 0;
  std::string kl_reference;
  std::string kl_device = "reference";
  std::string save_logits;
  bool json = false;
};

struct Job {
  engine::Evaluator& evaluator;
  std::span<const std::int32_t> tokens;
  std::vector<std::int32_t> prefix;  // BOS, if each window starts with it
  std::int64_t window;               // BOS included
  std::int64_t stride;
  ReferenceLogits* reference = nullptr;
  NpyWriter* save = nullptr;

  std::int64_t n_scored() const {
    return static_cast<std::int64_t>(tokens.size()) - (prefix.empty() ? 1 : 0);
  }
};

struct Score {
  Average nll;
  Divergence divergence;  // from the reference, if there is one
};

/// Scores one window: all its tokens but those before `n_done`.
Result<void> score_window(const Job& job, std::int64_t begin, std::int64_t end, std::int64_t n_done,
                          Score& score) {
  const auto n_bos = static_cast<std::int64_t>(job.prefix.size());
  std::vector<std::int32_t> ids = job.prefix;
  ids.insert(ids.end(), job.tokens.begin() + begin, job.tokens.begin() + end);
  // The logits at i predict ids[i + 1], which is tokens[begin + i + 1 - n_bos].
  const std::int64_t first = n_done - begin + n_bos - 1;
  if (job.reference != nullptr) ONDOL_TRY_VOID(job.reference->begin_window(ids, first));
  Result<void> saved;
  ONDOL_TRY_VOID(job.evaluator.run(ids, first, [&](std::int64_t i, auto logits) {
    if (i + 1 >= static_cast<std::int64_t>(ids.size())) return;
    if (job.reference != nullptr) {
      score.divergence.add(job.reference->row(i - first, score.nll.n()), logits);
    }
    if (job.save != nullptr && saved) saved = job.save->write_row(logits);
    score.nll.add(negative_log_likelihood(logits, ids[static_cast<std::size_t>(i + 1)]));
  }));
  return saved;
}

/// Scores every token but the first of all, once, in the first window that has it
/// with as much before it as can be.
Result<Score> score_text(const Job& job, const InterruptScope& interrupt) {
  const auto n_tokens = static_cast<std::int64_t>(job.tokens.size());
  const auto n_bos = static_cast<std::int64_t>(job.prefix.size());
  const std::int64_t room = job.window - n_bos;
  ProgressBar bar(ProgressBar::Unit::kTokens);
  Score score;
  std::int64_t n_done = n_bos == 1 ? 0 : 1;  // tokens [0, n_done) are scored
  for (std::int64_t begin = 0; n_done < n_tokens; begin += job.stride) {
    const std::int64_t end = std::min(begin + room, n_tokens);
    ONDOL_TRY_VOID(score_window(job, begin, end, n_done, score));
    n_done = end;
    bar.update(fmt::format("perplexity {:.3f}", std::exp(score.nll.mean())),
               static_cast<std::uint64_t>(n_done), static_cast<std::uint64_t>(n_tokens));
    if (interrupt.requested()) {
      return fail(ErrorCode::kCancelled, "perplexity", "", "interrupted");
    }
  }
  return score;
}

Result<std::vector<std::int32_t>> text_tokens(const PerplexityArguments& arguments,
                                              const std::string& text,
                                              const text::Tokenizer& tokenizer) {
  ONDOL_TRY(auto tokens, tokenizer.encode(text, {.parse_special = false}));
  const auto limit = static_cast<std::size_t>(arguments.max_tokens);
  if (limit > 0 && tokens.size() > limit) tokens.resize(limit);
  if (tokens.size() < 2) {
    return fail(ErrorCode::kInvalidArgument, arguments.file, "", "has too few tokens to score",
                tokens.size(), std::size_t{2});
  }
  return tokens;
}

void print_score(const PerplexityArguments& arguments, const Score& score, const Job& job) {
  const double perplexity = std::exp(score.nll.mean());
  const double error = score.nll.standard_error();
  const Divergence& divergence = score.divergence;
  const bool has_reference = job.reference != nullptr;
  if (arguments.json) {
    boost::json::object out{
        {"perplexity", perplexity},      {"perplexity_stderr", perplexity * error},
        {"nll", score.nll.mean()},       {"nll_stderr", error},
        {"n_tokens", job.tokens.size()}, {"n_scored", score.nll.n()},
        {"window", job.window},          {"stride", job.stride}};
    if (has_reference) {
      out["kl"] = boost::json::object{{"mean", divergence.kl.mean()},
                                      {"mean_stderr", divergence.kl.standard_error()},
                                      {"max", divergence.kl.max()},
                                      {"same_top", divergence.same_top_share()}};
    }
    print_json(out);
    return;
  }
  print(fmt::format("perplexity {:.4f} +/- {:.4f} ({} tokens scored, window {}, stride {})\n",
                    perplexity, perplexity * error, score.nll.n(), job.window, job.stride));
  if (!has_reference) return;
  print(
      fmt::format("KL from the reference {:.6f} +/- {:.6f} nats, {:.4f} at most; same top token "
                  "{:.2f}%\n",
                  divergence.kl.mean(), divergence.kl.standard_error(), divergence.kl.max(),
                  100 * divergence.same_top_share()));
}

Result<std::unique_ptr<ReferenceLogits>> open_reference(const PerplexityArguments& arguments,
                                                        const std::string& text,
                                                        std::int64_t n_vocab, const Job& job) {
  if (arguments.kl_reference.empty()) return nullptr;
  if (arguments.kl_reference.ends_with(".npy")) {
    return open_reference_file(arguments.kl_reference, job.n_scored(), n_vocab);
  }
  ModelOptions options = arguments.model;
  options.model = arguments.kl_reference;
  options.device = arguments.kl_device;
  if (options.device == "reference") options.isa.clear();
  options.dtype.clear();
  options.kv_dtype = "f32";
  options.context = arguments.window;
  return load_reference_model(options, text, job.tokens, n_vocab, arguments.window);
}

Result<void> run_perplexity(const PerplexityArguments& arguments) {
  ModelOptions options = arguments.model;
  options.context = arguments.window;
  ONDOL_TRY(const LoadedModel loaded, load_model(options, TokenizerUse::kNeeded, kBatchTokens));
  const text::Tokenizer& tokenizer = *loaded.tokenizer;
  ONDOL_TRY(const std::string text, read_input(arguments.file, kMaxTextBytes));
  ONDOL_TRY(const auto tokens, text_tokens(arguments, text, tokenizer));
  ONDOL_TRY(const auto evaluator,
            engine::Evaluator::create(*loaded.model, *loaded.device, arguments.window, kBatchTokens,
                                      loaded.kv_dtype));
  const std::int64_t stride = arguments.stride > 0 ? arguments.stride : arguments.window / 2;
  std::vector<std::int32_t> prefix;
  if (tokenizer.add_bos() && tokenizer.bos()) prefix.push_back(*tokenizer.bos());
  // A window's first token has nothing before it that could predict the next
  // window's first: they overlap by one at least.
  if (stride > arguments.window - 1) {
    return fail(ErrorCode::kInvalidArgument, "--stride", "", "leaves tokens between windows out",
                stride, arguments.window - 1);
  }
  const std::int64_t n_vocab = loaded.info().n_vocab;
  Job job{*evaluator, tokens, std::move(prefix), arguments.window, stride};
  ONDOL_TRY(const auto reference, open_reference(arguments, text, n_vocab, job));
  job.reference = reference.get();
  std::optional<NpyWriter> save;
  if (!arguments.save_logits.empty()) {
    ONDOL_TRY(save, NpyWriter::create(arguments.save_logits, job.n_scored(), n_vocab));
    job.save = &*save;
  }
  const InterruptScope interrupt;
  ONDOL_TRY(const Score score, score_text(job, interrupt));
  if (save) ONDOL_TRY_VOID(save->close());
  print_score(arguments, score, job);
  return {};
}

}  // namespace

void add_perplexity(Commands& commands) {
  CLI::App& command = commands.add("perplexity", "Measure how well a model predicts a text",
                                   R"(  ondol perplexity -m smollm2 -f prose.txt
  ondol perplexity -m smollm2 -f prose.txt --tokens 20000 --window 1024 --json
  ondol perplexity -m model-q4_k_m.gguf -f prose.txt --kl-reference model-f16.gguf

exp of the mean of -log p(token | what stands before it), natural logarithm. The
text is cut into windows of W tokens that begin every S tokens; each window starts
with BOS if the tokenizer adds one (it counts among the W). Every token but the
first is scored once (with BOS the first too), in the first window that holds it:
it sees at least W - S tokens before it once the first window is over. The error is
the standard error of the mean.

With --kl-reference the distribution after each scored token is compared with that of
another model, which runs beside it on --kl-device with f32 keys and values, or of a
.npy file that --save-logits made over the same text and windows: mean and largest
KL(reference || model) in nats, and how often both rank the same token first.)");
  auto arguments = std::make_shared<PerplexityArguments>();
  add_model_options(command, arguments->model, true);
  command.remove_option(command.get_option("--ctx"));
  command.add_option("-f,--file", arguments->file, "The text (- is standard input)")->required();
  command.add_option("--tokens", arguments->max_tokens, "Only the first N tokens; 0 is all")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40));
  command.add_option("--window,--ctx", arguments->window, "Tokens of a window (W)")
      ->check(CLI::Range(std::int64_t{2}, std::int64_t{1} << 24))
      ->capture_default_str();
  command.add_option("--stride", arguments->stride, "From window to window (S); 0 is half of W")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 24));
  command.add_option("--kl-reference", arguments->kl_reference,
                     "A model, or a .npy file of logits, to compare with");
  command.add_option("--kl-device", arguments->kl_device, "Where a reference model runs")
      ->check(CLI::IsMember({"cpu", "reference"}))
      ->capture_default_str();
  command.add_option("--save-logits", arguments->save_logits,
                     "Write the scored logits, f32 [n_scored, n_vocab], to this .npy file");
  commands.add_json_flag(command, arguments->json, "Print one JSON object");
  commands.on_run(command, [arguments] { return run_perplexity(*arguments); });
}

}  // namespace ondol::app
