#include "api/client/kept.h"

#include <fmt/format.h>

#include "api/api.h"

namespace ondol::api::client {

OrRefusal<ClientStore*> store_of(const Call& call) {
  if (ClientStore* const store = call.api->options().client_store) return store;
  return tl::unexpected(
      not_found("this server keeps nothing (it runs with --no-store)", "nothing_is_kept"));
}

Refusal refusal_of(const Error& error) {
  Refusal out(error);
  if (error.code != ErrorCode::kLimit) return out;
  out.status = 507;
  out.type = "server_error";
  out.code = "insufficient_storage";
  out.param.clear();
  // Without a field it is the disk, about which the store's words name its file.
  out.message = error.field.empty()
                    ? "the server has no room left to keep this"
                    : fmt::format("{} ({}, limit {})", error.detail, error.value, error.limit);
  return out;
}

http::Response private_json(const boost::json::value& value) {
  http::Response out = json_response(value);
  out.headers.emplace_back("Cache-Control", "no-store");
  return out;
}

}  // namespace ondol::api::client
