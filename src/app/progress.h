// A progress bar on stderr, on a terminal only: elsewhere it prints nothing.
// Owner: the command. Threads: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace ondol::app {

class ProgressBar {
 public:
  enum class Unit : std::uint8_t { kBytes, kTokens };

  explicit ProgressBar(Unit unit = Unit::kBytes);
  ~ProgressBar();  // wipes the line
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(std::string_view what, std::uint64_t done, std::uint64_t total);
  void clear();

 private:
  Unit unit_;
  bool enabled_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_;
  std::uint64_t first_done_ = 0;  // what was there before: no part of the speed
};

}  // namespace ondol::app
