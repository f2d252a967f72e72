// The client's files as routes: each path by its name, so that nothing but these files
// is public, and no path can lead out of them.
// Threads: any.
#pragma once

#include <span>
#include <vector>

#include "api/client/client_file.h"
#include "api/router.h"

namespace ondol::api {

/// A row for each file. REQUIRES: the files live as long as the routes.
std::vector<Route> client_routes(std::span<const ClientFile> files);

}  // namespace ondol::api
