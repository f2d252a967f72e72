#include "device/backends.h"
#include "device/weight_cache.h"

namespace ondol::device {
namespace {

constexpr int kMaxThreads = 1024;

}  // namespace

std::unique_ptr<WeightCache> Device::open_weight_cache(const WeightCacheOptions& /*options*/) {
  return nullptr;
}

Result<std::unique_ptr<Device>> make_device(const DeviceOptions& options) {
  if (options.n_threads < 0 || options.n_threads > kMaxThreads) {
    return fail(ErrorCode::kInvalidArgument, "device", "n_threads", "out of range",
                options.n_threads, kMaxThreads);
  }
  if (options.name == "reference") {
    if (!options.isa.empty()) {
      return fail(ErrorCode::kInvalidArgument, "device", "isa", "the reference device has no ISAs",
                  std::string(options.isa));
    }
    return make_reference_device(options);
  }
  if (options.name == "cpu") return make_cpu_device(options);
  return fail(ErrorCode::kInvalidArgument, "device", "name", "no such device",
              std::string(options.name), "cpu or reference");
}

std::span<const std::string_view> available_isas() { return cpu_isas(); }

}  // namespace ondol::device
