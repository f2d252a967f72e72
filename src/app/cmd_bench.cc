#include <boost/json.hpp>
#include <memory>

#include "app/bench.h"
#include "app/bench_kernels.h"
#include "app/bench_speculation.h"
#include "app/commands.h"
#include "app/console.h"
#include "base/thread_pool.h"

namespace ondol::app {
namespace {

constexpr const char* kExamples = R"(  ondol bench -m smollm2
  ondol bench -m smollm2 --prompt 512 --generate 128 --threads 2 --repeat 5 --json
  ondol bench -m smollm2 --depth 0,4096 --generate 64
  ondol bench -m smollm2 --sequences 16
  ondol bench -m smollm2 --operations
  ondol bench --limits
  ondol bench kernels llama-3.2-1b q4_0 --threads 2
  ondol bench speculation -m smollm2

Prefill is --prompt tokens, decode --generate tokens one by one, both after --depth
tokens of context, in each of --sequences sequences; tokens/s are of all sequences
together. One round before the counted ones warms up. Beside the smallest, median
and largest of the repeats stands what the median is of this machine's limits,
measured in the same run: operations of the matrix products and of attention
against the int8 peak, bytes of weights, keys and values against what memory gives.)";

Result<void> run_limits(const BenchArguments& arguments) {
  const std::string& option = arguments.model.isa;
  const std::string isa = option.empty() ? environment("ONDOL_ISA") : option;
  std::vector<int> counts;
  if (arguments.model.threads > 0) {
    counts = {arguments.model.threads};
  } else {
    for (int n = 1; n < usable_cores(); n *= 2) counts.push_back(n);
    counts.push_back(usable_cores());
  }
  ONDOL_TRY(const auto limits, device::measure_limits(isa, counts));
  const Machine machine = this_machine(limits.front().isa);
  if (!arguments.json) {
    print_limits(machine, limits);
    return {};
  }
  boost::json::array rows;
  for (const device::Limits& l : limits) rows.push_back(limits_json(l));
  print_json(boost::json::object{{"machine", machine_json(machine)}, {"limits", std::move(rows)}});
  return {};
}

Result<void> run_speculation(const BenchArguments& shared, SpeculationBenchArguments own) {
  if (shared.model.model.empty()) {
    return fail(ErrorCode::kInvalidArgument, "bench speculation", "",
                "needs -m MODEL; see ondol bench speculation --help");
  }
  const std::string speculate = own.chat.model.speculate;
  const std::string draft_model = own.chat.model.draft_model;
  own.chat.model = shared.model;
  own.chat.model.speculate = speculate;
  own.chat.model.draft_model = draft_model;
  own.n_repeats = shared.n_repeats;
  own.json = shared.json;
  return bench_speculation(own);
}

Result<void> run_bench(const BenchArguments& arguments) {
  if (arguments.model.model.empty()) {
    return fail(ErrorCode::kInvalidArgument, "bench", "",
                "needs -m MODEL, or --limits; see ondol bench --help");
  }
  if (arguments.n_prompt == 0 && arguments.n_generate == 0) {
    return fail(ErrorCode::kInvalidArgument, "bench", "", "neither --prompt nor --generate");
  }
  ONDOL_TRY(const BenchReport report, bench_model(arguments));
  if (!arguments.csv.empty()) ONDOL_TRY_VOID(append_csv(report, arguments.csv));
  if (arguments.json) {
    print_json(report_json(report));
  } else {
    print_report(report);
  }
  return {};
}

}  // namespace

void add_bench(Commands& commands) {
  CLI::App& command =
      commands.add("bench", "Measure speed and memory, and what this machine can do", kExamples);
  auto arguments = std::make_shared<BenchArguments>();
  auto limits = std::make_shared<bool>(false);
  add_model_options(command, arguments->model, false);
  const CLI::Range tokens(std::int64_t{0}, std::int64_t{1} << 24);
  command.add_option("--prompt", arguments->n_prompt, "Tokens of the prompt; 0 leaves prefill out")
      ->check(tokens)
      ->capture_default_str();
  command.add_option("--generate", arguments->n_generate, "Tokens to decode; 0 leaves decode out")
      ->check(tokens)
      ->capture_default_str();
  command.add_option("--depth", arguments->depths, "Tokens of context before; several by commas")
      ->delimiter(',')
      ->check(tokens)
      ->capture_default_str();
  command.add_option("--sequences", arguments->n_sequences, "Sequences that go together")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1024}))
      ->capture_default_str();
  command.add_option("--repeat", arguments->n_repeats, "Rounds that count")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{10000}))
      ->capture_default_str();
  command.add_option("--csv", arguments->csv, "Append a line for each row to this file");
  command.add_flag("--operations", arguments->operations,
                   "Where the time goes: each kind of operation, and decode beside reading memory");
  command.add_flag("--limits", *limits, "Measure this machine instead of a model");
  commands.add_json_flag(command, arguments->json, "Print one JSON object");

  CLI::App* kernels = command.add_subcommand("kernels", "Measure each kernel by shape instead");
  auto only = std::make_shared<std::vector<std::string>>();
  kernels->add_option("only", *only, "Words of names: kernels that have all of them are measured");
  kernels->fallthrough();
  kernels->footer("\nExamples:\n  ondol bench kernels\n  ondol bench kernels smollm2 'rows 512'");

  CLI::App* speculation = command.add_subcommand(
      "speculation", "Answer questions with and without speculation instead");
  auto speculate = std::make_shared<SpeculationBenchArguments>();
  add_speculation_bench_options(*speculation, *speculate);
  speculation->fallthrough();
  speculation->footer(
      "\nExamples:\n  ondol bench speculation -m smollm2\n"
      "  ondol bench speculation -m smollm2 --speculate lookup --temp 0 --repeat 3");
  commands.on_run(command, [=] {
    if (speculation->parsed()) return run_speculation(*arguments, *speculate);
    if (kernels->parsed()) return bench_kernels({arguments->model, *only, arguments->json});
    return *limits ? run_limits(*arguments) : run_bench(*arguments);
  });
}

}  // namespace ondol::app
