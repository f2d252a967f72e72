#include "api/embedding.h"

#include <cmath>
#include <string>
#include <utility>

namespace ondol::api {

OrRefusal<GenerationPlan> embedding_plan(std::vector<std::vector<std::int32_t>> prompts,
                                         std::string_view param,
                                         std::optional<std::int64_t> dimensions,
                                         std::shared_ptr<const ServedModel> model) {
  const std::int64_t d_model = model->engine->model_info().d_model;
  if (dimensions && *dimensions != d_model) {
    return tl::unexpected(unsupported_parameter(
        "dimensions", "embeddings of this model have " + std::to_string(d_model) + " dimensions"));
  }
  GenerationPlan plan;
  plan.prompts = std::move(prompts);
  plan.prompt_param = param;
  plan.wants_embedding = true;
  plan.model = std::move(model);
  ONDOL_TRY_VOID(check_plan(plan));
  return plan;
}

void normalize(std::vector<float>& values) {
  double squares = 0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  if (squares <= 0) return;
  const double scale = 1 / std::sqrt(squares);
  for (float& value : values) value = static_cast<float>(value * scale);
}

}  // namespace ondol::api
