// GET and DELETE /v1/responses/{response_id}, its input items, and the refusal to
// cancel: a response that is being made is cancelled by leaving.
#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "api/api.h"
#include "api/fields.h"
#include "api/query.h"
#include "api/responses/stored.h"
#include "api/routes.h"
#include "api/store/response_store.h"
#include "api/with_model.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxInclude = 64;

Refusal no_response() {
  return not_found("there is no such response here", "response_not_found", "response_id");
}

OrRefusal<StoredResponse> find_response(const Call& call) {
  ResponseStore* const store = call.api->options().store;
  if (store == nullptr) return tl::unexpected(no_response());
  auto found = store->find(call.caller->tenant(), call.rest);
  if (!found) return tl::unexpected(refusal_of_store(found.error()));
  if (!*found) return tl::unexpected(no_response());
  return **std::move(found);
}

OrRefusal<void> check_get_query(const std::string& text) {
  ONDOL_TRY(Query query, Query::parse(text));
  ONDOL_TRY(const auto stream, query.word("stream", {"true", "false"}));
  if (stream == "true") {
    return tl::unexpected(unsupported_parameter(
        "stream", "stream: only the request that makes a response streams it"));
  }
  // What could be included is there anyway, if the request asked for it.
  ONDOL_TRY_VOID(query.words("include", {"message.output_text.logprobs"}, kMaxInclude));
  ONDOL_TRY_VOID(query.word("include_obfuscation", {"true", "false"}));
  return query.refuse_unknown();
}

struct Page {
  std::int64_t limit = 20;
  bool is_newest_first = true;
  std::string after;  // an item's id
};

OrRefusal<Page> read_page(const std::string& text) {
  constexpr std::int64_t kMaxItemsAtOnce = 100;  // as the OpenAI reference has it
  ONDOL_TRY(Query query, Query::parse(text));
  Page out;
  ONDOL_TRY(const auto limit, query.integer("limit", 1, kMaxItemsAtOnce));
  out.limit = limit.value_or(out.limit);
  ONDOL_TRY(const auto order, query.word("order", {"asc", "desc"}));
  out.is_newest_first = order != "asc";
  out.after = query.string("after").value_or("");
  ONDOL_TRY_VOID(query.words("include", {"message.output_text.logprobs"}, kMaxInclude));
  ONDOL_TRY_VOID(query.refuse_unknown());
  return out;
}

OrRefusal<json::object> page_json(json::array items, const Page& page) {
  if (page.is_newest_first) std::reverse(items.begin(), items.end());
  auto first = items.begin();
  if (!page.after.empty()) {
    first = std::find_if(items.begin(), items.end(), [&](const json::value& item) {
      return item.at("id").as_string() == page.after;
    });
    if (first == items.end()) {
      return tl::unexpected(bad_parameter("after", "after: there is no such item"));
    }
    ++first;
  }
  const auto n_left = items.end() - first;
  const auto n = std::min<std::int64_t>(n_left, page.limit);
  json::array data(first, first + n);
  const auto id_of = [](const json::value& item) { return item.at("id"); };
  json::object out{{"object", "list"},
                   {"first_id", data.empty() ? json::value(nullptr) : id_of(data.front())},
                   {"last_id", data.empty() ? json::value(nullptr) : id_of(data.back())},
                   {"has_more", n < n_left}};
  out["data"] = std::move(data);
  return out;
}

}  // namespace

Refusal refusal_of_store(const Error& error) {
  Refusal out(error);
  if (error.code != ErrorCode::kLimit) return out;
  out.status = 507;
  out.type = "server_error";
  out.code = "insufficient_storage";
  out.message =
      "the server has no room to store the response; with \"store\": false it is not stored";
  return out;
}

// What parse_object has let in is nested more deeply than Boost.JSON's default takes,
// and stands a few levels deeper in what is stored.
json::value parse_stored(const std::string& text) {
  json::parse_options options;
  options.max_depth = 2 * kMaxJsonDepth;
  return json::parse(text, {}, options);
}

void get_response(const Call& call) {
  if (const auto good = check_get_query(call.request().query); !good) {
    return refuse(call, good.error());
  }
  auto found = find_response(call);
  if (!found) return refuse(call, found.error());
  call.exchange->reply({200, {{"Content-Type", "application/json"}}, std::move(found->body)});
}

void delete_response(const Call& call) {
  ResponseStore* const store = call.api->options().store;
  if (store == nullptr) return refuse(call, no_response());
  const auto erased = store->erase(call.caller->tenant(), call.rest);
  if (!erased) return refuse(call, refusal_of_store(erased.error()));
  if (!*erased) return refuse(call, no_response());
  call.exchange->reply(json_response(
      json::object{{"id", call.rest}, {"object", "response.deleted"}, {"deleted", true}}));
}

void list_input_items(const Call& call) {
  const auto page = read_page(call.request().query);
  if (!page) return refuse(call, page.error());
  const auto found = find_response(call);
  if (!found) return refuse(call, found.error());
  json::value items = parse_stored(found->input);
  const auto out = page_json(std::move(items.as_array()), *page);
  if (!out) return refuse(call, out.error());
  call.exchange->reply(json_response(*out));
}

void cancel_response(const Call& call) {
  const auto found = find_response(call);
  if (!found) return refuse(call, found.error());
  refuse(call, bad_parameter("response_id",
                             "only a background response can be cancelled; this one is done",
                             "response_not_cancellable"));
}

}  // namespace ondol::api
