// Runs a program without a shell, with a time limit and its output kept.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"

namespace ondol::hub {

struct ProcessOptions {
  std::vector<std::string> arguments;    // [0] is looked up in PATH
  std::vector<std::string> environment;  // "NAME=value", added to ours
  std::chrono::seconds timeout{900};
  std::function<void()> on_tick;  // about five times a second; may be empty
};

struct ProcessResult {
  int exit_status = 0;  // 128 + signal when a signal ended it
  std::string output;   // stdout and stderr together, the last 64 KiB
};

/// Standard input is empty. The program is killed when the time is over.
/// Errors: kNotFound when there is no such program, kLimit on time-out, kIo.
Result<ProcessResult> run_process(const ProcessOptions& options);

}  // namespace ondol::hub
