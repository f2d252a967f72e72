// The makers of the devices, one a folder; make_device chooses by name.
// Internal to device/: backends never include each other.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "device/device.h"

namespace ondol::device {

/// reference/. Uses options.n_threads; has no ISA.
Result<std::unique_ptr<Device>> make_reference_device(const DeviceOptions& options);

/// cpu/.
Result<std::unique_ptr<Device>> make_cpu_device(const DeviceOptions& options);
std::span<const std::string_view> cpu_isas();

}  // namespace ondol::device
