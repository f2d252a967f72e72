// The step between a checked request and its work: getting the model, which may
// have to be loaded first, and turning what goes wrong into a reply.
// Threads: any; `run` may be called on a loading thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/call.h"
#include "api/errors.h"
#include "api/served_model.h"

namespace ondol::api {

/// Replies with the refusal.
void refuse(const Call& call, const Refusal& refusal);

/// Runs `work`; what it throws (Boost.JSON's own limits, no memory) becomes a reply.
/// REQUIRES: `work` has not replied when it throws.
void guarded(const Call& call, const std::function<void()>& work);

/// Calls `run` with the model, or replies: 404 model_not_found, 503 while other
/// models in use leave no room or the server stops, 507 when it never fits.
using RunWithModel = std::function<OrRefusal<void>(std::shared_ptr<const ServedModel>)>;
void with_model(const Call& call, const std::string& id, RunWithModel run);

}  // namespace ondol::api
