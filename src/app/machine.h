// What machine this is, for results that outlive a run.
#pragma once

#include <string>
#include <string_view>

namespace ondol::app {

struct Machine {
  std::string cpu;  // "AMD EPYC 7763 64-Core Processor (25/1/1)"; family, model and stepping on x86
  int n_cores = 0;  // that this process may use
  std::string isa;

  /// "amd-epyc-7763-64-core-processor-25-1-1-2c-avx2": letters, digits, hyphens.
  std::string id() const;
};

Machine this_machine(std::string_view isa);

/// The CPU's name out of a text like /proc/cpuinfo's; "unknown" if it says nothing.
std::string cpu_name(std::string_view cpuinfo);

}  // namespace ondol::app
