#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>

#include "app/commands.h"
#include "app/console.h"
#include "app/interrupt.h"
#include "app/load.h"
#include "app/progress.h"
#include "format/model_file.h"
#include "hub/pull.h"
#include "model/imatrix.h"
#include "model/quantize_file.h"

namespace ondol::app {
namespace {

struct QuantizeArguments {
  std::string in;
  std::string out;
  std::string type;
  std::string imatrix;
  int threads = 0;
  bool force = false;
  bool json = false;
};

std::vector<std::string> type_names() {
  std::vector<std::string> names;
  for (const model::QuantizeType& type : model::quantize_types()) names.emplace_back(type.name);
  return names;
}

void print_summary_json(const QuantizeArguments& arguments, const model::QuantizeSummary& summary,
                        double bits, double seconds) {
  boost::json::object dtypes;
  for (const auto& [name, count] : summary.dtypes) {
    dtypes[name] = boost::json::object{{"tensors", count.n_tensors}, {"bytes", count.n_bytes}};
  }
  boost::json::array fallbacks;
  for (const auto& [what, n_tensors] : summary.fallbacks) {
    const auto& [wanted, taken, n_cols] = what;
    fallbacks.push_back(boost::json::object{
        {"wanted", wanted}, {"taken", taken}, {"row", n_cols}, {"tensors", n_tensors}});
  }
  print_json(boost::json::object{{"path", arguments.out},
                                 {"type", arguments.type},
                                 {"bytes_before", summary.bytes_before},
                                 {"bytes_after", summary.bytes_after},
                                 {"bits_per_weight", bits},
                                 {"dtypes", dtypes},
                                 {"fallbacks", fallbacks},
                                 {"n_requantized", summary.n_requantized},
                                 {"n_without_importances", summary.n_without_importances},
                                 {"seconds", seconds}});
}

void print_summary(const QuantizeArguments& arguments, const model::QuantizeSummary& summary,
                   double bits, double seconds) {
  print(fmt::format("{}: {}, {} -> {}, {:.2f} bits a weight, {:.1f} s\n", arguments.out,
                    arguments.type, human_bytes(summary.bytes_before),
                    human_bytes(summary.bytes_after), bits, seconds));
  for (const auto& [name, count] : summary.dtypes) {
    print(fmt::format("  {:<8}{:>5} tensors {:>10}\n", name, count.n_tensors,
                      human_bytes(count.n_bytes)));
  }
  for (const auto& [what, n_tensors] : summary.fallbacks) {
    const auto& [wanted, taken, n_cols] = what;
    print(
        fmt::format("  {} instead of {} for {} tensors: a row of {} is no whole number of blocks\n",
                    taken, wanted, n_tensors, n_cols));
  }
  if (summary.n_without_importances > 0) {
    print(fmt::format("  {} tensors are not in the importance matrix\n",
                      summary.n_without_importances));
  }
  if (summary.n_requantized > 0) {
    print(fmt::format("  {} tensors had been quantized before: the losses add up\n",
                      summary.n_requantized));
  }
}

Result<void> run_quantize(const QuantizeArguments& arguments) {
  const auto start = std::chrono::steady_clock::now();
  ONDOL_TRY(const hub::Store store, hub::Store::from_environment());
  ONDOL_TRY(const auto path, hub::resolve(store, arguments.in));
  ONDOL_TRY(const auto file, format::ModelFile::open(path));
  std::optional<model::Imatrix> imatrix;
  if (!arguments.imatrix.empty()) {
    ONDOL_TRY(imatrix, model::Imatrix::read(arguments.imatrix));
  }
  ProgressBar bar;
  const InterruptScope interrupt;
  model::QuantizeOptions options;
  options.type = model::find_quantize_type(arguments.type);
  options.imatrix = imatrix ? &*imatrix : nullptr;
  options.imatrix_name = std::filesystem::path(arguments.imatrix).filename().string();
  options.n_threads = arguments.threads;
  options.overwrite = arguments.force;
  options.progress = [&](std::string_view what, std::uint64_t done, std::uint64_t total) {
    bar.update(what, done, total);
    return !interrupt.requested();
  };
  ONDOL_TRY(const model::QuantizeSummary summary,
            model::quantize_file(*file, arguments.out, options));
  bar.clear();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const double bits =
      8.0 * static_cast<double>(summary.bytes_after) / static_cast<double>(summary.n_elements);
  if (arguments.json) {
    print_summary_json(arguments, summary, bits, took.count());
  } else {
    print_summary(arguments, summary, bits, took.count());
  }
  return {};
}

}  // namespace

void add_quantize(Commands& commands) {
  CLI::App& command =
      commands.add("quantize", "Write a GGUF model with smaller weights",
                   R"(  ondol quantize model-f16.gguf model-q4_k_m.gguf --type q4_k_m
  ondol imatrix -m model-f16.gguf -f prose.txt -o model.imatrix.gguf
  ondol quantize model-f16.gguf small.gguf --type q4_0 --imatrix model.imatrix.gguf

The output head is kept in q6_k (q8_0 for q8_0), norms and biases in f32; q4_k_m and
q5_k_m keep the value and down projections of half of the layers in q6_k too. A row
that is no multiple of 256 takes the next better type with blocks of 32 (q5_0, q5_1 or
q8_0), which the summary says. Metadata is copied. The new file appears when it is whole.)");
  auto arguments = std::make_shared<QuantizeArguments>();
  command.add_option("in", arguments->in, "The model: a GGUF file, better an unquantized one")
      ->required();
  command.add_option("out", arguments->out, "The GGUF file to write")->required();
  command.add_option("-t,--type", arguments->type, "What the matrices become")
      ->required()
      ->check(CLI::IsMember(type_names()));
  command.add_option("--imatrix", arguments->imatrix,
                     "Importances of the weights, made by `ondol imatrix` or llama-imatrix");
  add_threads_option(command, arguments->threads);
  command.add_flag("--force", arguments->force, "Replace the file if it is there");
  commands.add_json_flag(command, arguments->json, "Print the summary as JSON");
  commands.on_run(command, [arguments] { return run_quantize(*arguments); });
}

}  // namespace ondol::app
