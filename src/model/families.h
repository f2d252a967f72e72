// The model families there are, one file each. registry.cc lists the names of
// architectures that lead here.
#pragma once

#include <memory>
#include <string_view>

#include "base/error.h"
#include "format/model_file.h"
#include "model/decoder.h"
#include "model/weight_loader.h"

namespace ondol::model {

/// Reads the configuration and asks `weights` for every weight. In any mode but
/// kLoad, the result knows its info() and nothing else. The caller checks
/// weights.status(). `hf_scope` is as Config's.
using MakeFamily = Result<std::unique_ptr<Decoder>> (*)(const format::ModelFile& file,
                                                        std::string_view hf_scope,
                                                        WeightLoader& weights);

Result<std::unique_ptr<Decoder>> make_llama(const format::ModelFile& file,
                                            std::string_view hf_scope, WeightLoader& weights);
Result<std::unique_ptr<Decoder>> make_qwen3(const format::ModelFile& file,
                                            std::string_view hf_scope, WeightLoader& weights);
Result<std::unique_ptr<Decoder>> make_gemma3(const format::ModelFile& file,
                                             std::string_view hf_scope, WeightLoader& weights);

}  // namespace ondol::model
