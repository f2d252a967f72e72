// What submit() and start() refuse: every number a caller can set has its range
// here, stated once. An Error names the field, the value and the limit.
#pragma once

#include <cstdint>
#include <memory>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/request.h"
#include "model/model.h"

namespace ondol::engine {

/// Errors: kInvalidArgument, and kLimit for a prompt that leaves no room for a
/// token in `max_context`.
Result<void> check_request(const GenerationRequest& request, std::int64_t n_vocab,
                           std::int64_t max_context);

/// The options with defaults filled in. Errors: kInvalidArgument names the option.
Result<EngineOptions> complete_options(const EngineOptions& options, const model::Model& model);

/// A cache of that shape. Errors: as kv_cache_bytes(), and the device's.
Result<std::unique_ptr<device::KvCache>> make_kv_cache(device::Device& device,
                                                       const device::KvCacheShape& shape);

/// Bytes of a cache of that shape. Errors: kOutOfMemory when no machine holds it,
/// kUnsupported when d_head is no multiple of the dtype's block.
Result<std::uint64_t> kv_cache_bytes(const device::KvCacheShape& shape);

}  // namespace ondol::engine
