// /v1/ondol/pairings and /v1/ondol/devices; how a pairing goes is told in pairings.h.
// Without keys there is nothing to give: every pairing is approved at once, with the
// key null.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "api/client/client_api.h"
#include "api/client/kept.h"
#include "api/client/pairings.h"
#include "api/fields.h"
#include "api/reply.h"
#include "api/with_model.h"

namespace ondol::api::client {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxNameCharacters = 64;
constexpr std::string_view kKeyPrefix = "ondol-";

// The body may be empty: a device need not have a name.
OrRefusal<std::string> read_name(const std::string& body) {
  if (body.empty()) return "";
  ONDOL_TRY(const json::object object, parse_object(body));
  std::optional<Refusal> refusal;
  Fields fields(object, "", refusal);
  std::string name = fields.string("name").value_or("");
  if (count_characters(name) > kMaxNameCharacters) {
    fields.refuse("name", fmt::format("name has more than {} characters", kMaxNameCharacters));
  }
  fields.refuse_unknown();
  if (refusal) return tl::unexpected(*refusal);
  return name;
}

OrRefusal<json::object> start(const Call& call) {
  ONDOL_TRY(std::string name, read_name(call.request().body));
  ONDOL_TRY(const Pairings::Started started,
            call.api->pairings().start(call.request().peer, std::move(name)));
  if (call.api->access().is_open()) call.api->pairings().give(started.code, "");
  return json::object{{"code", started.code},
                      {"poll_token", started.token},
                      {"expires_at", unix_time() + kPairingTime.count()}};
}

json::object device_json(const Device& device) {
  return {{"id", device.id}, {"name", device.name}, {"created_at", device.created_at}};
}

// The device's key, and what others may know of it.
struct NewDevice {
  std::string key;
  Device device;
};

OrRefusal<NewDevice> make_device(const Call& call, std::string name) {
  ClientStore* const store = call.api->options().client_store;
  if (store == nullptr) {  // not 404, which is what a wrong code gets
    return tl::unexpected(
        unsupported_parameter("", "this server keeps no devices (it runs with --no-store)"));
  }
  ONDOL_TRY(const std::string secret, random_secret());
  NewDevice out;
  out.key = std::string(kKeyPrefix) + secret;
  out.device = {.id = new_id("dev_"),
                .name = std::move(name),
                .owner = *call.caller->owner(),
                .digest = digest_of(out.key),
                .created_at = unix_time()};
  if (const auto kept = store->add_device(out.device); !kept) {
    return tl::unexpected(refusal_of(kept.error()));
  }
  call.api->access().add_device(out.device);
  return out;
}

OrRefusal<json::object> approve(const Call& call) {
  Pairings& pairings = call.api->pairings();
  const std::string& code = call.rest;
  ONDOL_TRY(std::string name, pairings.claim(call.caller->tenant(), code));
  auto made = make_device(call, std::move(name));
  if (!made) {
    pairings.give_up(code);
    return tl::unexpected(made.error());
  }
  pairings.give(code, std::move(made->key));
  return json::object{{"status", "approved"}, {"device", device_json(made->device)}};
}

// Devices of whoever asks; on an open server nobody is anybody's.
OrRefusal<json::object> devices(const Call& call) {
  json::array data;
  if (const KeyDigest* const owner = call.caller->owner()) {
    ONDOL_TRY(ClientStore * store, store_of(call));
    const auto devices = store->devices_of(*owner);
    if (!devices) return tl::unexpected(refusal_of(devices.error()));
    for (const Device& device : *devices) data.push_back(device_json(device));
  }
  return json::object{{"object", "list"}, {"data", std::move(data)}};
}

OrRefusal<void> erase_device(const Call& call) {
  const KeyDigest* const owner = call.caller->owner();
  Refusal missing = not_found("there is no such device here", "device_not_found", "device_id");
  if (owner == nullptr) return tl::unexpected(missing);
  ONDOL_TRY(ClientStore * store, store_of(call));
  const auto erased = store->erase_device(*owner, call.rest);
  if (!erased) return tl::unexpected(refusal_of(erased.error()));
  if (!*erased) return tl::unexpected(missing);
  call.api->access().remove_device(call.rest);
  return {};
}

void answer(const Call& call, const OrRefusal<json::object>& reply) {
  if (!reply) return refuse(call, reply.error());
  call.exchange->reply(private_json(*reply));
}

}  // namespace

void start_pairing(const Call& call) { answer(call, start(call)); }

// HEAD would take the key away and throw it.
void collect_pairing(const Call& call) {
  if (call.request().method != "GET") {
    Refusal refusal = bad_parameter("", "only GET collects a key", "method_not_allowed");
    refusal.status = 405;
    return refuse(call, refusal);
  }
  const auto collected = call.api->pairings().collect(call.rest);
  if (!collected) {
    return refuse(call, not_found("there is no such pairing, or it is too late for it",
                                  "pairing_not_found", "poll_token"));
  }
  if (!collected->is_approved) return answer(call, json::object{{"status", "pending"}});
  const json::value key =
      collected->key.empty() ? json::value(nullptr) : json::value(collected->key);
  answer(call, json::object{{"status", "approved"}, {"key", key}});
}

void approve_pairing(const Call& call) {
  if (!call.api->access().is_open()) return answer(call, approve(call));
  answer(call, json::object{{"status", "approved"}, {"device", nullptr}});
}

void list_devices(const Call& call) { answer(call, devices(call)); }

void delete_device(const Call& call) {
  if (const auto done = erase_device(call); !done) return refuse(call, done.error());
  call.exchange->reply(private_json(
      json::object{{"id", call.rest}, {"object", "device.deleted"}, {"deleted", true}}));
}

}  // namespace ondol::api::client
