// Embeddings, whatever wire asks for them: the plan, and the vector's length.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "api/errors.h"
#include "api/generation.h"

namespace ondol::api {

/// `param`: the prompts' name for the client, a literal. Errors: 400 for prompts that do
/// not fit, and for `dimensions` that are not the model's own.
OrRefusal<GenerationPlan> embedding_plan(std::vector<std::vector<std::int32_t>> prompts,
                                         std::string_view param,
                                         std::optional<std::int64_t> dimensions,
                                         std::shared_ptr<const ServedModel> model);

/// To length 1; a vector of zeros stays as it is.
void normalize(std::vector<float>& values);

}  // namespace ondol::api
