#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "app/commands.h"
#include "app/console.h"
#include "app/generate.h"
#include "app/interrupt.h"
#include "app/load.h"
#include "app/progress.h"

namespace ondol::app {
namespace {

constexpr std::int64_t kBatchTokens = 512;

struct BenchArguments {
  ModelOptions model;
  std::int64_t n_prompt = 512;
  std::int64_t n_generate = 128;
  std::int64_t depth = 0;
  std::int64_t n_repeats = 5;
  bool json = false;
};

struct Samples {
  std::vector<double> prefill;         // tokens/s
  std::vector<double> decode;          // tokens/s
  std::vector<double> first_token_ms;  // submit to the first token, of the prompt request
};

struct Spread {
  double min = 0, median = 0, max = 0;
};

Spread spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {values.front(), median, values.back()};
}

boost::json::object spread_json(const Spread& s) {
  return {{"min", s.min}, {"median", s.median}, {"max", s.max}};
}

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

// Ids spread over the vocabulary, the same on every machine. What they are does
// not matter to the time.
std::vector<std::int32_t> prompt_ids(std::int64_t n, std::int64_t n_vocab) {
  std::vector<std::int32_t> out;
  std::uint64_t state = 1;
  for (std::int64_t i = 0; i < n; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;  // Knuth's MMIX
    out.push_back(static_cast<std::int32_t>((state >> 33) % static_cast<std::uint64_t>(n_vocab)));
  }
  return out;
}

// No stop tokens: as many tokens come as are asked for.
Result<engine::Timings> run_request(engine::Engine& engine, std::int64_t n_prompt,
                                    std::int64_t n_generate, const InterruptScope& interrupt) {
  engine::GenerationRequest request;
  request.prompt = prompt_ids(n_prompt, engine.model_info().n_vocab);
  request.max_tokens = n_generate;
  request.sampling.temperature = 0;
  ONDOL_TRY(engine::Stream stream, engine.submit(std::move(request)));
  while (!stream.done()) {
    if (interrupt.requested()) stream.cancel();
    const auto event = stream.next_for(100);
    if (!event || event->kind != engine::Event::Kind::kFinish) continue;
    if (event->error) return tl::unexpected(*event->error);
    if (event->reason == engine::FinishReason::kCancelled) break;
    return event->timings;
  }
  return fail(ErrorCode::kCancelled, "bench", "", "interrupted");
}

Result<void> measure(engine::Engine& engine, const BenchArguments& arguments, Samples& samples,
                     const InterruptScope& interrupt) {
  ONDOL_TRY(const auto prompt, run_request(engine, arguments.n_prompt, 1, interrupt));
  samples.prefill.push_back(static_cast<double>(prompt.n_prompt) / prompt.prefill_ms * 1000);
  samples.first_token_ms.push_back(prompt.queue_ms + prompt.prefill_ms);
  const std::int64_t before = std::max<std::int64_t>(arguments.depth, 1);
  ONDOL_TRY(const auto answer, run_request(engine, before, arguments.n_generate + 1, interrupt));
  // decode_ms runs from the first token to the last: one step less than tokens.
  samples.decode.push_back(static_cast<double>(answer.n_decoded - 1) / answer.decode_ms * 1000);
  return {};
}

void print_samples(const BenchArguments& arguments, const LoadedModel& loaded,
                   const Samples& samples, std::uint64_t bytes_per_token) {
  const Spread prefill = spread(samples.prefill);
  const Spread decode = spread(samples.decode);
  const Spread first = spread(samples.first_token_ms);
  const double bandwidth = static_cast<double>(bytes_per_token) * decode.median;
  if (arguments.json) {
    print_json(boost::json::object{{"model", loaded.file->path().string()},
                                   {"device", loaded.device->description()},
                                   {"n_prompt", arguments.n_prompt},
                                   {"n_generate", arguments.n_generate},
                                   {"depth", arguments.depth},
                                   {"repeat", arguments.n_repeats},
                                   {"prefill_tokens_per_s", spread_json(prefill)},
                                   {"decode_tokens_per_s", spread_json(decode)},
                                   {"first_token_ms", spread_json(first)},
                                   {"load_ms", loaded.load_ms},
                                   {"peak_rss_bytes", peak_rss_bytes()},
                                   {"weight_bytes_per_token", bytes_per_token},
                                   {"weight_bytes_per_s", bandwidth}});
    return;
  }
  const auto line = [](std::string_view name, const Spread& s, std::string_view unit) {
    print(fmt::format("{:<22}{:>10.1f} {:>10.1f} {:>10.1f}  {}\n", name, s.min, s.median, s.max,
                      unit));
  };
  print(fmt::format("{} on {}\n", loaded.file->path().string(), loaded.device->description()));
  print(fmt::format("{:<22}{:>10} {:>10} {:>10}\n", "", "min", "median", "max"));
  line(fmt::format("prefill {}", arguments.n_prompt), prefill, "tokens/s");
  line(fmt::format("decode {} at {}", arguments.n_generate, arguments.depth), decode, "tokens/s");
  line("first token", first, "ms");
  print(fmt::format("load {:.0f} ms, peak memory {}, {} of weights a token ({}/s)\n",
                    loaded.load_ms, human_bytes(peak_rss_bytes()), human_bytes(bytes_per_token),
                    human_bytes(static_cast<std::uint64_t>(bandwidth))));
}

Result<void> run_bench(const BenchArguments& arguments) {
  ModelOptions options = arguments.model;
  const std::int64_t needed =
      std::max(arguments.n_prompt + 2,
               std::max<std::int64_t>(arguments.depth, 1) + arguments.n_generate + 2);
  if (options.context == 0) options.context = needed;
  if (options.context < needed) {
    return fail(ErrorCode::kInvalidArgument, "--ctx", "", "is too small for this benchmark",
                options.context, needed);
  }
  ONDOL_TRY(LoadedModel loaded, load_model(options, TokenizerUse::kNotNeeded, kBatchTokens));
  const std::uint64_t bytes_per_token = loaded.model->weight_bytes_per_token();
  ONDOL_TRY_VOID(start_engine(loaded));
  const InterruptScope interrupt;
  Samples warm_up;
  Samples samples;
  ProgressBar bar(ProgressBar::Unit::kTokens);
  const auto per_repeat = static_cast<std::uint64_t>(arguments.n_prompt + arguments.n_generate);
  const auto total = per_repeat * static_cast<std::uint64_t>(arguments.n_repeats + 1);
  for (std::int64_t i = 0; i <= arguments.n_repeats; ++i) {
    bar.update(i == 0 ? "warming up" : "measuring", per_repeat * static_cast<std::uint64_t>(i),
               total);
    // The first round touches every page of weights and cache: it is not counted.
    ONDOL_TRY_VOID(measure(*loaded.engine, arguments, i == 0 ? warm_up : samples, interrupt));
  }
  bar.clear();
  print_samples(arguments, loaded, samples, bytes_per_token);
  return {};
}

}  // namespace

