// /v1/ondol/conversations: documents that a client keeps here, for all devices of one
// key. Each is a JSON object of which the server reads the title only; its id is the
// client's, a UUID. Two devices that write at once find out by entity tags.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "api/client/client_api.h"
#include "api/client/kept.h"
#include "api/entity_tags.h"
#include "api/fields.h"
#include "api/query.h"
#include "api/with_model.h"
#include "base/utf8.h"

namespace ondol::api::client {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxDocumentBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxTitleBytes = 512;
constexpr std::int64_t kMaxAtOnce = 200;
constexpr std::int64_t kUsualAtOnce = 50;

// 8-4-4-4-12 hex digits. One spelling only, or one conversation would be two.
bool is_uuid(std::string_view text) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return std::equal(text.begin(), text.end(), kForm.begin(), kForm.end(), [](char c, char form) {
    return form == '-' ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

OrRefusal<void> check_id(std::string_view id, std::string_view name) {
  if (is_uuid(id)) return {};
  return tl::unexpected(
      bad_parameter(std::string(name), fmt::format("{} is no UUID in lower case", name)));
}

// Who asks, for what and where it is kept.
struct Asked {
  ClientStore* store;
  std::uint64_t tenant;
  std::string id;
};

OrRefusal<Asked> asked_for(const Call& call) {
  ONDOL_TRY(ClientStore * store, store_of(call));
  ONDOL_TRY_VOID(check_id(call.rest, "conversation_id"));
  ONDOL_TRY(const Query query, Query::parse(call.request().query));
  ONDOL_TRY_VOID(query.refuse_unknown());
  return Asked{store, call.caller->tenant(), call.rest};
}

json::object conversation_json(const Conversation& conversation) {
  return {{"id", conversation.id},
          {"title", conversation.title},
          {"updated_at", conversation.updated_at},
          {"etag", conversation.tag},
          {"bytes", conversation.n_bytes}};
}

Refusal no_conversation() {
  return not_found("there is no such conversation here", "conversation_not_found",
                   "conversation_id");
}

// Whether the request's own conditions let it change what has this tag (RFC 9110 section 13).
ClientStore::Condition condition_of(const http::Request& request) {
  const auto match = request.header("if-match");
  const auto none_match = request.header("if-none-match");
  return [match, none_match](std::optional<std::string_view> tag) {
    if (match && !match_holds(*match, tag)) return false;
    return !(none_match && tag && none_match_fails(*none_match, *tag));
  };
}

Refusal conflict(const http::Request& request, const std::optional<std::string>& tag) {
  Refusal out;
  out.status = 412;
  out.type = "invalid_request_error";
  out.code = "conversation_conflict";
  const auto match = request.header("if-match");
  const std::string expected(match.value_or("none"));
  out.message = fmt::format(
      "the conversation is not what this change was made for: {} is here, {} was expected",
      tag.value_or("none"),
      expected.substr(0, valid_utf8_prefix(std::string_view(expected).substr(0, kMaxTitleBytes))));
  if (tag) out.headers.emplace_back("ETag", *tag);
  return out;
}

std::string title_of(const json::object& document) {
  const json::value* const title = document.if_contains("title");
  if (title == nullptr || !title->is_string()) return "";
  const std::string_view text = title->get_string();
  const std::string_view cut = text.substr(0, kMaxTitleBytes);
  return std::string(cut.substr(0, valid_utf8_prefix(cut)));
}

OrRefusal<ClientStore::Change> put(const Call& call) {
  ONDOL_TRY(const Asked asked, asked_for(call));
  const std::string& body = call.request().body;
  if (body.size() > kMaxDocumentBytes) {
    Refusal refusal = bad_parameter("",
                                    fmt::format("the conversation has {} bytes, the limit is {}",
                                                body.size(), kMaxDocumentBytes),
                                    "conversation_too_large");
    refusal.status = 413;
    return tl::unexpected(refusal);
  }
  ONDOL_TRY(const json::object document, parse_object(body));
  auto change = asked.store->put(asked.tenant, asked.id, title_of(document), body,
                                 condition_of(call.request()));
  if (!change) return tl::unexpected(refusal_of(change.error()));
  if (!change->is_done) return tl::unexpected(conflict(call.request(), change->tag));
  return *std::move(change);
}

OrRefusal<void> erase(const Call& call) {
  ONDOL_TRY(const Asked asked, asked_for(call));
  const auto change = asked.store->erase(asked.tenant, asked.id, condition_of(call.request()));
  if (!change) return tl::unexpected(refusal_of(change.error()));
  if (change->is_done) return {};
  return tl::unexpected(change->tag ? conflict(call.request(), change->tag) : no_conversation());
}

OrRefusal<json::object> list(const Call& call) {
  ONDOL_TRY(ClientStore * store, store_of(call));
  ONDOL_TRY(Query query, Query::parse(call.request().query));
  ONDOL_TRY(const auto limit, query.integer("limit", 1, kMaxAtOnce));
  const std::string after = query.string("after").value_or("");
  ONDOL_TRY_VOID(query.refuse_unknown());
  if (!after.empty()) ONDOL_TRY_VOID(check_id(after, "after"));
  const auto page = store->list(call.caller->tenant(), limit.value_or(kUsualAtOnce), after);
  if (!page) return tl::unexpected(refusal_of(page.error()));
  json::array data;
  for (const Conversation& conversation : page->conversations) {
    data.push_back(conversation_json(conversation));
  }
  const json::value last = data.empty() ? json::value(nullptr) : data.back().at("id");
  return json::object{{"object", "list"},
                      {"data", std::move(data)},
                      {"last_id", last},
                      {"has_more", page->has_more}};
}

OrRefusal<ClientStore::Found> find(const Call& call) {
  ONDOL_TRY(const Asked asked, asked_for(call));
  auto found = asked.store->find(asked.tenant, asked.id);
  if (!found) return tl::unexpected(refusal_of(found.error()));
  if (!*found) return tl::unexpected(no_conversation());
  return **std::move(found);
}

}  // namespace

void list_conversations(const Call& call) {
  const auto page = list(call);
  if (!page) return refuse(call, page.error());
  call.exchange->reply(private_json(*page));
}

void get_conversation(const Call& call) {
  auto found = find(call);
  if (!found) return refuse(call, found.error());
  http::Response out{200, {{"ETag", found->conversation.tag}, {"Cache-Control", "no-store"}}, ""};
  const auto known = call.request().header("if-none-match");
  if (known && none_match_fails(*known, found->conversation.tag)) {
    out.status = 304;
  } else {
    out.headers.emplace_back("Content-Type", "application/json");
    out.body = std::move(found->document);
  }
  call.exchange->reply(std::move(out));
}

void put_conversation(const Call& call) {
  const auto change = put(call);
  if (!change) return refuse(call, change.error());
  http::Response out = private_json(conversation_json(change->conversation));
  out.headers.emplace_back("ETag", change->conversation.tag);
  call.exchange->reply(std::move(out));
}

void delete_conversation(const Call& call) {
  if (const auto done = erase(call); !done) return refuse(call, done.error());
  call.exchange->reply(private_json(
      json::object{{"id", call.rest}, {"object", "conversation.deleted"}, {"deleted", true}}));
}

}  // namespace ondol::api::client
