#include "app/reference_logits.h"

#include <algorithm>

#include "app/console.h"
#include "app/npy.h"
#include "engine/evaluator.h"

namespace ondol::app {
namespace {

constexpr std::int64_t kBatchTokens = 64;
constexpr std::int64_t kMaxHeldBytes = std::int64_t{4} << 30;

class FileLogits final : public ReferenceLogits {
 public:
  explicit FileLogits(NpyReader reader) : reader_(std::move(reader)) {}
  Result<void> begin_window(std::span<const std::int32_t> /*ids*/,
                            std::int64_t /*first*/) override {
    return {};
  }
  std::span<const float> row(std::int64_t /*i*/, std::int64_t n) const override {
    return reader_.row(n);
  }

 private:
  NpyReader reader_;
};

class ModelLogits final : public ReferenceLogits {
 public:
  ModelLogits(LoadedModel loaded, std::unique_ptr<engine::Evaluator> evaluator)
      : loaded_(std::move(loaded)), evaluator_(std::move(evaluator)) {}

  Result<void> begin_window(std::span<const std::int32_t> ids, std::int64_t first) override {
    held_.clear();
    return evaluator_->run(ids, first, [this](std::int64_t, std::span<const float> logits) {
      held_.insert(held_.end(), logits.begin(), logits.end());
    });
  }
  std::span<const float> row(std::int64_t i, std::int64_t /*n*/) const override {
    const auto width = static_cast<std::size_t>(loaded_.info().n_vocab);
    return std::span(held_).subspan(static_cast<std::size_t>(i) * width, width);
  }

 private:
  LoadedModel loaded_;
  std::unique_ptr<engine::Evaluator> evaluator_;
  std::vector<float> held_;
};

}  // namespace

Result<std::unique_ptr<ReferenceLogits>> open_reference_file(const std::string& path,
                                                             std::int64_t n_scored,
                                                             std::int64_t n_vocab) {
  ONDOL_TRY(NpyReader reader, NpyReader::open(path));
  if (reader.n_rows() != n_scored || reader.n_cols() != n_vocab) {
    return fail(ErrorCode::kInvalidArgument, path, "shape",
                "the logits are of another text, window or vocabulary",
                Shape({static_cast<std::uint64_t>(reader.n_rows()),
                       static_cast<std::uint64_t>(reader.n_cols())})
                    .to_string(),
                Shape({static_cast<std::uint64_t>(n_scored), static_cast<std::uint64_t>(n_vocab)})
                    .to_string());
  }
  return std::make_unique<FileLogits>(std::move(reader));
}

Result<std::unique_ptr<ReferenceLogits>> load_reference_model(const ModelOptions& options,
                                                              const std::string& text,
                                                              std::span<const std::int32_t> tokens,
                                                              std::int64_t n_vocab,
                                                              std::int64_t window) {
  if (window > kMaxHeldBytes / n_vocab / static_cast<std::int64_t>(sizeof(float))) {
    return fail(ErrorCode::kLimit, "--window", "",
                "too many logits of the reference to hold; save them to a .npy file first", window,
                kMaxHeldBytes / n_vocab / static_cast<std::int64_t>(sizeof(float)));
  }
  ONDOL_TRY(LoadedModel loaded, load_model(options, TokenizerUse::kNeeded, kBatchTokens));
  if (loaded.info().n_vocab != n_vocab) {
    return fail(ErrorCode::kInvalidArgument, "--kl-reference", "n_vocab",
                "the reference has another vocabulary", loaded.info().n_vocab, n_vocab);
  }
  ONDOL_TRY(const auto same, loaded.tokenizer->encode(text, {.parse_special = false}));
  if (same.size() < tokens.size() || !std::equal(tokens.begin(), tokens.end(), same.begin())) {
    return fail(ErrorCode::kInvalidArgument, "--kl-reference", "tokenizer",
                "the reference's tokenizer makes other tokens of the text");
  }
  ONDOL_TRY(auto evaluator, engine::Evaluator::create(*loaded.model, *loaded.device, window,
                                                      kBatchTokens, loaded.kv_dtype));
  return std::make_unique<ModelLogits>(std::move(loaded), std::move(evaluator));
}

}  // namespace ondol::app
