#include "engine/lockstep.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/checked.h"
#include "engine/request_check.h"

namespace ondol::engine {
namespace {

constexpr std::int64_t kPageTokens = 32;
constexpr std::string_view kLockstep = "lockstep";

Result<void> check_range(std::string_view field, std::int64_t value, std::int64_t low,
                         std::int64_t high) {
  if (value >= low && value <= high) return {};
  return fail(ErrorCode::kInvalidArgument, kLockstep, field, "outside its range",
              std::to_string(value), "[" + std::to_string(low) + ", " + std::to_string(high) + "]");
}

}  // namespace

Result<std::unique_ptr<Lockstep>> Lockstep::create(model::Model& model, device::Device& device,
                                                   const LockstepOptions& options) {
  const model::ModelInfo& info = model.info();
  ONDOL_TRY_VOID(check_range("n_sequences", options.n_sequences, 1, model.max_batch_tokens()));
  constexpr std::int64_t kMaxSlots = std::numeric_limits<std::int32_t>::max();
  const std::int64_t most = kMaxSlots / options.n_sequences - kPageTokens;
  ONDOL_TRY_VOID(check_range("n_context", options.n_context, 1, std::min(info.max_context, most)));
  ONDOL_TRY_VOID(check_range("max_batch_tokens", options.max_batch_tokens, options.n_sequences,
                             model.max_batch_tokens()));
  const std::int64_t n_pages = options.n_sequences * ceil_div(options.n_context, kPageTokens);
  ONDOL_TRY(auto cache, make_kv_cache(device, {info.n_layers, n_pages, kPageTokens, info.n_kv_heads,
                                               info.d_head, options.kv_dtype}));
  return std::unique_ptr<Lockstep>(new Lockstep(model, device, std::move(cache), options));
}

Lockstep::Lockstep(model::Model& model, device::Device& device,
                   std::unique_ptr<device::KvCache> cache, const LockstepOptions& options)
    : model_(model), device_(device), cache_(std::move(cache)), options_(options) {
  pages_.resize(static_cast<std::size_t>(options.n_sequences));
  std::int32_t next = 0;
  for (auto& pages : pages_) {
    pages.resize(static_cast<std::size_t>(ceil_div(options.n_context, kPageTokens)));
    for (std::int32_t& page : pages) page = next++;
  }
}

void Lockstep::truncate(std::int64_t length) {
  ONDOL_CHECK(length >= 0 && length <= length_);
  length_ = length;
}

std::vector<model::Pass> Lockstep::passes(std::int64_t n, bool wants_logits) const {
  std::vector<model::Pass> out;
  const std::int64_t most = options_.max_batch_tokens / options_.n_sequences;
  for (std::int64_t done = 0; done < n; done += most) {
    const std::int64_t n_new = std::min(most, n - done);
    const bool is_last = done + n_new == n;
    out.push_back({options_.n_sequences, length_ + done, n_new,
                   wants_logits && is_last ? options_.n_sequences : 0});
  }
  return out;
}

Result<std::span<const float>> Lockstep::append(std::span<const std::int32_t> tokens,
                                                bool wants_logits,
                                                const std::function<bool()>& go_on) {
  const std::int64_t n_sequences = options_.n_sequences;
  const std::int64_t n = std::ssize(tokens) / n_sequences;
  if (n * n_sequences != std::ssize(tokens)) {
    return fail(ErrorCode::kInvalidArgument, kLockstep, "tokens", "not one row a sequence",
                std::ssize(tokens), n_sequences);
  }
  if (n > options_.n_context - length_) {
    return fail(ErrorCode::kLimit, kLockstep, "tokens", "more tokens than the context", length_ + n,
                options_.n_context);
  }
  const std::int64_t n_vocab = model_.info().n_vocab;
  for (const std::int32_t token : tokens) {
    ONDOL_TRY_VOID(check_range("tokens", token, 0, n_vocab - 1));
  }
  std::span<const float> logits;
  std::int64_t done = 0;
  for (const model::Pass& pass : passes(n, wants_logits)) {
    if (go_on && !go_on()) return fail(ErrorCode::kCancelled, kLockstep, "", "interrupted");
    fill_batch(tokens, n, done, pass);
    logits = model_.forward({tokens_, positions_, slots_, sequences_, logit_rows_}, *cache_);
    // Without logits to wait for, the device may still be reading the batch.
    if (logit_rows_.empty()) device_.wait();
    done += pass.n_new;
    length_ += pass.n_new;
  }
  ONDOL_CHECK(!wants_logits || n == 0 || std::ssize(logits) == n_sequences * n_vocab);
  return logits;
}

// Takes columns first .. first + pass.n_new of each of the rows of row_tokens.
void Lockstep::fill_batch(std::span<const std::int32_t> tokens, std::int64_t row_tokens,
                          std::int64_t first, const model::Pass& pass) {
  tokens_.clear();
  positions_.clear();
  slots_.clear();
  sequences_.clear();
  logit_rows_.clear();
  std::int64_t row_begin = 0;
  for (const std::vector<std::int32_t>& pages : pages_) {
    sequences_.push_back({static_cast<std::int32_t>(tokens_.size()),
                          static_cast<std::int32_t>(pass.n_new),
                          static_cast<std::int32_t>(pass.n_past), pages});
    for (std::int64_t i = 0; i < pass.n_new; ++i) {
      const std::int64_t position = pass.n_past + i;
      const std::int32_t page = pages[static_cast<std::size_t>(position / kPageTokens)];
      tokens_.push_back(tokens[static_cast<std::size_t>(row_begin + first + i)]);
      positions_.push_back(static_cast<std::int32_t>(position));
      slots_.push_back(static_cast<std::int32_t>(page * kPageTokens + position % kPageTokens));
    }
    if (pass.n_logit_rows > 0) {
      logit_rows_.push_back(static_cast<std::int32_t>(tokens_.size()) - 1);
    }
    row_begin += row_tokens;
  }
}

}  // namespace ondol::engine
