#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ctime>
#include <fstream>
#include <numeric>

#include "app/bench.h"
#include "app/commands.h"
#include "app/console.h"

namespace ondol::app {
namespace {

constexpr double kGiga = 1e9;

/// 0 where there is no limit.
double share(double measured, double limit) { return limit > 0 ? measured / limit : 0; }

boost::json::object spread_json(const Spread& s) {
  return {{"min", s.min}, {"median", s.median}, {"max", s.max}};
}

boost::json::array operations_json(const BenchRow& row, const device::Limits& limits) {
  boost::json::array out;
  for (const device::OperationTime& time : row.operations) {
    out.push_back(boost::json::object{
        {"name", time.name},
        {"n_calls", time.n_calls},
        {"seconds", time.seconds},
        {"ops", time.ops},
        {"bytes", time.bytes},
        {"share_of_int8_peak", share(time.ops / time.seconds, limits.int8_ops_per_s)},
        {"share_of_read_bandwidth", share(time.bytes / time.seconds, limits.read_bytes_per_s)}});
  }
  return out;
}

/// Where the time of a row went: of each kind of operation a call on the average, and its share of
/// the whole.
void print_operations(const BenchRow& row, const std::string& name, const device::Limits& limits) {
  const double total = std::accumulate(row.seconds.begin(), row.seconds.end(), 0.0);
  double rest = total;
  print(fmt::format("\n{:<44}{:>7} {:>6}  {:>7} {:>5}  {:>6} {:>5}\n", name, "us/call", "time",
                    "GOP/s", "peak", "GB/s", "read"));
  for (const device::OperationTime& time : row.operations) {
    rest -= time.seconds;
    const double ops = time.ops / time.seconds;
    const double bytes = time.bytes / time.seconds;
    print(fmt::format("{:<44}{:>7.1f} {:>5.1f}%", time.name,
                      1e6 * time.seconds / static_cast<double>(time.n_calls),
                      100 * share(time.seconds, total)));
    if (time.ops > 0) {
      print(fmt::format("  {:>7.1f} {:>4.0f}%  {:>6.2f} {:>4.0f}%", ops / kGiga,
                        100 * share(ops, limits.int8_ops_per_s), bytes / kGiga,
                        100 * share(bytes, limits.read_bytes_per_s)));
    }
    print("\n");
  }
  print(fmt::format("{:<51} {:>5.1f}%\n", "between them (choosing tokens, looking up shapes)",
                    100 * share(rest, total)));
}

void print_beside_reading(const DecodeBesideReading& turns) {
  const Spread decode = spread(turns.decode_bytes_per_s);
  const Spread read = spread(turns.read_bytes_per_s);
  const Spread shares = spread(turns.shares);
  print(fmt::format(
      "\ndecoding and reading memory in turn, {} times: decode {:.1f} GB/s ({:.1f} to {:.1f}), "
      "reading {:.1f} ({:.1f} to {:.1f}), {:.0f}% of the reading beside it ({:.0f} to {:.0f})\n",
      turns.shares.size(), decode.median / kGiga, decode.min / kGiga, decode.max / kGiga,
      read.median / kGiga, read.min / kGiga, read.max / kGiga, 100 * shares.median,
      100 * shares.min, 100 * shares.max));
}

boost::json::object beside_reading_json(const DecodeBesideReading& turns) {
  return {{"turns", turns.shares.size()},
          {"decode_bytes_per_s", spread_json(spread(turns.decode_bytes_per_s))},
          {"read_bytes_per_s", spread_json(spread(turns.read_bytes_per_s))},
          {"share", spread_json(spread(turns.shares))}};
}

boost::json::object row_json(const BenchRow& row, const device::Limits& limits) {
  boost::json::array samples;  // tokens/s of each repeat
  for (const double seconds : row.seconds) samples.push_back(row.all_tokens() / seconds);
  boost::json::object out = {
      {"test", row.test},
      {"n_tokens", row.n_tokens},
      {"depth", row.depth},
      {"sequences", row.n_sequences},
      {"tokens_per_s", spread_json(row.tokens_per_s())},
      {"samples", std::move(samples)},
      {"matmul_ops", row.work.matmul_ops},
      {"attention_ops", row.work.attention_ops},
      {"weight_bytes", row.work.weight_bytes},
      {"kv_bytes", row.work.kv_bytes},
      {"ops_per_s", row.ops_per_s()},
      {"bytes_per_s", row.bytes_per_s()},
      {"share_of_int8_peak", share(row.ops_per_s(), limits.int8_ops_per_s)},
      {"share_of_read_bandwidth", share(row.bytes_per_s(), limits.read_bytes_per_s)}};
  if (!row.operations.empty()) out["operations"] = operations_json(row, limits);
  return out;
}

std::string row_name(const BenchRow& row) {
  std::string name = fmt::format("{} {}", row.test, row.n_tokens);
  if (row.depth > 0) name += fmt::format(" at {}", row.depth);
  if (row.n_sequences > 1) name += fmt::format(" x {}", row.n_sequences);
  return name;
}

std::string limits_line(const device::Limits& l) {
  return fmt::format(
      "{} thread{}: read {:.1f} GB/s ({} stream{} a thread, prefetch {} lines ahead, {} MB), int8 "
      "{:.0f} GOP/s ({}), f32 {:.0f} GFLOP/s\n",
      l.n_threads, l.n_threads == 1 ? "" : "s", l.read_bytes_per_s / kGiga, l.read_streams,
      l.read_streams == 1 ? "" : "s", l.read_prefetch_lines, l.read_buffer_bytes >> 20U,
      l.int8_ops_per_s / kGiga, l.int8_product, l.f32_ops_per_s / kGiga);
}

}  // namespace

Spread spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {values.front(), median, values.back()};
}

