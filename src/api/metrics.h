// What /metrics tells, under vLLM's names (its v1/metrics/loggers.py), so that
// dashboards and gateways made for it work: gauges and counters of each engine,
// read when asked for, and histograms of the answers.
//
// Owner: the Api. Threads: any.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/served_model.h"
#include "engine/request.h"

namespace ondol::api {

class Metrics {
 public:
  explicit Metrics(const ModelSource& models);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void first_token(const std::string& model, double ms);  // since the request came
  void inter_token(const std::string& model, double ms);
  /// An answer has ended; `reason` as clients read it.
  void finished(const std::string& model, std::string_view reason, const engine::Timings& timings,
                double e2e_ms);
  /// A call has ended without an answer: "abort" (its client left) or "error".
  void ended(const std::string& model, std::string_view reason);

  /// The text exposition format, version 0.0.4.
  std::string expose() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace ondol::api
