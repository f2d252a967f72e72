#include <fmt/format.h>

#include <boost/json.hpp>
#include <memory>
#include <optional>

#include "app/chat_session.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/interrupt.h"
#include "app/line_reader.h"
#include "app/pull_model.h"

namespace ondol::app {
namespace {

constexpr std::int64_t kMaxTokens = std::int64_t{1} << 24;

constexpr std::string_view kHelp =
    R"(/system TEXT   set what the model is told first; without TEXT remove it
/clear         forget the conversation
/save FILE     write it as JSON        /load FILE   go on with a saved one
/stats         show or hide speed after each answer
/quit          leave (also Ctrl-D)
Ctrl-C stops an answer. A line that ends in \ goes on in the next; """ begins and
ends a text of several lines.
)";

struct ChatArguments {
  ChatOptions chat;
  std::vector<std::string> question;
  std::string system;
  bool verbose = false;
};

std::filesystem::path history_path(const hub::Store& store) {
  if (!environment("ONDOL_HOME").empty()) return store.root() / "state" / "history";
  const std::string state = environment("XDG_STATE_HOME");
  if (!state.empty()) return std::filesystem::path(state) / "ondol" / "history";
  return std::filesystem::path(environment("HOME")) / ".local" / "state" / "ondol" / "history";
}

// The chat on the screen: turns, slash commands, and what is said about them.
class Chat {
 public:
  Chat(ChatSession& session, const ChatArguments& arguments, const InterruptScope& interrupt)
      : session_(session),
        model_(arguments.chat.model.model),
        interrupt_(interrupt),
        stats_(arguments.verbose) {
    conversation_.set_system(arguments.system);
  }

  /// Asks and prints the answer. After an error the chat is as it was before.
  Result<void> ask(const std::string& question) {
    conversation_.add("user", question);
    auto reply = session_.reply(
        conversation_, [](std::string_view text) { print_model_text(text); },
        [this] { return interrupt_.requested(); });
    if (!reply) {
      conversation_.drop_last();
      return tl::unexpected(std::move(reply).error());
    }
    const Generated& answer = reply->answer;
    if (answer.text.empty() || answer.text.back() != '\n') print("\n");
    flush_output();
    // A stopped answer stays as far as it came; a turn without any is taken back.
    if (answer.text.empty()) {
      conversation_.drop_last();
    } else {
      conversation_.add("assistant", answer.text);
    }
    if (answer.finish_reason == "cancelled") print_note("[stopped]");
    if (reply->context_full) {
      print_note(fmt::format("[the context of {} tokens is full, the answer is cut: {}]",
                             session_.n_context(), session_.advice()));
    }
    if (stats_) print_stats(answer.timings);
    return {};
  }

  /// A line that begins with a slash. Sets quit for /quit.
  Result<void> command(const std::string& line, bool& quit) {
    const auto space = line.find(' ');
    const std::string name = line.substr(0, space);
    const std::string argument = space == std::string::npos ? "" : line.substr(space + 1);
    if (name == "/help") {
      print(kHelp);
    } else if (name == "/clear") {
      conversation_.clear();
      print_note("[forgotten]");
    } else if (name == "/system") {
      conversation_.set_system(argument);
      print_note(argument.empty() ? "[no system message]" : "[system message set]");
    } else if (name == "/save") {
      return save(argument);
    } else if (name == "/load") {
      return load(argument);
    } else if (name == "/stats") {
      stats_ = !stats_;
    } else if (name == "/quit" || name == "/exit") {
      quit = true;
    } else {
      return fail(ErrorCode::kInvalidArgument, name, "", "is no command; /help shows them");
    }
    return {};
  }

 private:
  Result<void> save(const std::string& file) {
    if (file.empty()) return fail(ErrorCode::kInvalidArgument, "/save", "", "needs a file name");
    ONDOL_TRY_VOID(conversation_.save(file, model_));
    const std::size_t n = conversation_.messages().size();
    print_note(fmt::format("[{} message{} saved]", n, n == 1 ? "" : "s"));
    return {};
  }

  Result<void> load(const std::string& file) {
    if (file.empty()) return fail(ErrorCode::kInvalidArgument, "/load", "", "needs a file name");
    ONDOL_TRY(conversation_, Conversation::load(file));
    print_note(fmt::format("[{} messages loaded]", conversation_.messages().size()));
    return {};
  }

  static void print_stats(const engine::Timings& t) {
    const double prefill = t.prefill_ms > 0 ? static_cast<double>(t.n_prompt) / t.prefill_ms : 0;
    const double decode = t.decode_ms > 0 ? static_cast<double>(t.n_decoded - 1) / t.decode_ms : 0;
    const std::string guesses =
        t.n_draft > 0 ? fmt::format(", {} of {} guesses right", t.n_draft_accepted, t.n_draft) : "";
    print_note(fmt::format(
        "[{} tokens read at {:.0f}/s, first after {:.0f} ms; {} written at {:.0f}/s{}]", t.n_prompt,
        prefill * 1000, t.queue_ms + t.prefill_ms, t.n_decoded, decode * 1000, guesses));
  }

  ChatSession& session_;
  Conversation conversation_;
  std::string model_;
  const InterruptScope& interrupt_;
  bool stats_;
};

// One turn of the loop: a slash command or a question.
Result<void> take_turn(Chat& chat, const std::string& text, bool& quit) {
  if (text.starts_with('/')) return chat.command(text, quit);
  return chat.ask(text);
}

Result<void> run_lines(Chat& chat, LineReader& reader, InterruptScope& interrupt, bool terminal) {
  bool interrupted_before = false;
  for (bool quit = false; !quit;) {
    interrupt.reset();
    const Line line = read_turn(reader);
    if (line.kind == Line::Kind::kEnd) return {};
    if (line.kind == Line::Kind::kInterrupt) {
      if (interrupted_before) return {};
      interrupted_before = true;
      print_note("[Ctrl-C once more, Ctrl-D or /quit leaves]");
      continue;
    }
    interrupted_before = false;
    if (line.text.find_first_not_of(" \t\n") == std::string::npos) continue;
    reader.remember(line.text);
    interrupt.reset();
    const auto done = take_turn(chat, line.text, quit);
    if (done) continue;
    if (!terminal) return done;  // a script should not talk on past an error
    print_error(done.error().message());
  }
  return {};
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

Result<void> run_chat(const ChatArguments& arguments) {
  ONDOL_TRY(const hub::Store store, hub::Store::from_environment());
  ONDOL_TRY_VOID(fetch_default_model(store, arguments.chat.model.model));
  ONDOL_TRY(ChatSession session, ChatSession::create(arguments.chat));
  InterruptScope interrupt;
  Chat chat(session, arguments, interrupt);
  if (!arguments.question.empty()) {
    ONDOL_TRY_VOID(chat.ask(joined(arguments.question)));
    if (interrupt.requested()) return fail(ErrorCode::kCancelled, "chat", "", "interrupted");
    return {};
  }
  const bool terminal = stdin_is_terminal() && stdout_is_terminal();
  if (!terminal) {
    const auto reader = make_pipe_reader();
    return run_lines(chat, *reader, interrupt, false);
  }
  print_note(session.description() + "; /help shows what can be done");
  const auto reader = make_terminal_reader(history_path(store), interrupt.wake_descriptor());
  return run_lines(chat, *reader, interrupt, true);
}

}  // namespace

void add_chat(Commands& commands) {
  CLI::App& command = commands.add("chat", "Talk to a model",
                                   R"(  ondol chat
  ondol chat "Name the capital city of France."
  ondol chat -m gemma.gguf --system "Answer in one sentence." --temp 0
  printf 'Hello\nAnd in French?\n' | ondol chat

The default model is fetched on the first run. With a question: one answer, then the
end. Without: a conversation; /help shows its commands. When standard input is no
terminal, each line is a turn and the first error ends it. Model output cannot
control the terminal: its control characters are made visible.)");
  auto arguments = std::make_shared<ChatArguments>();
  arguments->chat.model.model = hub::kDefaultModel;
  add_model_options(command, arguments->chat.model, false);
  add_speculation_options(command, arguments->chat.model);
  command.get_option("--model")->capture_default_str();
  command.add_option("question", arguments->question, "Ask this and exit");
  command.add_option("-s,--system", arguments->system, "What the model is told first");
  command
      .add_option("-n,--max-tokens", arguments->chat.max_tokens,
                  "New tokens of an answer at most; 0 is as the context allows")
      ->check(CLI::Range(std::int64_t{0}, kMaxTokens));
  command.add_flag("-v,--verbose", arguments->verbose, "Show speed after each answer");
  add_sampling_options(command, arguments->chat.sampling);
  commands.on_run(command, [arguments] { return run_chat(*arguments); });
}

}  // namespace ondol::app