void add_bench(Commands& commands) {
  CLI::App& command = commands.add("bench", "Measure speed and memory",
                                   R"(  ondol bench -m smollm2
  ondol bench -m smollm2 --prompt 512 --generate 128 --threads 2 --repeat 5 --json
  ondol bench -m smollm2 --depth 4000

Prefill is a prompt of --prompt tokens up to its first token; decode is --generate
tokens after --depth tokens of context. One round before the counted ones warms up.
Reported are the smallest, the median and the largest of the repeats.)");
  auto arguments = std::make_shared<BenchArguments>();
  add_model_options(command, arguments->model, true);
  const auto add = [&](const char* name, std::int64_t& target, const char* text, std::int64_t low) {
    command.add_option(name, target, text)
        ->check(CLI::Range(low, std::int64_t{1} << 24))
        ->capture_default_str();
  };
  add("--prompt", arguments->n_prompt, "Tokens of the prompt", 1);
  add("--generate", arguments->n_generate, "Tokens to generate", 1);
  add("--depth", arguments->depth, "Tokens of context before those that are generated", 0);
  command.add_option("--repeat", arguments->n_repeats, "Rounds that count")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{10000}))
      ->capture_default_str();
  commands.add_json_flag(command, arguments->json, "Print one JSON object");
  commands.on_run(command, [arguments] { return run_bench(*arguments); });
}

}  // namespace ondol::app
