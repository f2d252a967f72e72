// POST /api/embed, and /api/embeddings, its older form with one prompt. Vectors have
// length 1 in both.
#include <boost/json.hpp>
#include <utility>

#include "api/api.h"
#include "api/completion_request.h"
#include "api/embedding.h"
#include "api/ollama/request.h"
#include "api/ollama/routes.h"
#include "api/with_model.h"

namespace ondol::api::ollama {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxInputs = 2048;

struct EmbedRequest {
  std::string model;
  std::vector<TextOrIds> inputs;
  bool is_single = false;  // /api/embeddings
  bool truncate = false;
  std::optional<std::int64_t> dimensions;
};

std::vector<TextOrIds> read_input(Fields& fields) {
  fields.require("input");
  auto texts = fields.string_or_strings("input", kMaxInputs);
  if (texts.empty()) fields.refuse("input", "input is empty");
  return {std::make_move_iterator(texts.begin()), std::make_move_iterator(texts.end())};
}

OrRefusal<EmbedRequest> read_request(std::string_view body, bool is_single) {
  ONDOL_TRY(const json::object object, parse_object(body));
  std::optional<Refusal> refusal;
  Fields fields(object, "", refusal);
  EmbedRequest out;
  out.is_single = is_single;
  out.model = read_model(fields);
  if (is_single) {
    fields.require("prompt");
    out.inputs = {fields.string("prompt").value_or("")};
  } else {
    out.inputs = read_input(fields);
    // Absent, a text that does not fit is an error here, not silently cut.
    out.truncate = fields.flag("truncate").value_or(false);
    out.dimensions = fields.integer("dimensions", 1, std::int64_t{1} << 31);
  }
  read_unused_options(fields);
  read_keep_alive(fields);
  fields.refuse_unknown();
  if (refusal) return tl::unexpected(*std::move(refusal));
  return out;
}

class EmbedReply : public GenerationSink {
 public:
  EmbedReply(const Call& call, std::string model, bool is_single, std::size_t n_inputs)
      : call_(call), model_(std::move(model)), is_single_(is_single), embeddings_(n_inputs) {}

  void begin() override {}
  void delta(std::size_t /*answer*/, AnswerDelta /*delta*/) override {}
  void answer_end(std::size_t index, AnswerEnd end) override {
    normalize(end.embedding);
    embeddings_[index] = json::array(end.embedding.begin(), end.embedding.end());
  }
  void end(const Usage& usage) override {
    if (is_single_) {
      const json::object out = {{"embedding", std::move(embeddings_.front())}};
      return call_.exchange->reply(json_response(out));
    }
    const auto took = std::chrono::steady_clock::now() - call_.started_at;
    json::object out = {
        {"model", model_},
        {"total_duration", std::chrono::duration_cast<std::chrono::nanoseconds>(took).count()},
        {"load_duration", load_ns_},
        {"prompt_eval_count", usage.n_prompt}};
    json::array& embeddings = out["embeddings"].emplace_array();
    for (json::value& embedding : embeddings_) embeddings.push_back(std::move(embedding));
    call_.exchange->reply(json_response(out));
  }
  void fail(const Refusal& refusal) override { refuse(call_, refusal); }

 private:
  const Call call_;
  const std::string model_;
  const bool is_single_;
  const std::int64_t load_ns_ = std::chrono::duration_cast<std::chrono::nanoseconds>(
                                    std::chrono::steady_clock::now() - call_.started_at)
                                    .count();
  std::vector<json::value> embeddings_;
};

OrRefusal<void> embed_texts(const Call& call, const EmbedRequest& request,
                            std::shared_ptr<const ServedModel> model) {
  ONDOL_TRY(auto prompts, ids_of(request.inputs, *model, /*add_special=*/true));
  const auto n_fit = static_cast<std::size_t>(model->engine->options().max_context - 1);
  for (auto& prompt : prompts) {
    if (request.truncate && prompt.size() > n_fit) prompt.resize(n_fit);
  }
  ONDOL_TRY(GenerationPlan plan,
            embedding_plan(std::move(prompts), request.is_single ? "prompt" : "input",
                           request.dimensions, std::move(model)));
  auto sink = std::make_unique<EmbedReply>(call, plan.model->card.id, request.is_single,
                                           plan.prompts.size());
  start_generation(call, std::move(plan), std::move(sink));
  return {};
}

void run(const Call& call, bool is_single) {
  auto request = read_request(call.request().body, is_single);
  if (!request) return refuse(call, request.error());
  const std::string id = model_id(call, request->model);
  with_model(call, id,
             [call, request = *std::move(request)](std::shared_ptr<const ServedModel> model) {
               return embed_texts(call, request, std::move(model));
             });
}

}  // namespace

void embed(const Call& call) { run(call, /*is_single=*/false); }
void embeddings(const Call& call) { run(call, /*is_single=*/true); }

}  // namespace ondol::api::ollama
