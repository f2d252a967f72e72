#include "app/bench_speculation.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>

#include "app/bench.h"
#include "app/bench_questions.h"
#include "app/console.h"
#include "app/interrupt.h"
#include "app/progress.h"

namespace ondol::app {
namespace {

constexpr std::int64_t kDefaultTokens = 128;
constexpr std::uint64_t kSeed = 1;  // unless one is given: runs are to be compared

// One question's answers.
struct Row {
  std::string_view name;
  std::vector<std::int32_t> ids;  // of the answer, the same each time
  std::int64_t n_prompt = 0;
  std::int64_t n_draft = 0;  // of all repeats
  std::int64_t n_draft_accepted = 0;
  std::vector<double> without;  // tokens/s after the first token, of each repeat
  std::vector<double> with;

  /// An answer of one token has no speed.
  bool has_speed() const { return ids.size() > 1; }
  double ratio() const { return has_speed() ? spread(with).median / spread(without).median : 1; }
  double acceptance() const {
    return n_draft > 0 ? static_cast<double>(n_draft_accepted) / static_cast<double>(n_draft) : 0;
  }
};

class SpeculationBench {
 public:
  SpeculationBench(ChatSession& session, std::int64_t n_repeats)
      : session_(session), n_repeats_(n_repeats) {}

  /// The first round warms up: pages are touched, and costs measured for the first time.
  Result<std::vector<Row>> run() {
    std::vector<Row> rows;
    for (const BenchQuestion& question : bench_questions())
      rows.emplace_back().name = question.name;
    for (std::int64_t round = 0; round <= n_repeats_; ++round) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        for (const bool speculate : {false, true}) {
          bar_.update(round == 0 ? "warming up" : "measuring",
                      static_cast<std::uint64_t>(round) * rows.size() + i,
                      static_cast<std::uint64_t>(n_repeats_ + 1) * rows.size());
          ONDOL_TRY_VOID(ask(bench_questions()[i].text, speculate, round, rows[i]));
        }
      }
    }
    bar_.clear();
    return rows;
  }

 private:
  Result<void> ask(std::string_view text, bool speculate, std::int64_t round, Row& row) {
    Conversation conversation;
    conversation.add("user", std::string(text));
    session_.set_speculate(speculate);
    ONDOL_TRY(ChatSession::Reply reply,
              session_.reply(conversation, {}, [this] { return interrupt_.requested(); }));
    if (interrupt_.requested()) return fail(ErrorCode::kCancelled, "bench", "", "interrupted");
    const engine::Timings& t = reply.answer.timings;
    const bool is_first = round == 0 && !speculate;
    if (is_first) {
      row.ids = std::move(reply.answer.ids);
      row.n_prompt = t.n_prompt;
    } else if (reply.answer.ids != row.ids) {
      return fail(ErrorCode::kInternal, "bench speculation", std::string(row.name),
                  "the answer is not the one before");
    }
    if (round == 0) return {};
    const double rate =
        t.decode_ms > 0 ? 1000 * static_cast<double>(t.n_decoded - 1) / t.decode_ms : 0;
    (speculate ? row.with : row.without).push_back(rate);
    row.n_draft += t.n_draft;
    row.n_draft_accepted += t.n_draft_accepted;
    return {};
  }

  ChatSession& session_;
  std::int64_t n_repeats_;
  InterruptScope interrupt_;
  ProgressBar bar_;
};

// All questions as one text: their tokens by the sum of their times.
double ratio_of_all(const std::vector<Row>& rows) {
  double without = 0;
  double with = 0;
  for (const Row& row : rows) {
    if (!row.has_speed()) continue;
    const auto n = static_cast<double>(row.ids.size());
    without += n / spread(row.without).median;
    with += n / spread(row.with).median;
  }
  return with > 0 ? without / with : 1;
}

boost::json::object spread_json(const Spread& s) {
  return {{"min", s.min}, {"median", s.median}, {"max", s.max}};
}

boost::json::object report_json(const ChatSession& session,
                                const SpeculationBenchArguments& arguments,
                                const std::vector<Row>& rows) {
  boost::json::array array;
  for (const Row& row : rows) {
    array.push_back(boost::json::object{{"question", row.name},
                                        {"n_prompt", row.n_prompt},
                                        {"n_tokens", row.ids.size()},
                                        {"tokens_per_s_without", spread_json(spread(row.without))},
                                        {"tokens_per_s_with", spread_json(spread(row.with))},
                                        {"ratio", row.ratio()},
                                        {"n_draft", row.n_draft},
                                        {"n_draft_accepted", row.n_draft_accepted}});
  }
  return {{"description", session.description()},
          {"speculate", arguments.chat.model.speculate},
          {"draft_model", arguments.chat.model.draft_model},
          {"repeats", arguments.n_repeats},
          {"rows", std::move(array)},
          {"ratio", ratio_of_all(rows)}};
}

void print_report(const ChatSession& session, const SpeculationBenchArguments& arguments,
                  const std::vector<Row>& rows) {
  const std::string& draft = arguments.chat.model.draft_model;
  print(fmt::format("{}; --speculate {}{}{}\n", session.description(),
                    arguments.chat.model.speculate, draft.empty() ? "" : " --draft-model ", draft));
  print(fmt::format("median of {}, tokens/s after the first token; the texts are the same\n\n",
                    arguments.n_repeats));
  print(fmt::format("{:<12} {:>6} {:>6} {:>9} {:>9} {:>6}  {}\n", "question", "prompt", "answer",
                    "without", "with", "ratio", "guesses right"));
  for (const Row& row : rows) {
    print(fmt::format("{:<12} {:>6} {:>6} {:>9.1f} {:>9.1f} {:>6.2f}  {} of {} ({:.0f}%)\n",
                      row.name, row.n_prompt, row.ids.size(), spread(row.without).median,
                      spread(row.with).median, row.ratio(), row.n_draft_accepted, row.n_draft,
                      100 * row.acceptance()));
  }
  print(fmt::format("{:<12} {:>6} {:>6} {:>9} {:>9} {:>6.2f}\n", "all", "", "", "", "",
                    ratio_of_all(rows)));
}

}  // namespace

void add_speculation_bench_options(CLI::App& command, SpeculationBenchArguments& arguments) {
  arguments.chat.max_tokens = kDefaultTokens;
  add_speculation_options(command, arguments.chat.model);
  command.add_option("-n,--max-tokens", arguments.chat.max_tokens, "Tokens of an answer at most")
      ->check(CLI::Range(std::int64_t{2}, std::int64_t{1} << 20))
      ->capture_default_str();
  add_sampling_options(command, arguments.chat.sampling);
}

Result<void> bench_speculation(SpeculationBenchArguments arguments) {
  if (arguments.chat.model.speculate == "off") {
    return fail(ErrorCode::kInvalidArgument, "bench speculation", "--speculate",
                "there is nothing to compare", "off", "auto or lookup");
  }
  if (!arguments.chat.sampling.seed) arguments.chat.sampling.seed = kSeed;
  ONDOL_TRY(ChatSession session, ChatSession::create(arguments.chat));
  SpeculationBench bench(session, arguments.n_repeats);
  ONDOL_TRY(const std::vector<Row> rows, bench.run());
  if (arguments.json) {
    print_json(report_json(session, arguments, rows));
  } else {
    print_report(session, arguments, rows);
  }
  return {};
}

}  // namespace ondol::app
