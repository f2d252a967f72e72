// Anthropic's Messages API on this server's models.
// Threads: run in the HTTP server's handler threads; see call.h.
#pragma once

#include "api/call.h"

namespace ondol::api::anthropic {

void messages(const Call& call);
void count_tokens(const Call& call);

}  // namespace ondol::api::anthropic
