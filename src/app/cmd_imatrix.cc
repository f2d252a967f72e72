#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <memory>

#include "app/commands.h"
#include "app/console.h"
#include "app/interrupt.h"
#include "app/load.h"
#include "app/progress.h"
#include "device/observing_device.h"
#include "engine/evaluator.h"
#include "model/imatrix.h"

namespace ondol::app {
namespace {

constexpr std::int64_t kBatchTokens = 128;  // bounds the logits held at once
constexpr std::size_t kMaxTextBytes = std::size_t{512} << 20;

struct ImatrixArguments {
  ModelOptions model;
  std::string file;
  std::string out;
  std::int64_t max_tokens = 0;
  std::int64_t window = 512;
  bool json = false;
};

/// Names what the device has seen: a weight's bytes are the file's.
model::Imatrix collect(const device::ObservingDevice& device, const format::ModelFile& file) {
  model::Imatrix out;
  for (const auto& [name, weight] : file.weights()) {
    const auto it = device.observed().find(weight.tensor.bytes.data());
    if (it == device.observed().end()) continue;
    out.entries[name] = {
        it->second.sums.size(), it->second.sums, {static_cast<double>(it->second.n_inputs)}};
  }
  return out;
}

/// The text in windows that stand alone; what is left over at its end is dropped
/// unless it is all there is. Answers the number of windows.
Result<std::uint32_t> run_windows(const ImatrixArguments& arguments, const LoadedModel& loaded,
                                  std::span<const std::int32_t> tokens) {
  const text::Tokenizer& tokenizer = *loaded.tokenizer;
  std::vector<std::int32_t> prefix;
  if (tokenizer.add_bos() && tokenizer.bos()) prefix.push_back(*tokenizer.bos());
  const std::size_t room = static_cast<std::size_t>(arguments.window) - prefix.size();
  ONDOL_TRY(const auto evaluator,
            engine::Evaluator::create(*loaded.model, *loaded.device, arguments.window, kBatchTokens,
                                      loaded.kv_dtype));
  const InterruptScope interrupt;
  ProgressBar bar(ProgressBar::Unit::kTokens);
  const std::size_t n_windows = std::max<std::size_t>(1, tokens.size() / room);
  for (std::size_t i = 0; i < n_windows; ++i) {
    const auto window = tokens.subspan(i * room, std::min(room, tokens.size() - i * room));
    std::vector<std::int32_t> ids = prefix;
    ids.insert(ids.end(), window.begin(), window.end());
    // All logits are asked for, so that the output head is observed as well.
    ONDOL_TRY_VOID(evaluator->run(ids, 0, [](std::int64_t, std::span<const float>) {}));
    bar.update("tokens", i * room + window.size(), tokens.size());
    if (interrupt.requested()) return fail(ErrorCode::kCancelled, "imatrix", "", "interrupted");
  }
  return static_cast<std::uint32_t>(n_windows);
}

Result<std::vector<std::int32_t>> text_tokens(const ImatrixArguments& arguments,
                                              const text::Tokenizer& tokenizer) {
  ONDOL_TRY(const std::string text, read_input(arguments.file, kMaxTextBytes));
  ONDOL_TRY(auto tokens, tokenizer.encode(text, {.parse_special = false}));
  const auto limit = static_cast<std::size_t>(arguments.max_tokens);
  if (limit > 0 && tokens.size() > limit) tokens.resize(limit);
  if (!tokens.empty()) return tokens;
  return fail(ErrorCode::kInvalidArgument, arguments.file, "", "has no tokens");
}

Result<void> run_imatrix(const ImatrixArguments& arguments) {
  ModelOptions options = arguments.model;
  options.context = arguments.window;
  // The devices are made before the model and go after it.
  std::unique_ptr<device::Device> inner;
  const auto observe = [&inner](std::unique_ptr<device::Device> device) {
    inner = std::move(device);
    return std::make_unique<device::ObservingDevice>(*inner);
  };
  ONDOL_TRY(const LoadedModel loaded,
            load_model(options, TokenizerUse::kNeeded, kBatchTokens, 0, observe));
  if (loaded.file->layout() != format::Layout::kGguf) {
    return fail(ErrorCode::kUnsupported, arguments.model.model, "",
                "importances are for `ondol quantize`, which reads GGUF files");
  }
  ONDOL_TRY(const auto tokens, text_tokens(arguments, *loaded.tokenizer));
  ONDOL_TRY(const std::uint32_t n_windows, run_windows(arguments, loaded, tokens));
  const auto& device = static_cast<const device::ObservingDevice&>(*loaded.device);
  model::Imatrix imatrix = collect(device, *loaded.file);
  imatrix.datasets = {std::filesystem::path(arguments.file).filename().string()};
  imatrix.n_chunks = n_windows;
  imatrix.chunk_tokens = static_cast<std::uint32_t>(arguments.window);
  ONDOL_TRY_VOID(imatrix.write(arguments.out));
  if (arguments.json) {
    print_json(boost::json::object{{"path", arguments.out},
                                   {"n_entries", imatrix.entries.size()},
                                   {"n_windows", n_windows},
                                   {"window", arguments.window},
                                   {"device", loaded.device->description()}});
  } else {
    print(fmt::format("{}: importances of {} matrices over {} windows of {} tokens\n",
                      arguments.out, imatrix.entries.size(), n_windows, arguments.window));
  }
  return {};
}

}  // namespace

void add_imatrix(Commands& commands) {
  CLI::App& command =
      commands.add("imatrix", "Measure over a text how much each weight column matters",
                   R"(  ondol imatrix -m model-f16.gguf -f prose.txt -o model.imatrix.gguf
  ondol imatrix -m model-f16.gguf -f prose.txt -o model.imatrix.gguf --tokens 50000
  ondol quantize model-f16.gguf small.gguf --type q4_k_m --imatrix model.imatrix.gguf

The mean squares of the inputs of every matrix, the output head included, in the GGUF
form that llama.cpp's tools read and write. A hundred windows of text like that which the
model will meet are plenty.)");
  auto arguments = std::make_shared<ImatrixArguments>();
  add_model_options(command, arguments->model, true);
  command.remove_option(command.get_option("--ctx"));
  command.remove_option(command.get_option("--dtype"));
  command.add_option("-f,--file", arguments->file, "The text (- is standard input)")->required();
  command.add_option("-o,--out", arguments->out, "The GGUF file to write")->required();
  command.add_option("--tokens", arguments->max_tokens, "Only the first N tokens; 0 is all")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40));
  command.add_option("--window,--ctx", arguments->window, "Tokens of a window")
      ->check(CLI::Range(std::int64_t{2}, std::int64_t{1} << 24))
      ->capture_default_str();
  commands.add_json_flag(command, arguments->json, "Print what was written as JSON");
  commands.on_run(command, [arguments] { return run_imatrix(*arguments); });
}

}  // namespace ondol::app
