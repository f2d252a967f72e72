#include "text/tools/output_parser.h"

#include <utility>

#include "text/tools/call_reader.h"
#include "text/tools/call_rules.h"
#include "text/tools/tool_list.h"

namespace ondol::text {
namespace {

using Kind = OutputPiece::Kind;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Text of one kind whose white space at the ends may have to go: white space waits
// until something else follows it.
struct Trimmed {
  Kind kind;
  bool at_begin;        // white space is dropped
  std::string waiting;  // white space
};

}  // namespace

// A machine over bytes: where it stands depends on the bytes so far and never on
// how they came. Only the size of the pieces does.
class OutputParser::State {
 public:
  explicit State(OutputParserOptions options)
      : options_(std::move(options)),
        rules_(call_rules(options_.format.syntax)),
        reader_(rules_, options_.functions),
        may_reason_(options_.format.reasoning != nullptr) {
    if (options_.in_reasoning && may_reason_) enter_reasoning();
  }

  void byte(char c);
  void finish();
  std::vector<OutputPiece> take() { return std::exchange(out_, {}); }
  std::size_t n_calls() const { return n_calls_; }

 private:
  enum class At : std::uint8_t {
    kReasoning,
    kContent,
    kOpened,   // behind an opener, before a call
    kCall,     // in a call
    kBetween,  // behind a call
  };
  enum class Match : std::uint8_t { kNone, kPrefix, kWhole };

  void emit(Kind kind, std::string_view text);
  void text_byte(Trimmed& text, char c);
  void enter_reasoning();
  void in_reasoning(char c);

  bool takes_calls() const { return !options_.functions.empty(); }
  Match match_open();
  void in_content(char c);
  void open(std::string_view text);
  void in_opened(char c);
  void begin_call(bool named, char c);
  void in_call(char c);
  void start_call();
  void between(char c);
  void no_call();
  void flush_candidate();

