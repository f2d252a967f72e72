#include "api/with_model.h"

#include <exception>
#include <new>
#include <utility>

#include "api/api.h"

namespace ondol::api {
namespace {

constexpr int kRetryLoadS = 5;
constexpr int kRetryDrainS = 10;
constexpr std::size_t kMaxShownId = 128;  // bytes of a client's own text in a message

Refusal refusal_of_load(const Error& error, const std::string& id) {
  switch (error.code) {
    case ErrorCode::kNotFound:
      return not_found("there is no model '" + id.substr(0, kMaxShownId) + "' here",
                       "model_not_found", "model");
    case ErrorCode::kLimit:
      return unavailable("models in use leave no room for this one now", "model_busy", kRetryLoadS);
    case ErrorCode::kOutOfMemory: {
      Refusal out(error);
      out.message = "this model does not fit the memory that the server may use";
      out.param = "model";
      return out;
    }
    case ErrorCode::kCancelled:
      return unavailable("the server is shutting down", "shutting_down", kRetryDrainS);
    default: {
      Refusal out = internal_error();
      out.code = "model_load_failed";
      out.message = "the model could not be loaded";
      return out;
    }
  }
}

}  // namespace

void refuse(const Call& call, const Refusal& refusal) {
  call.exchange->reply(error_response(refusal, wire_of(call.request().path)));
}

void guarded(const Call& call, const std::function<void()>& work) {
  try {
    work();
  } catch (const std::bad_alloc&) {
    refuse(call, Refusal(Error{ErrorCode::kOutOfMemory, "", "", "", "", ""}));
  } catch (const std::exception&) {
    refuse(call, internal_error());
  }
}

void with_model(const Call& call, const std::string& id, RunWithModel run) {
  if (call.api->is_draining()) {
    return refuse(call, unavailable("the server is shutting down", "shutting_down", kRetryDrainS));
  }
  call.api->models().acquire(
      id, [call, id, run = std::move(run)](Result<std::shared_ptr<const ServedModel>> model) {
        if (!model) return refuse(call, refusal_of_load(model.error(), id));
        guarded(call, [&] {
          const auto done = run(*std::move(model));
          if (!done) refuse(call, done.error());
        });
      });
}

}  // namespace ondol::api
