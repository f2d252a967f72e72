// The functions behind the routes of the client, under /v1/ondol: conversations that
// are kept, devices that are paired.
// Threads: run in the HTTP server's handler threads, and wait there for the disk.
#pragma once

#include "api/call.h"

namespace ondol::api::client {

void list_conversations(Call call);
void get_conversation(Call call);
void put_conversation(Call call);
void delete_conversation(Call call);

void start_pairing(Call call);    // public: without call.caller
void collect_pairing(Call call);  // public
void approve_pairing(Call call);
void list_devices(Call call);
void delete_device(Call call);

}  // namespace ondol::api::client
