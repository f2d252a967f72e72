#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "app/bench.h"
#include "app/console.h"
#include "app/interrupt.h"
#include "app/progress.h"
#include "base/thread_pool.h"
#include "engine/lockstep.h"
#include "engine/sampler.h"

namespace ondol::app {
namespace {

constexpr std::int64_t kBatchTokens = 512;
constexpr std::int64_t kTurns = 40;
constexpr std::int64_t kTokensPerTurn = 4;

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

// Ids spread over the vocabulary, the same on every machine. What they are does
// not matter to the time.
std::vector<std::int32_t> token_ids(std::int64_t n, std::int64_t n_vocab) {
  std::vector<std::int32_t> out;
  std::uint64_t state = 1;
  for (std::int64_t i = 0; i < n; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;  // Knuth's MMIX
    out.push_back(static_cast<std::int32_t>((state >> 33) % static_cast<std::uint64_t>(n_vocab)));
  }
  return out;
}

void add_to(std::vector<device::OperationTime>& sums, std::vector<device::OperationTime> more) {
  for (device::OperationTime& time : more) {
    const auto sum = std::ranges::find(sums, time.name, &device::OperationTime::name);
    if (sum == sums.end()) {
      sums.push_back(std::move(time));
      continue;
    }
    sum->n_calls += time.n_calls;
    sum->seconds += time.seconds;
    sum->ops += time.ops;
    sum->bytes += time.bytes;
  }
  std::ranges::sort(sums, std::ranges::greater(), &device::OperationTime::seconds);
}

class Measurement {
 public:
  /// `timing` is the model's device, or null where operations are not timed.
  Measurement(const BenchArguments& arguments, const LoadedModel& loaded, engine::Lockstep& run,
              device::TimingDevice* timing)
      : arguments_(arguments), loaded_(loaded), run_(run), timing_(timing) {}

  /// The rows of one depth, at least the length so far.
  Result<void> at_depth(std::int64_t depth) {
    ONDOL_TRY_VOID(fill(depth));
    BenchRow prefill{"prefill", arguments_.n_prompt, depth, arguments_.n_sequences, {}, {}, {}};
    BenchRow decode{"decode", arguments_.n_generate, depth, arguments_.n_sequences, {}, {}, {}};
    for (std::int64_t i = 0; i <= arguments_.n_repeats; ++i) {
      bar_.update(i == 0 ? "warming up" : "measuring", static_cast<std::uint64_t>(i),
                  static_cast<std::uint64_t>(arguments_.n_repeats + 1));
      if (prefill.n_tokens > 0) ONDOL_TRY_VOID(repeat(prefill, depth, &Measurement::prefill));
      if (decode.n_tokens > 0) ONDOL_TRY_VOID(repeat(decode, depth, &Measurement::decode));
      if (i > 0) continue;
      // The first round touches every page of weights and cache: it is not counted.
      for (BenchRow* row : {&prefill, &decode}) {
        row->seconds.clear();
        row->operations.clear();
      }
    }
    bar_.clear();
    for (BenchRow* row : {&prefill, &decode}) {
      if (row->n_tokens > 0) rows.push_back(std::move(*row));
    }
    return {};
  }

  /// At the length so far.
  Result<DecodeBesideReading> beside_reading(const device::Limits& limits) {
    ONDOL_TRY(auto reader, device::MemoryReader::make(limits));
    const std::int64_t depth = run_.length();
    const std::int64_t n_tokens = std::min(kTokensPerTurn, arguments_.n_generate);
    DecodeBesideReading out;
    double before = reader.bytes_per_s();
    for (std::int64_t turn = 0; turn < kTurns; ++turn) {
      bar_.update("decoding and reading", static_cast<std::uint64_t>(turn), kTurns);
      BenchRow row{"decode", n_tokens, depth, arguments_.n_sequences, {}, {}, {}};
      ONDOL_TRY_VOID(repeat(row, depth, &Measurement::decode));
      const double after = reader.bytes_per_s();
      out.decode_bytes_per_s.push_back(row.bytes_per_s());
      out.read_bytes_per_s.push_back((before + after) / 2);
      out.shares.push_back(out.decode_bytes_per_s.back() / out.read_bytes_per_s.back());
      before = after;
    }
    bar_.clear();
    return out;
  }

  std::vector<BenchRow> rows;

 private:
  using Run = Result<model::Work> (Measurement::*)(std::int64_t n_tokens);

  Result<void> fill(std::int64_t depth) {
    while (run_.length() < depth) {
      bar_.update("filling the context", static_cast<std::uint64_t>(run_.length()),
                  static_cast<std::uint64_t>(depth));
      const std::int64_t n = std::min(kBatchTokens, depth - run_.length());
      ONDOL_TRY_VOID(append(ids(n), false));
    }
    return {};
  }

  Result<void> repeat(BenchRow& row, std::int64_t depth, Run run) {
    if (timing_ != nullptr) timing_->take();  // what filled the context
    const auto start = std::chrono::steady_clock::now();
    ONDOL_TRY(row.work, (this->*run)(row.n_tokens));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    row.seconds.push_back(took.count());
    if (timing_ != nullptr) add_to(row.operations, timing_->take());
    run_.truncate(depth);
    return {};
  }

  Result<model::Work> prefill(std::int64_t n_tokens) {
    const model::Work work = work_of_append(n_tokens);
    ONDOL_TRY_VOID(append(ids(n_tokens), true));
    return work;
  }

