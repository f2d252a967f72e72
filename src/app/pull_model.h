// Downloads as the commands do them: settings from the environment, a progress
// bar on the terminal.
#pragma once

#include "base/error.h"
#include "hub/pull.h"

namespace ondol::app {

struct PullSettings {
  bool force = false;
  int stall_timeout_s = 30;
};

Result<hub::StoredModel> pull_with_progress(const hub::Store& store, const hub::ModelName& name,
                                            const PullSettings& settings);

}  // namespace ondol::app
