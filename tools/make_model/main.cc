// make_model: writes a GGUF file with the shape and tokenizer of a known model
// and seeded random weights, for measuring speed and memory without the real one.
//
//   make_model --shape llama-3.2-1b --dtype q4_0 --tokenizer DIR --out model.gguf
//
// What it says is noise, but every size, dtype and code path is the real one's.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "base/error.h"
#include "format/gguf_writer.h"
#include "make_model/random_tensor.h"
#include "make_model/shapes.h"
#include "make_model/tokenizer_metadata.h"
#include "model/rope_scaling.h"

namespace ondol::tools {
namespace {

struct Options {
  std::string shape;
  std::string dtype;
  std::string tokenizer;
  std::string out;
  std::uint64_t seed = 1;
};

std::vector<std::string> names(auto rows) {
  std::vector<std::string> out;
  for (const auto& row : rows) out.emplace_back(row.name);
  return out;
}

/// [d_head / 2] f32; empty when the shape does not stretch its context.
std::vector<float> rope_divisors(const ModelShape& shape) {
  if (shape.rope_factor == 1) return {};
  model::Llama3Scaling scaling;
  scaling.factor = shape.rope_factor;
  const auto divisors =
      model::llama3_divisors(scaling, model::rope_frequencies(shape.rope_theta, shape.d_head));
  return {divisors.begin(), divisors.end()};
}

Result<void> make(const Options& options) {
  const ModelShape& shape = *find_shape(options.shape);
  const FileKind& kind = *find_kind(options.dtype);
  format::GgufWriter writer;
  set_metadata(writer, shape, kind);
  ONDOL_TRY_VOID(copy_tokenizer(options.tokenizer, shape.pre_tokenizer, shape.n_vocab, writer));

  const std::vector<float> divisors = rope_divisors(shape);
  if (!divisors.empty()) writer.add_tensor("rope_freqs.weight", DType::kF32, {divisors.size()});
  const std::vector<TensorPlan> tensors = plan_tensors(shape, kind);
  for (const TensorPlan& plan : tensors) writer.add_tensor(plan.name, plan.dtype, plan.shape);

  ONDOL_TRY_VOID(writer.open(options.out));
  if (!divisors.empty()) ONDOL_TRY_VOID(writer.write(std::as_bytes(std::span(divisors))));
  RandomTensors random(options.seed);
  for (const TensorPlan& plan : tensors) ONDOL_TRY_VOID(random.write(plan, writer));
  return writer.finish();
}

}  // namespace
}  // namespace ondol::tools

int main(int argc, char** argv) {
  using namespace ondol::tools;
  Options options;
  CLI::App app("Writes a synthetic model: real shape and tokenizer, random weights.");
  app.add_option("--shape", options.shape, "Which model's shape")
      ->required()
      ->check(CLI::IsMember(names(shapes())));
  app.add_option("--dtype", options.dtype, "What matrices are quantized to")
      ->required()
      ->check(CLI::IsMember(names(file_kinds())));
  app.add_option("--tokenizer", options.tokenizer,
                 "A folder with tokenizer.json and tokenizer_config.json, or a GGUF file")
      ->required()
      ->check(CLI::ExistingPath);
  app.add_option("--seed", options.seed, "Seed of the weights")->capture_default_str();
  app.add_option("--out", options.out, "The file to write")->required();
  CLI11_PARSE(app, argc, argv);

  const auto made = make(options);
  if (made) return 0;
  std::fprintf(stderr, "make_model: %s\n", made.error().message().c_str());
  return ondol::exit_code(made.error().code);
}