Spread BenchRow::tokens_per_s() const {
  const Spread s = spread(seconds);
  return {all_tokens() / s.max, all_tokens() / s.median, all_tokens() / s.min};
}

double BenchRow::ops_per_s() const { return work.ops() / spread(seconds).median; }
double BenchRow::bytes_per_s() const { return work.bytes() / spread(seconds).median; }

boost::json::object machine_json(const Machine& machine) {
  return {{"id", machine.id()},
          {"cpu", machine.cpu},
          {"n_cores", machine.n_cores},
          {"isa", machine.isa}};
}

boost::json::object limits_json(const device::Limits& l) {
  return {{"n_threads", l.n_threads},
          {"isa", l.isa},
          {"read_bytes_per_s", l.read_bytes_per_s},
          {"read_streams", l.read_streams},
          {"read_prefetch_lines", l.read_prefetch_lines},
          {"read_buffer_bytes", l.read_buffer_bytes},
          {"int8_ops_per_s", l.int8_ops_per_s},
          {"int8_product", l.int8_product},
          {"f32_ops_per_s", l.f32_ops_per_s}};
}

boost::json::object report_json(const BenchReport& report) {
  boost::json::array rows;
  for (const BenchRow& row : report.rows) rows.push_back(row_json(row, report.limits));
  boost::json::object out = {{"version", kVersion},
                             {"machine", machine_json(report.machine)},
                             {"model", report.model},
                             {"device", report.device},
                             {"kv_dtype", report.kv_dtype},
                             {"repeat", report.n_repeats},
                             {"load_ms", report.load_ms},
                             {"peak_rss_bytes", report.peak_rss_bytes},
                             {"weight_bytes", report.weight_bytes},
                             {"weight_bytes_per_token", report.weight_bytes_per_token},
                             {"kv_bytes_per_token", report.kv_bytes_per_token},
                             {"rows", std::move(rows)},
                             {"limits", limits_json(report.limits)}};
  if (report.beside_reading) out["beside_reading"] = beside_reading_json(*report.beside_reading);
  return out;
}

