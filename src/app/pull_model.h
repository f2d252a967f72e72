// Downloads as the commands do them: settings from the environment, a progress
// bar on the terminal.
#pragma once

#include <string>

#include "base/error.h"
#include "hub/pull.h"

namespace ondol::app {

struct PullSettings {
  bool force = false;
  int stall_timeout_s = 30;
};

Result<hub::StoredModel> pull_with_progress(const hub::Store& store, const hub::ModelName& name,
                                            const PullSettings& settings);

/// The first use on a machine fetches the default model by itself; of any other
/// model nothing is done.
Result<void> fetch_default_model(const hub::Store& store, const std::string& model);

}  // namespace ondol::app
