// `ondol bench kernels`: each kernel of a forward pass by shape, in time, bytes
// and operations a second, beside the machine's limits.
//
// Weights and caches are as many copies, taken in turn, as a model has layers, so
// that what is read comes from memory as in a real pass. Threads: the main thread.
#pragma once

#include <string>
#include <vector>

#include "app/load.h"
#include "base/error.h"

namespace ondol::app {

struct KernelBenchArguments {
  ModelOptions where;             // device, threads and isa of it
  std::vector<std::string> only;  // words of names, all of which must occur; empty: every kernel
  bool json = false;
};

Result<void> bench_kernels(const KernelBenchArguments& arguments);

}  // namespace ondol::app