void print_report(const BenchReport& report) {
  print(fmt::format("{} on {}\n", report.model, report.device));
  print(fmt::format("{:<26}{:>9} {:>9} {:>9}  {:>7} {:>5}  {:>6} {:>5}\n", "tokens/s", "min",
                    "median", "max", "GOP/s", "peak", "GB/s", "read"));
  for (const BenchRow& row : report.rows) {
    const Spread s = row.tokens_per_s();
    const double ops = row.ops_per_s();
    const double bytes = row.bytes_per_s();
    print(fmt::format("{:<26}{:>9.1f} {:>9.1f} {:>9.1f}  {:>7.1f} {:>4.0f}%  {:>6.2f} {:>4.0f}%\n",
                      row_name(row), s.min, s.median, s.max, ops / kGiga,
                      100 * share(ops, report.limits.int8_ops_per_s), bytes / kGiga,
                      100 * share(bytes, report.limits.read_bytes_per_s)));
  }
  print(fmt::format("load {:.0f} ms, peak memory {}, {} of weights a token, {} of KV a token\n",
                    report.load_ms, human_bytes(report.peak_rss_bytes),
                    human_bytes(report.weight_bytes_per_token),
                    human_bytes(report.kv_bytes_per_token)));
  if (!report.limits.isa.empty()) print("limits of " + limits_line(report.limits));
  for (const BenchRow& row : report.rows) {
    if (!row.operations.empty()) print_operations(row, row_name(row), report.limits);
  }
  if (report.beside_reading) print_beside_reading(*report.beside_reading);
}

Result<void> append_csv(const BenchReport& report, const std::filesystem::path& path) {
  std::error_code ignored;
  const bool is_new = std::filesystem::file_size(path, ignored) == 0 || ignored;
  std::ofstream out(path, std::ios::app);
  if (is_new) {
    out << "time,engine,machine,isa,threads,model,kv_dtype,setting,test,n_tokens,depth,sequences,"
           "repeat,"
           "min,median,max,gop_per_s,gb_per_s,share_int8,share_read,limit_int8_gop_per_s,"
           "limit_read_gb_per_s,load_ms,peak_rss_bytes\n";
  }
  const device::Limits& l = report.limits;
  const std::string model = [&] {  // no field may break a line
    std::string name = report.model;
    std::ranges::replace_if(
        name, [](char c) { return c == ',' || c == '"' || c == '\n' || c == '\r'; }, '_');
    return name;
  }();
  const std::string time = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  for (const BenchRow& row : report.rows) {
    const Spread s = row.tokens_per_s();
    out << fmt::format(
        "{},ondol {},{},{},{},{},{},,{},{},{},{},{},{:.2f},{:.2f},{:.2f},{:.2f},{:.3f},"
        "{:.4f},{:.4f},{:.1f},{:.2f},{:.0f},{}\n",
        time, kVersion, report.machine.id(), report.machine.isa, l.n_threads, model,
        report.kv_dtype, row.test, row.n_tokens, row.depth, row.n_sequences, report.n_repeats,
        s.min, s.median, s.max, row.ops_per_s() / kGiga, row.bytes_per_s() / kGiga,
        share(row.ops_per_s(), l.int8_ops_per_s), share(row.bytes_per_s(), l.read_bytes_per_s),
        l.int8_ops_per_s / kGiga, l.read_bytes_per_s / kGiga, report.load_ms,
        report.peak_rss_bytes);
  }
  out.flush();
  if (out) return {};
  return fail(ErrorCode::kIo, path.string(), "", "cannot write");
}

void print_limits(const Machine& machine, const std::vector<device::Limits>& limits) {
  print(fmt::format("{}, {} cores, {}\n", machine.cpu, machine.n_cores, machine.isa));
  for (const device::Limits& l : limits) print(limits_line(l));
}

}  // namespace ondol::app
