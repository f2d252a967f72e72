// What comes out of the store of the client, or why nothing does.
// Threads: any.
#pragma once

#include "api/api.h"
#include "api/call.h"
#include "api/errors.h"
#include "api/store/client_store.h"

namespace ondol::api::client {

/// 404 when the server keeps nothing.
OrRefusal<ClientStore*> store_of(const Call& call);

/// 507 with the numbers when there is no room; by the table of errors.cc else.
Refusal refusal_of(const Error& error);

/// JSON that no cache may keep: it is somebody's own.
http::Response private_json(const boost::json::value& value);

}  // namespace ondol::api::client
