#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <map>
#include <memory>

#include "app/commands.h"
#include "app/console.h"
#include "app/load.h"
#include "app/model_text.h"
#include "hub/pull.h"

namespace ondol::app {
namespace {

constexpr std::array kKvDTypes = {DType::kF16, DType::kF32, DType::kQ8_0};
constexpr std::int64_t kBatchTokens = 512;

struct InspectArguments {
  std::string model;
  std::string dtype;
  bool weights = false;
  bool json = false;
};

struct DTypeTotal {
  std::uint64_t n_tensors = 0;
  std::uint64_t n_bytes = 0;
};

// Everything that is shown, gathered before anything is printed.
struct Report {
  std::shared_ptr<const format::ModelFile> file;
  model::Plan plan;
  bool has_chat_template = false;
  std::map<std::string, DTypeTotal> dtypes;
  std::optional<std::uint64_t> memory_bytes;

  std::string_view layout() const {
    return file->layout() == format::Layout::kGguf ? "gguf" : "hugging face directory";
  }
  /// Tokens of context beside weights and workspace; the trained length at most.
  std::int64_t context_that_fits(DType kv_dtype) const {
    const std::uint64_t per_token = plan.info.kv_bytes_per_token(kv_dtype);
    const std::uint64_t held = plan.weight_bytes + plan.workspace_bytes;
    if (!memory_bytes || per_token == 0) return plan.info.max_context;
    if (*memory_bytes <= held) return 0;
    const std::uint64_t tokens = (*memory_bytes - held) / per_token;
    return static_cast<std::int64_t>(
        std::min<std::uint64_t>(tokens, static_cast<std::uint64_t>(plan.info.max_context)));
  }
};

Result<Report> gather(const InspectArguments& arguments) {
  ONDOL_TRY(const hub::Store store, hub::Store::from_environment());
  ONDOL_TRY(const auto path, hub::resolve(store, arguments.model));
  Report report;
  ONDOL_TRY(report.file, format::ModelFile::open(path));
  model::LoadOptions options;
  options.max_batch_tokens = kBatchTokens;
  ONDOL_TRY(options.quantize_to, dtype_option(arguments.dtype));
  ONDOL_TRY(report.plan, model::plan(*report.file, options));
  ONDOL_TRY(const std::string source, chat_template_source(*report.file));
  report.has_chat_template = !source.empty();
  for (const auto& [name, weight] : report.file->weights()) {
    DTypeTotal& total = report.dtypes[std::string(ondol::name(weight.tensor.dtype))];
    ++total.n_tensors;
    total.n_bytes += weight.tensor.bytes.size();
  }
  report.memory_bytes = available_memory_bytes();
  return report;
}

boost::json::array weights_json(const format::ModelFile& file) {
  boost::json::array out;
  for (const auto& [name, weight] : file.weights()) {
    const auto dims = weight.tensor.shape.dims();
    out.push_back(boost::json::object{{"name", name},
                                      {"dtype", ondol::name(weight.tensor.dtype)},
                                      {"shape", boost::json::array(dims.begin(), dims.end())},
                                      {"bytes", weight.tensor.bytes.size()}});
  }
  return out;
}

boost::json::object plan_json(const Report& report) {
  boost::json::object kv;
  boost::json::object fits;
  for (const DType dtype : kKvDTypes) {
    kv[ondol::name(dtype)] = report.plan.info.kv_bytes_per_token(dtype);
    fits[ondol::name(dtype)] = report.context_that_fits(dtype);
  }
  boost::json::object out{{"weight_bytes", report.plan.weight_bytes},
                          {"workspace_bytes", report.plan.workspace_bytes},
                          {"kv_bytes_per_token", kv},
                          {"context_that_fits", fits}};
  if (report.memory_bytes) out["available_memory_bytes"] = *report.memory_bytes;
  return out;
}

void print_report_json(const Report& report, bool with_weights) {
  const model::ModelInfo& info = report.plan.info;
  boost::json::object dtypes;
  for (const auto& [name, total] : report.dtypes) {
    dtypes[name] = boost::json::object{{"tensors", total.n_tensors}, {"bytes", total.n_bytes}};
  }
  boost::json::object out{{"path", report.file->path().string()},
                          {"layout", report.layout()},
                          {"architecture", report.file->architecture()},
                          {"family", info.family},
                          {"n_parameters", info.n_parameters},
                          {"n_vocab", info.n_vocab},
                          {"n_layers", info.n_layers},
                          {"n_heads", info.n_heads},
                          {"n_kv_heads", info.n_kv_heads},
                          {"d_model", info.d_model},
                          {"d_head", info.d_head},
                          {"d_ff", info.d_ff},
                          {"max_context", info.max_context},
                          {"tokenizer", tokenizer_kind(*report.file)},
                          {"chat_template", report.has_chat_template},
                          {"dtypes", dtypes},
                          {"plan", plan_json(report)}};
  if (with_weights) out["weights"] = weights_json(*report.file);
  print_json(out);
}

void row(std::string_view name, const std::string& value) {
  print(fmt::format("{:<18}{}\n", name, harmless(value)));
}

void print_report(const Report& report, bool with_weights) {
  const model::ModelInfo& info = report.plan.info;
  row("path", report.file->path().string());
  row("layout", std::string(report.layout()));
  row("architecture", fmt::format("{} (family {})", report.file->architecture(), info.family));
  row("parameters", fmt::format("{:.1f} million", static_cast<double>(info.n_parameters) / 1e6));
  row("shape",
      fmt::format("{} layers, d_model {}, d_ff {}, {} heads of {}, {} KV heads", info.n_layers,
                  info.d_model, info.d_ff, info.n_heads, info.d_head, info.n_kv_heads));
  row("trained context", fmt::format("{} tokens", info.max_context));
  row("tokenizer", fmt::format("{}, {} tokens", tokenizer_kind(*report.file), info.n_vocab));
  row("chat template", report.has_chat_template ? "yes" : "none");
  print("\nweights in the file\n");
  for (const auto& [name, total] : report.dtypes) {
    print(fmt::format("  {:<16}{:>5} tensors {:>10}\n", name, total.n_tensors,
                      human_bytes(total.n_bytes)));
  }
  print("\nplan\n");
  row("  weights", human_bytes(report.plan.weight_bytes));
  row("  workspace", human_bytes(report.plan.workspace_bytes));
  row("  memory here",
      report.memory_bytes ? human_bytes(*report.memory_bytes) + " available" : "unknown");
  for (const DType dtype : kKvDTypes) {
    row(fmt::format("  KV as {}", ondol::name(dtype)),
        fmt::format("{} a token, {} tokens of context fit",
                    human_bytes(info.kv_bytes_per_token(dtype)), report.context_that_fits(dtype)));
  }
  if (!with_weights) return;
  print("\ntensors\n");
  for (const auto& [name, weight] : report.file->weights()) {
    print(fmt::format("  {:<44} {:<8} {:<18} {}\n", harmless(name),
                      ondol::name(weight.tensor.dtype), weight.tensor.shape.to_string(),
                      human_bytes(weight.tensor.bytes.size())));
  }
}

Result<void> run_inspect(const InspectArguments& arguments) {
  ONDOL_TRY(const Report report, gather(arguments));
  if (arguments.json) {
    print_report_json(report, arguments.weights);
  } else {
    print_report(report, arguments.weights);
  }
  return {};
}

}  // namespace

void add_inspect(Commands& commands) {
  CLI::App& command = commands.add("inspect", "Show what a model is and what it would take",
                                   R"(  ondol inspect smollm2
  ondol inspect model.gguf --weights
  ondol inspect ./checkpoint --dtype q4_0 --json

Reads headers only: no weight is loaded, no memory is taken. "fits" counts the
memory that is free now, beside weights and workspace, up to the trained context.)");
  auto arguments = std::make_shared<InspectArguments>();
  command.add_option("model,-m,--model", arguments->model, "Path, catalogue name or hf: name")
      ->required();
  command.add_option("--dtype", arguments->dtype, "Plan for quantizing on load to this")
      ->check(CLI::IsMember({"q8_0", "q4_0", "q4_k"}));
  command.add_flag("--weights", arguments->weights, "List every tensor");
  commands.add_json_flag(command, arguments->json, "Print one JSON object");
  commands.on_run(command, [arguments] { return run_inspect(*arguments); });
}

}  // namespace ondol::app