  // Each token is the likeliest after the one before, as in a greedy answer.
  Result<model::Work> decode(std::int64_t n_tokens) {
    const std::int64_t n_vocab = loaded_.info().n_vocab;
    std::vector<std::int32_t> next = ids(1);
    std::vector<engine::Sampler> samplers;
    for (std::size_t s = 0; s < next.size(); ++s) {
      engine::SamplingParams greedy;
      greedy.temperature = 0;
      samplers.emplace_back(std::move(greedy), std::span<const std::int32_t>(), nullptr, -1);
    }
    model::Work work;
    for (std::int64_t i = 0; i < n_tokens; ++i) {
      work += work_of_append(1);
      ONDOL_TRY(const auto logits, run_.append(next, true, go_on_));
      for (std::size_t s = 0; s < next.size(); ++s) {
        const auto width = static_cast<std::size_t>(n_vocab);
        ONDOL_TRY(const auto pick, samplers[s].pick(logits.subspan(s * width, width), scratch_));
        next[s] = pick.token;
      }
    }
    return work;
  }

  Result<void> append(const std::vector<std::int32_t>& tokens, bool wants_logits) {
    ONDOL_TRY([[maybe_unused]] const auto logits, run_.append(tokens, wants_logits, go_on_));
    return {};
  }

  model::Work work_of_append(std::int64_t n) const {
    model::Work work;
    for (const model::Pass& pass : run_.passes(n, true)) {
      work +=
          model::work_of(loaded_.info(), loaded_.model->weight_counts(), loaded_.kv_dtype, pass);
    }
    return work;
  }

  std::vector<std::int32_t> ids(std::int64_t n) const {
    return token_ids(n * arguments_.n_sequences, loaded_.info().n_vocab);
  }

  const BenchArguments& arguments_;
  const LoadedModel& loaded_;
  engine::Lockstep& run_;
  device::TimingDevice* timing_;
  engine::SamplerScratch scratch_;
  InterruptScope interrupt_;
  std::function<bool()> go_on_ = [this] { return !interrupt_.requested(); };
  ProgressBar bar_{ProgressBar::Unit::kTokens};
};

// The cache of all sequences; load_model has checked one's.
Result<void> check_memory(const LoadedModel& loaded, std::int64_t n_sequences) {
  const auto available = available_memory_bytes();
  const std::uint64_t needed = loaded.info().kv_bytes_per_token(loaded.kv_dtype) *
                               static_cast<std::uint64_t>(loaded.n_context * n_sequences);
  if (!available || needed <= *available) return {};
  return fail(ErrorCode::kOutOfMemory, "--sequences", "", "their keys and values do not fit",
              human_bytes(needed), human_bytes(*available));
}

/// Of the cpu device's ISA and threads; left empty on other devices.
Result<device::Limits> limits_beside(const ModelOptions& options) {
  if (options.device != "cpu") return device::Limits{};
  const std::string isa = options.isa.empty() ? environment("ONDOL_ISA") : options.isa;
  const int threads = options.threads > 0 ? options.threads : usable_cores();
  ONDOL_TRY(const auto limits, device::measure_limits(isa, {&threads, 1}));
  return limits.front();
}

}  // namespace

Result<BenchReport> bench_model(const BenchArguments& arguments) {
  ModelOptions options = arguments.model;
  std::vector<std::int64_t> depths = arguments.depths;
  std::ranges::sort(depths);
  const std::int64_t needed = depths.back() + std::max(arguments.n_prompt, arguments.n_generate);
  if (options.context == 0) options.context = needed;
  if (options.context < needed) {
    return fail(ErrorCode::kInvalidArgument, "--ctx", "", "is too small for this benchmark",
                options.context, needed);
  }
  const std::int64_t batch = std::max(kBatchTokens, arguments.n_sequences);
  // The devices are made before the model and go after it.
  std::unique_ptr<device::Device> inner;
  device::TimingDevice* timing = nullptr;
  const auto watch = [&](std::unique_ptr<device::Device> device) {
    inner = std::move(device);
    auto made = std::make_unique<device::TimingDevice>(*inner);
    timing = made.get();
    return made;
  };
  ONDOL_TRY(LoadedModel loaded,
            load_model(options, TokenizerUse::kNotNeeded, batch, 0,
                       arguments.operations ? WrapDevice(watch) : WrapDevice()));
  ONDOL_TRY_VOID(check_memory(loaded, arguments.n_sequences));
  ONDOL_TRY(const auto run,
            engine::Lockstep::create(*loaded.model, *loaded.device,
                                     {arguments.n_sequences, needed, batch, loaded.kv_dtype}));
  BenchReport report;
  Measurement measurement(arguments, loaded, *run, timing);
  for (const std::int64_t depth : depths) ONDOL_TRY_VOID(measurement.at_depth(depth));
  report.rows = std::move(measurement.rows);
  report.peak_rss_bytes = peak_rss_bytes();
  report.model = loaded.file->path().filename().string();
  report.device = loaded.device->description();
  report.kv_dtype = options.kv_dtype;
  report.n_repeats = arguments.n_repeats;
  report.load_ms = loaded.load_ms;
  report.weight_bytes = loaded.model->weight_bytes();
  report.weight_bytes_per_token = loaded.model->weight_counts().bytes_per_token();
  report.kv_bytes_per_token = loaded.info().kv_bytes_per_token(loaded.kv_dtype);
  ONDOL_TRY(report.limits, limits_beside(options));
  if (arguments.operations && arguments.n_generate > 0 && !report.limits.isa.empty()) {
    ONDOL_TRY(report.beside_reading, measurement.beside_reading(report.limits));
  }
  report.machine = this_machine(report.limits.isa.empty() ? std::string_view(options.device)
                                                          : report.limits.isa);
  return report;
}

}  // namespace ondol::app