  const OutputParserOptions options_;
  const CallRules& rules_;
  CallReader reader_;
  std::vector<OutputPiece> out_;
  At at_ = At::kContent;
  Trimmed content_{Kind::kContent, false, {}};
  Trimmed reasoning_{Kind::kReasoning, true, {}};
  std::string held_;       // what may be the beginning of a mark
  std::string candidate_;  // what is content if it turns out to be no call
  bool may_reason_;        // reasoning may still open
  bool fresh_ = true;      // nothing but white space and reasoning so far
  bool in_list_ = false;
  bool in_block_ = false;   // behind an opener that has a close
  bool call_open_ = false;  // the call was passed on before its end
  std::size_t n_calls_ = 0;
};

void OutputParser::State::emit(Kind kind, std::string_view text) {
  if (text.empty()) return;
  const bool of_call = kind == Kind::kCallStart || kind == Kind::kCallArguments;
  const std::size_t call = of_call ? n_calls_ - 1 : 0;
  if (!out_.empty() && out_.back().kind == kind && out_.back().call == call) {
    out_.back().text += text;
  } else {
    out_.push_back({kind, call, std::string(text)});
  }
}

void OutputParser::State::text_byte(Trimmed& text, char c) {
  if (is_space(c)) {
    if (!text.at_begin) text.waiting += c;
    return;
  }
  emit(text.kind, std::exchange(text.waiting, {}));
  emit(text.kind, {&c, 1});
  text.at_begin = false;
  if (text.kind == Kind::kContent) fresh_ = false;
}

void OutputParser::State::byte(char c) {
  switch (at_) {
    case At::kReasoning:
      return in_reasoning(c);
    case At::kContent:
      return in_content(c);
    case At::kOpened:
      return in_opened(c);
    case At::kCall:
      return in_call(c);
    case At::kBetween:
      return between(c);
  }
}

void OutputParser::State::enter_reasoning() {
  at_ = At::kReasoning;
  may_reason_ = false;
  held_.clear();
  content_.waiting.clear();
}

void OutputParser::State::in_reasoning(char c) {
  const std::string_view close = options_.format.reasoning->close;
  held_ += c;
  while (!close.starts_with(held_)) {
    text_byte(reasoning_, held_[0]);
    held_.erase(0, 1);
  }
  if (held_ != close) return;
  held_.clear();
  at_ = At::kContent;
  content_.at_begin = true;
}

// Enters what held_ opens, if it is whole.
OutputParser::State::Match OutputParser::State::match_open() {
  Match match = Match::kNone;
  if (may_reason_ && fresh_) {
    const std::string_view mark = options_.format.reasoning->open;
    if (held_ == mark) {
      enter_reasoning();
      return Match::kWhole;
    }
    if (mark.starts_with(held_)) match = Match::kPrefix;
  }
  if (!takes_calls()) return match;
  for (const CallOpener& opener : rules_.openers) {
    if (opener.text.empty() || !opener.text.starts_with(held_)) continue;
    if (options_.enforced && !opener.anywhere && !fresh_) continue;
    if (held_.size() < opener.text.size()) {
      match = Match::kPrefix;
      continue;
    }
    open(opener.text);
    return Match::kWhole;
  }
  return match;
}

void OutputParser::State::in_content(char c) {
  // No grammar writes a bare list, and where one is watching, none is read.
  const bool opens = c == '{' || (c == '[' && rules_.list && !options_.enforced);
  if (takes_calls() && rules_.bare && fresh_ && held_.empty() && opens) {
    open("");
    return in_opened(c);
  }
  held_ += c;
  while (!held_.empty() && match_open() == Match::kNone) {
    text_byte(content_, held_[0]);
    held_.erase(0, 1);
  }
}

void OutputParser::State::open(std::string_view text) {
  in_block_ = !text.empty() && !rules_.close.empty();
  candidate_ += std::exchange(content_.waiting, {});
  candidate_ += text;
  held_.clear();
  in_list_ = false;
  at_ = At::kOpened;
}

void OutputParser::State::in_opened(char c) {
  if (c == '{') return begin_call(false, c);
  if (rules_.named && !in_list_ && is_function_name_byte(c)) return begin_call(true, c);
  const bool opens_list = c == '[' && rules_.list && !in_list_;
  if ((!opens_list && !is_space(c)) || candidate_.size() == kMaxCallBytes) {
    no_call();
    return byte(c);
  }
  if (opens_list) in_list_ = true;
  candidate_ += c;
}

void OutputParser::State::begin_call(bool named, char c) {
  reader_.begin(named, options_.enforced);
  at_ = At::kCall;
  in_call(c);
}

void OutputParser::State::in_call(char c) {
  const CallReader::Step step = reader_.step(c);
  if (step == CallReader::Step::kBad || candidate_.size() == kMaxCallBytes) {
    no_call();
    return byte(c);
  }
  candidate_ += c;
  const bool is_done = step == CallReader::Step::kDone;
  if (reader_.streams() || is_done) {
    if (!call_open_) start_call();
    emit(Kind::kCallArguments, reader_.take_arguments());
    candidate_.clear();
  }
  if (!is_done) return;
  call_open_ = false;
  at_ = At::kBetween;
}

void OutputParser::State::start_call() {
  call_open_ = true;
  fresh_ = false;
  content_.at_begin = true;
  ++n_calls_;
  emit(Kind::kCallStart, reader_.function());
}

void OutputParser::State::between(char c) {
  if (held_.empty()) {
    if (c == '{') return begin_call(false, c);
    if (in_list_ && c == ']') {
      in_list_ = false;
      candidate_.clear();
      return;
    }
    if (is_space(c) || rules_.separators.find(c) != std::string_view::npos) {
      candidate_ += c;
      if (candidate_.size() > kMaxCallBytes) no_call();
      return;
    }
  }
  held_ += c;
  if (in_block_ && rules_.close.starts_with(held_)) {
    if (held_ != rules_.close) return;
    in_block_ = false;
    held_.clear();
    candidate_.clear();
    return;
  }
  if (match_open() != Match::kNone) return;
  // All but the last byte fitted a mark; the last may begin another.
  held_.pop_back();
  candidate_ += std::exchange(held_, {});
  no_call();
  byte(c);
}

// What looked like a call, or like going on to another one, is content.
void OutputParser::State::no_call() {
  call_open_ = false;
  at_ = At::kContent;
  flush_candidate();
}

void OutputParser::State::flush_candidate() {
  for (const char c : std::exchange(candidate_, {})) text_byte(content_, c);
}

void OutputParser::State::finish() {
  const bool half_close = in_block_ && rules_.close.starts_with(held_);
  if (at_ == At::kReasoning) {
    for (const char c : held_) text_byte(reasoning_, c);
    return;
  }
  if (at_ == At::kBetween && (held_.empty() || half_close)) return;
  flush_candidate();
  for (const char c : held_) text_byte(content_, c);
  emit(Kind::kContent, content_.waiting);
}

OutputParser::OutputParser(OutputParserOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
OutputParser::~OutputParser() = default;
OutputParser::OutputParser(OutputParser&&) noexcept = default;
OutputParser& OutputParser::operator=(OutputParser&&) noexcept = default;

std::vector<OutputPiece> OutputParser::push(std::string_view text) {
  for (const char c : text) state_->byte(c);
  return state_->take();
}

std::vector<OutputPiece> OutputParser::finish() {
  state_->finish();
  return state_->take();
}

std::size_t OutputParser::n_calls() const { return state_->n_calls(); }

}  // namespace ondol::text
