#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <memory>
#include <span>

#include "app/commands.h"
#include "app/console.h"
#include "app/interrupt.h"
#include "app/load.h"
#include "app/progress.h"
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
  bool json = false;
};

/// -log p(token) under softmax(logits), summed in double.
double negative_log_likelihood(std::span<const float> logits, std::int32_t token) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  return std::log(sum) - (logits[static_cast<std::size_t>(token)] - largest);
}

/// Mean and standard error of what has been added (Welford 1962).
class Average {
 public:
  void add(double value) {
    ++n_;
    const double delta = value - mean_;
    mean_ += delta / static_cast<double>(n_);
    squares_ += delta * (value - mean_);
  }
  std::int64_t n() const { return n_; }
  double mean() const { return mean_; }
  double standard_error() const {
    const auto n = static_cast<double>(n_);
    return n_ < 2 ? 0 : std::sqrt(squares_ / (n - 1) / n);
  }

 private:
  std::int64_t n_ = 0;
  double mean_ = 0;
  double squares_ = 0;
};

struct Job {
  engine::Evaluator& evaluator;
  std::span<const std::int32_t> tokens;
  std::vector<std::int32_t> prefix;  // BOS, if each window starts with it
  std::int64_t window;               // BOS included
  std::int64_t stride;
};

/// Scores every token but the first of all, once, in the first window that has it
/// with as much before it as can be.
Result<Average> score(const Job& job, const InterruptScope& interrupt) {
  const auto n_tokens = static_cast<std::int64_t>(job.tokens.size());
  const auto n_bos = static_cast<std::int64_t>(job.prefix.size());
  const std::int64_t room = job.window - n_bos;
  ProgressBar bar(ProgressBar::Unit::kTokens);
  Average average;
  std::int64_t n_scored = n_bos == 1 ? 0 : 1;  // tokens [0, n_scored) are done
  for (std::int64_t begin = 0; n_scored < n_tokens; begin += job.stride) {
    const std::int64_t end = std::min(begin + room, n_tokens);
    std::vector<std::int32_t> ids = job.prefix;
    ids.insert(ids.end(), job.tokens.begin() + begin, job.tokens.begin() + end);
    // The logits at i predict ids[i + 1], which is tokens[begin + i + 1 - n_bos].
    const std::int64_t first = n_scored - begin + n_bos - 1;
    ONDOL_TRY_VOID(job.evaluator.run(ids, first, [&](std::int64_t i, auto logits) {
      if (i + 1 >= static_cast<std::int64_t>(ids.size())) return;
      average.add(negative_log_likelihood(logits, ids[static_cast<std::size_t>(i + 1)]));
    }));
    n_scored = end;
    bar.update(fmt::format("perplexity {:.3f}", std::exp(average.mean())),
               static_cast<std::uint64_t>(n_scored), static_cast<std::uint64_t>(n_tokens));
    if (interrupt.requested()) {
      return fail(ErrorCode::kCancelled, "perplexity", "", "interrupted");
    }
  }
  return average;
}

Result<std::vector<std::int32_t>> text_tokens(const PerplexityArguments& arguments,
                                              const text::Tokenizer& tokenizer) {
  ONDOL_TRY(const std::string text, read_input(arguments.file, kMaxTextBytes));
  ONDOL_TRY(auto tokens, tokenizer.encode(text, {.parse_special = false}));
  const auto limit = static_cast<std::size_t>(arguments.max_tokens);
  if (limit > 0 && tokens.size() > limit) tokens.resize(limit);
  if (tokens.size() < 2) {
    return fail(ErrorCode::kInvalidArgument, arguments.file, "", "has too few tokens to score",
                tokens.size(), std::size_t{2});
  }
  return tokens;
}

void print_score(const PerplexityArguments& arguments, const Average& average, const Job& job) {
  const double perplexity = std::exp(average.mean());
  const double error = average.standard_error();
  if (arguments.json) {
    print_json(boost::json::object{{"perplexity", perplexity},
                                   {"perplexity_stderr", perplexity * error},
                                   {"nll", average.mean()},
                                   {"nll_stderr", error},
                                   {"n_tokens", job.tokens.size()},
                                   {"n_scored", average.n()},
                                   {"window", job.window},
                                   {"stride", job.stride}});
  } else {
    print(fmt::format("perplexity {:.4f} +/- {:.4f} ({} tokens scored, window {}, stride {})\n",
                      perplexity, perplexity * error, average.n(), job.window, job.stride));
  }
}

Result<void> run_perplexity(const PerplexityArguments& arguments) {
  ModelOptions options = arguments.model;
  options.context = arguments.window;
  ONDOL_TRY(const LoadedModel loaded, load_model(options, TokenizerUse::kNeeded, kBatchTokens));
  const text::Tokenizer& tokenizer = *loaded.tokenizer;
  ONDOL_TRY(const auto tokens, text_tokens(arguments, tokenizer));
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
  const Job job{*evaluator, tokens, std::move(prefix), arguments.window, stride};
  const InterruptScope interrupt;
  ONDOL_TRY(const Average average, score(job, interrupt));
  print_score(arguments, average, job);
  return {};
}

}  // namespace

void add_perplexity(Commands& commands) {
  CLI::App& command = commands.add("perplexity", "Measure how well a model predicts a text",
                                   R"(  ondol perplexity -m smollm2 -f prose.txt
  ondol perplexity -m smollm2 -f prose.txt --tokens 20000 --window 1024 --json

exp of the mean of -log p(token | what stands before it), natural logarithm. The
text is cut into windows of W tokens that begin every S tokens; each window starts
with BOS if the tokenizer adds one (it counts among the W). Every token but the
first is scored once (with BOS the first too), in the first window that holds it:
it sees at least W - S tokens before it once the first window is over. The error is
the standard error of the mean.)");
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
  commands.add_json_flag(command, arguments->json, "Print one JSON object");
  commands.on_run(command, [arguments] { return run_perplexity(*arguments); });
}

}  // namespace ondol::app
