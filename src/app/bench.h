// What `ondol bench` measures and how it is told. Rows are measured in
// bench_model.cc, written in bench_report.cc, chosen in cmd_bench.cc.
//
// Every row carries the work that it cannot do without (model/work.h), so that it
// can be said as a share of the machine's limits (device/limits.h).
// Threads: the main thread only.
#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/load.h"
#include "app/machine.h"
#include "base/error.h"
#include "device/limits.h"
#include "device/timing_device.h"
#include "model/work.h"

namespace ondol::app {

struct BenchArguments {
  ModelOptions model;
  std::int64_t n_prompt = 512;
  std::int64_t n_generate = 128;
  std::vector<std::int64_t> depths = {0};
  std::int64_t n_sequences = 1;
  std::int64_t n_repeats = 5;
  bool operations = false;  // time each kind of operation as well
  bool json = false;
  std::filesystem::path csv;  // empty: none
};

struct Spread {
  double min = 0, median = 0, max = 0;
};
/// REQUIRES: not empty.
Spread spread(std::vector<double> values);

struct BenchRow {
  std::string test;           // "prefill" or "decode"
  std::int64_t n_tokens = 0;  // of each sequence
  std::int64_t depth = 0;     // of each sequence before them
  std::int64_t n_sequences = 1;
  model::Work work;                               // of a repeat
  std::vector<double> seconds;                    // of each repeat
  std::vector<device::OperationTime> operations;  // of all repeats together; empty: not timed

  double all_tokens() const { return static_cast<double>(n_tokens * n_sequences); }
  Spread tokens_per_s() const;
  /// Of the median repeat.
  double ops_per_s() const;
  double bytes_per_s() const;
};

/// Decoding and reading memory in turn, a few tokens and a pass at a time: what the rows' share of
/// `limits` cannot say where the machine's memory is faster at one moment than at another.
struct DecodeBesideReading {
  std::vector<double> decode_bytes_per_s;  // of each turn
  std::vector<double> read_bytes_per_s;    // the mean of the passes before and after it
  std::vector<double> shares;              // of the one in the other
};

struct BenchReport {
  std::string model;  // the file's name without its folders
  std::string device;
  std::string kv_dtype;
  Machine machine;
  std::int64_t n_repeats = 0;
  double load_ms = 0;
  std::uint64_t peak_rss_bytes = 0;  // before the limits were measured
  std::uint64_t weight_bytes = 0;    // of all weights
  std::uint64_t weight_bytes_per_token = 0;
  std::uint64_t kv_bytes_per_token = 0;
  std::vector<BenchRow> rows;
  device::Limits limits;  // of the same ISA and threads; isa is empty on other devices
  std::optional<DecodeBesideReading>
      beside_reading;  // with `operations`, where it decodes and there are limits
};

/// Loads the model, measures every row, then the limits.
Result<BenchReport> bench_model(const BenchArguments& arguments);

void print_report(const BenchReport& report);
boost::json::object report_json(const BenchReport& report);
/// Appends a line a row, below a header if the file is new.
Result<void> append_csv(const BenchReport& report, const std::filesystem::path& path);

void print_limits(const Machine& machine, const std::vector<device::Limits>& limits);
boost::json::object limits_json(const device::Limits& limits);
boost::json::object machine_json(const Machine& machine);

}  // namespace ondol::app
