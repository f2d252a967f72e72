// The functions behind the routes of the client, under /v1/ondol: conversations that
// are kept, devices that are paired.
// Threads: run in the HTTP server's handler threads, and wait there for the disk.
#pragma once

#include "api/call.h"

namespace ondol::api::client {

void list_conversations(const Call& call);
void get_conversation(const Call& call);
void put_conversation(const Call& call);
void delete_conversation(const Call& call);

void start_pairing(const Call& call);    // public: without call.caller
void collect_pairing(const Call& call);  // public
void approve_pairing(const Call& call);
void list_devices(const Call& call);
void delete_device(const Call& call);

}  // namespace ondol::api::client
