// POST /v1/embeddings: the mean of the last hidden states over a text's tokens, of
// length 1, as numbers or as base64 of little-endian f32.
#include <openssl/evp.h>

#include <bit>
#include <boost/json.hpp>
#include <utility>

#include "api/completion_request.h"
#include "api/embedding.h"
#include "api/reply.h"
#include "api/routes.h"
#include "api/with_model.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxInputs = 2048;  // as the OpenAI reference has it

struct EmbeddingRequest {
  std::string model;
  std::vector<TextOrIds> inputs;
  bool is_base64 = false;
  std::optional<std::int64_t> dimensions;
};

OrRefusal<EmbeddingRequest> read_request(std::string_view body) {
  ONDOL_TRY(const json::object object, parse_object(body));
  std::optional<Refusal> refusal;
  Fields fields(object, "", refusal);
  EmbeddingRequest out;
  out.model = fields.string("model").value_or("");
  out.inputs = read_texts(fields, "input", kMaxInputs);
  out.is_base64 = fields.word("encoding_format", {"float", "base64"}) == "base64";
  out.dimensions = fields.integer("dimensions", 1, std::int64_t{1} << 31);
  fields.string("user");  // for the operator's records
  fields.refuse_unknown();
  if (refusal) return tl::unexpected(*std::move(refusal));
  return out;
}

std::string base64(const std::vector<float>& values) {
  static_assert(std::endian::native == std::endian::little);
  const std::size_t n_bytes = values.size() * sizeof(float);
  std::string out(4 * ((n_bytes + 2) / 3) + 1, '\0');  // OpenSSL writes a NUL
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                reinterpret_cast<const unsigned char*>(values.data()),
                                static_cast<int>(n_bytes));
  out.resize(static_cast<std::size_t>(n));
  return out;
}

class EmbeddingReply : public GenerationSink {
 public:
  EmbeddingReply(std::string model, bool is_base64, std::shared_ptr<http::Exchange> exchange,
                 std::size_t n_inputs)
      : model_(std::move(model)),
        is_base64_(is_base64),
        exchange_(std::move(exchange)),
        embeddings_(n_inputs) {}

  void begin() override {}
  void delta(std::size_t, AnswerDelta) override {}
  void answer_end(std::size_t index, AnswerEnd end) override {
    normalize(end.embedding);
    if (is_base64_) {
      embeddings_[index] = base64(end.embedding);
    } else {
      embeddings_[index] = json::array(end.embedding.begin(), end.embedding.end());
    }
  }
  void end(const Usage& usage) override {
    json::object out{{"object", "list"}, {"model", model_}};
    json::array& data = out["data"].emplace_array();
    for (std::size_t i = 0; i < embeddings_.size(); ++i) {
      data.push_back(json::object{
          {"object", "embedding"}, {"index", i}, {"embedding", std::move(embeddings_[i])}});
    }
    out["usage"] =
        json::object{{"prompt_tokens", usage.n_prompt}, {"total_tokens", usage.n_prompt}};
    exchange_->reply(json_response(out));
  }
  void fail(const Refusal& refusal) override { exchange_->reply(error_response(refusal)); }

 private:
  const std::string model_;
  const bool is_base64_;
  std::shared_ptr<http::Exchange> exchange_;
  std::vector<json::value> embeddings_;
};

OrRefusal<void> embed(const Call& call, const EmbeddingRequest& request,
                      std::shared_ptr<const ServedModel> model) {
  ONDOL_TRY(auto prompts, ids_of(request.inputs, *model, /*add_special=*/true));
  ONDOL_TRY(GenerationPlan plan,
            embedding_plan(std::move(prompts), "input", request.dimensions, std::move(model)));
  auto sink = std::make_unique<EmbeddingReply>(plan.model->card.id, request.is_base64,
                                               call.exchange, plan.prompts.size());
  start_generation(call, std::move(plan), std::move(sink));
  return {};
}

}  // namespace

void embeddings(const Call& call) {
  auto request = read_request(call.request().body);
  if (!request) return refuse(call, request.error());
  const std::string model_id = request->model;
  with_model(call, model_id,
             [call, request = *std::move(request)](std::shared_ptr<const ServedModel> model) {
               return embed(call, request, std::move(model));
             });
}

}  // namespace ondol::api
