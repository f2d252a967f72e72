// Runs the cases of grammar_oracle.py against one tokenizer:
//
//   grammar_batch TOKENIZER_JSON CASES_JSON ANSWERS_JSON
//
// A case is {"schema": text, "texts": [text, ...], "n_random": number}; its answer
// {"error": text} or {"accepted": [bool, ...], "random": [text, ...], "unfinished":
// number}. A text is accepted when each of its tokens is in the mask and is taken,
// and the answer is complete then. Random answers are walks through the masks.
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "text/grammar/grammar.h"

namespace ondol::text {
namespace {

constexpr int kMaxSteps = 600;
constexpr int kWanderSteps = 40;  // then tokens that close things are preferred

class Runner {
 public:
  explicit Runner(std::shared_ptr<const GrammarVocabulary> vocabulary)
      : vocabulary_(std::move(vocabulary)), bits_(vocabulary_->n_mask_words()) {
    for (std::size_t i = 0; i < vocabulary_->n_vocab(); ++i) {
      const auto id = static_cast<TokenId>(i);
      const std::string_view bytes = vocabulary_->bytes(id);
      if (!bytes.empty() &&
          bytes.find_first_not_of("\"{}[],:0123456789.- \ntruefalsn") == std::string_view::npos)
        plain_.push_back(id);
      if (!bytes.empty() && bytes.find_first_not_of("\"}]") == std::string_view::npos)
        closing_.push_back(id);
    }
  }

  boost::json::object run(const boost::json::object& item) {
    boost::json::object out;
    const auto grammar = compile_grammar(
        Structure::json_schema(std::string(item.at("schema").as_string())), vocabulary_, "schema");
    if (!grammar) {
      out["error"] = grammar.error().message();
      return out;
    }
    boost::json::array accepted;
    for (const auto& text : item.at("texts").as_array())
      accepted.emplace_back(accepts(*grammar, text.as_string()));
    boost::json::array random;
    std::int64_t n_unfinished = 0;
    for (std::int64_t i = 0; i < item.at("n_random").as_int64(); ++i) {
      const auto text = walk(*grammar);
      if (text)
        random.emplace_back(*text);
      else
        ++n_unfinished;
    }
    out["accepted"] = std::move(accepted);
    out["random"] = std::move(random);
    out["unfinished"] = n_unfinished;
    return out;
  }

 private:
  bool is_set(TokenId id) const {
    return (bits_[static_cast<std::size_t>(id) / 32] >> (static_cast<std::size_t>(id) % 32) & 1U) !=
           0;
  }

  bool accepts(const std::shared_ptr<const Grammar>& grammar, std::string_view text) {
    GrammarMatcher matcher(grammar);
    const auto ids = vocabulary_->tokenizer().encode(text, {false, false});
    if (!ids) return false;
    for (const TokenId id : *ids) {
      matcher.fill(bits_);
      const bool allowed = is_set(id);
      if (matcher.accept(id) != allowed) {
        std::fprintf(stderr, "mask and accept disagree about token %d in %s\n", id,
                     std::string(text).c_str());
        std::exit(1);
      }
      if (!allowed) return false;
    }
    matcher.fill(bits_);
    return matcher.is_complete() && is_set(vocabulary_->end_ids()[0]);
  }

  std::optional<TokenId> pick(std::span<const TokenId> among) {
    std::vector<TokenId> allowed;
    for (const TokenId id : among) {
      if (is_set(id)) allowed.push_back(id);
    }
    if (allowed.empty()) return std::nullopt;
    return allowed[random_() % allowed.size()];
  }

  TokenId any_allowed() {
    std::vector<TokenId> allowed;
    for (std::size_t word = 0; word < bits_.size(); ++word) {
      for (std::uint32_t rest = bits_[word]; rest != 0; rest &= rest - 1) {
        allowed.push_back(
            static_cast<TokenId>(word * 32 + static_cast<std::size_t>(__builtin_ctz(rest))));
      }
    }
    if (allowed.empty()) {
      std::fprintf(stderr, "a mask is empty\n");
      std::exit(1);
    }
    return allowed[random_() % allowed.size()];
  }

  std::optional<std::string> walk(const std::shared_ptr<const Grammar>& grammar) {
    GrammarMatcher matcher(grammar);
    std::string text;
    for (int step = 0; step < kMaxSteps; ++step) {
      if (matcher.is_complete() && (matcher.must_stop() || random_() % 4 == 0)) return text;
      matcher.fill(bits_);
      std::optional<TokenId> token;
      const auto dice = random_() % 16;
      if (step > kWanderSteps ? dice != 0 : dice < 4) token = pick(closing_);
      if (!token && dice < 10) token = pick(plain_);
      if (!token) token = any_allowed();
      if (vocabulary_->is_end(*token)) return text;
      if (!matcher.accept(*token)) {
        std::fprintf(stderr, "a token of the mask was refused\n");
        std::exit(1);
      }
      text += vocabulary_->bytes(*token);
    }
    return std::nullopt;
  }

  std::shared_ptr<const GrammarVocabulary> vocabulary_;
  std::vector<std::uint32_t> bits_;
  std::vector<TokenId> plain_, closing_;
  std::mt19937 random_{1};
};

int complain(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message().c_str());
  return 1;
}

}  // namespace
}  // namespace ondol::text

int main(int argc, char** argv) {
  using namespace ondol;
  using namespace ondol::text;
  const std::span<char*> args(argv, static_cast<std::size_t>(argc));
  if (args.size() != 4) return 2;
  const auto source = read_text_file(args[1], kMaxTokenizerJson);
  if (!source) return complain(source.error());
  const auto cases = read_text_file(args[2], std::size_t{1} << 28);
  if (!cases) return complain(cases.error());
  const auto tokenizer = load_tokenizer_json(*source, "", args[1]);
  if (!tokenizer) return complain(tokenizer.error());
  Runner runner(GrammarVocabulary::build(*tokenizer));
  boost::json::array answers;
  const boost::json::value requests = boost::json::parse(*cases);
  for (const auto& item : requests.as_array()) answers.push_back(runner.run(item.as_object()));
  std::ofstream(args[3], std::ios::binary) << boost::json::serialize(answers);
  return 0;
}
