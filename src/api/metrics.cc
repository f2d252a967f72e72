#include "api/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <vector>

#include "engine/engine.h"

namespace ondol::api {
namespace {

using prometheus::ClientMetric;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Histogram;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Buckets = Histogram::BucketBoundaries;

// Seconds. From a small model on a fast machine to a large one on a slow one.
const Buckets& token_buckets() {
  static const Buckets kBuckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1,
                                   0.15,  0.2,    0.3,   0.4,  0.5,   0.75, 1,     2.5};
  return kBuckets;
}

const Buckets& request_buckets() {
  static const Buckets kBuckets = {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5,
                                   0.75,  1,     2.5,  5,    7.5,  10,   20,   40,  80,   160};
  return kBuckets;
}

prometheus::Labels labels_of(const std::string& model) {
  return {{"model_name", model}, {"engine", "0"}};
}

// A row for each figure that an engine gives of itself.
struct StatRow {
  const char* name;
  const char* help;
  MetricType type;
  double (*read)(const engine::EngineStats&);
};

double ratio(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

constexpr StatRow kStats[] = {
    {"vllm:num_requests_running", "Requests that the engine computes", MetricType::Gauge,
     [](const engine::EngineStats& s) { return static_cast<double>(s.n_running); }},
    {"vllm:num_requests_waiting", "Requests that wait for room", MetricType::Gauge,
     [](const engine::EngineStats& s) { return static_cast<double>(s.n_waiting); }},
    {"vllm:kv_cache_usage_perc", "Share of the KV pages in use, 0 to 1", MetricType::Gauge,
     [](const engine::EngineStats& s) { return ratio(s.n_pages_used, s.n_pages); }},
    {"vllm:num_preemptions_total", "Sequences that gave their pages back", MetricType::Counter,
     [](const engine::EngineStats& s) { return static_cast<double>(s.n_preemptions); }},
    {"vllm:prompt_tokens_total", "Prompt tokens", MetricType::Counter,
     [](const engine::EngineStats& s) { return static_cast<double>(s.n_prompt_tokens); }},
    {"vllm:generation_tokens_total", "Tokens of answers", MetricType::Counter,
     [](const engine::EngineStats& s) { return static_cast<double>(s.n_generated_tokens); }},
    {"vllm:prefix_cache_queries_total", "Prompt tokens looked for in the prefix cache",
     MetricType::Counter,
     [](const engine::EngineStats& s) { return static_cast<double>(s.prefix_queries); }},
    {"vllm:prefix_cache_hits_total", "Prompt tokens found in the prefix cache", MetricType::Counter,
     [](const engine::EngineStats& s) { return static_cast<double>(s.prefix_hits); }},
};

std::vector<MetricFamily> collect_stats(const ModelSource& models) {
  const auto loaded = models.loaded();
  std::vector<engine::EngineStats> stats;
  stats.reserve(loaded.size());
  for (const auto& model : loaded) stats.push_back(model->engine->stats());
  std::vector<MetricFamily> out;
  for (const StatRow& row : kStats) {
    MetricFamily family{row.name, row.help, row.type, {}};
    for (std::size_t i = 0; i < loaded.size(); ++i) {
      ClientMetric metric;
      for (const auto& [name, value] : labels_of(loaded[i]->card.id)) {
        metric.label.push_back({name, value});
      }
      const double value = row.read(stats[i]);
      (row.type == MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
      family.metric.push_back(std::move(metric));
    }
    out.push_back(std::move(family));
  }
  return out;
}

}  // namespace

struct Metrics::Families {
  explicit Families(const ModelSource& source) : models(source) {}

  Family<Histogram>& histogram(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  }

  const ModelSource& models;
  prometheus::Registry registry;
  Family<Histogram>& first_token =
      histogram("vllm:time_to_first_token_seconds", "From the request to its first token");
  Family<Histogram>& inter_token =
      histogram("vllm:inter_token_latency_seconds", "From one token to the next");
  Family<Histogram>& e2e =
      histogram("vllm:e2e_request_latency_seconds", "From the request to its last token");
  Family<Histogram>& queue =
      histogram("vllm:request_queue_time_seconds", "From the request to its first computed token");
  Family<Histogram>& prefill = histogram("vllm:request_prefill_time_seconds",
                                         "From the first computed token to the first answered");
  Family<Histogram>& decode = histogram("vllm:request_decode_time_seconds",
                                        "From the first token of the answer to the last");
  Family<Counter>& ended = prometheus::BuildCounter()
                               .Name("vllm:request_success_total")
                               .Help("Answers by what ended them")
                               .Register(registry);
};

Metrics::Metrics(const ModelSource& models) : families_(std::make_unique<Families>(models)) {}
Metrics::~Metrics() = default;

void Metrics::first_token(const std::string& model, double ms) {
  families_->first_token.Add(labels_of(model), request_buckets()).Observe(ms / 1000);
}

void Metrics::inter_token(const std::string& model, double ms) {
  families_->inter_token.Add(labels_of(model), token_buckets()).Observe(ms / 1000);
}

void Metrics::finished(const std::string& model, std::string_view reason,
                       const engine::Timings& timings, double e2e_ms) {
  const auto labels = labels_of(model);
  families_->e2e.Add(labels, request_buckets()).Observe(e2e_ms / 1000);
  families_->queue.Add(labels, request_buckets()).Observe(timings.queue_ms / 1000);
  families_->prefill.Add(labels, request_buckets()).Observe(timings.prefill_ms / 1000);
  families_->decode.Add(labels, request_buckets()).Observe(timings.decode_ms / 1000);
  ended(model, reason);
}

void Metrics::ended(const std::string& model, std::string_view reason) {
  auto labels = labels_of(model);
  labels.emplace("finished_reason", reason);
  families_->ended.Add(labels).Increment();
}

std::string Metrics::expose() const {
  std::vector<MetricFamily> all = collect_stats(families_->models);
  for (MetricFamily& family : families_->registry.Collect()) all.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(all);
}

}  // namespace ondol::api
