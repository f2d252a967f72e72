#include "app/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "app/console.h"

namespace ondol::app {
namespace {

constexpr auto kInterval = std::chrono::milliseconds(100);
constexpr int kBarColumns = 24;

std::string amount(ProgressBar::Unit unit, std::uint64_t n) {
  return unit == ProgressBar::Unit::kBytes ? human_bytes(n) : fmt::format("{}", n);
}

}  // namespace

ProgressBar::ProgressBar(Unit unit)
    : unit_(unit), enabled_(stderr_is_terminal()), start_(std::chrono::steady_clock::now()) {}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::update(std::string_view what, std::uint64_t done, std::uint64_t total) {
  if (!enabled_ || total == 0) return;
  const auto now = std::chrono::steady_clock::now();
  if (!shown_) {
    start_ = now;
    first_done_ = done;
  } else if (now - last_ < kInterval && done < total) {
    return;
  }
  last_ = now;
  shown_ = true;
  const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto filled = static_cast<std::size_t>(share * kBarColumns);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double speed =
      seconds > 0.3 && done > first_done_ ? static_cast<double>(done - first_done_) / seconds : 0;
  std::string line =
      fmt::format("{:3.0f}% [{:-<{}}] {} of {}", share * 100, std::string(filled, '#'), kBarColumns,
                  amount(unit_, done), amount(unit_, total));
  if (speed > 0) {
    line += fmt::format(", {}{}", amount(unit_, static_cast<std::uint64_t>(speed)),
                        unit_ == Unit::kBytes ? "/s" : " tokens/s");
  }
  line += "  " + harmless(what);
  const auto columns = static_cast<std::size_t>(std::max(terminal_columns() - 1, 20));
  if (line.size() > columns) line.resize(columns);
  fmt::print(stderr, "\r\033[K{}", line);
  std::fflush(stderr);
}

void ProgressBar::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace ondol::app
