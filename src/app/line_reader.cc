#include "app/line_reader.h"

#include <histedit.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <system_error>

#include "base/utf8.h"

namespace ondol::app {
namespace {

constexpr int kHistoryLines = 1000;
constexpr std::string_view kFence = "\"\"\"";

struct EndEditor {
  void operator()(EditLine* editor) const { el_end(editor); }
};
struct EndHistory {
  void operator()(History* history) const { history_end(history); }
};

class TerminalReader : public LineReader {
 public:
  TerminalReader(std::filesystem::path path, int wake_descriptor)
      : path_(std::move(path)), wake_descriptor_(wake_descriptor) {
    // libedit decodes what is typed by the locale; containers often have none.
    std::setlocale(LC_CTYPE, "");
    if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
    history_.reset(history_init());
    HistEvent event{};
    history(history_.get(), &event, H_SETSIZE, kHistoryLines);
    history(history_.get(), &event, H_SETUNIQUE, 1);
    history(history_.get(), &event, H_LOAD, path_.c_str());
    editor_.reset(el_init("ondol", stdin, stdout, stderr));
    el_set(editor_.get(), EL_CLIENTDATA, this);
    el_set(editor_.get(), EL_PROMPT, &TerminalReader::prompt);
    el_set(editor_.get(), EL_GETCFN, &TerminalReader::next_character);
    el_set(editor_.get(), EL_HIST, history, history_.get());
    el_set(editor_.get(), EL_EDITOR, "emacs");
  }

  Line read(const std::string& prompt) override {
    prompt_ = prompt;
    interrupted_ = false;
    int n_bytes = 0;
    const char* text = el_gets(editor_.get(), &n_bytes);
    if (interrupted_ || text == nullptr || n_bytes <= 0) {
      el_reset(editor_.get());
      std::fputc('\n', stdout);
      return {interrupted_ ? Line::Kind::kInterrupt : Line::Kind::kEnd, ""};
    }
    std::string out(text, static_cast<std::size_t>(n_bytes));
    while (!out.empty() && (out.back() == '\n' || out.back() == '\r')) out.pop_back();
    return {Line::Kind::kText, std::move(out)};
  }

  void remember(const std::string& text) override {
    HistEvent event{};
    history(history_.get(), &event, H_ENTER, text.c_str());
    std::error_code ignored;
    std::filesystem::create_directories(path_.parent_path(), ignored);
    history(history_.get(), &event, H_SAVE, path_.c_str());
  }

 private:
  static char* prompt(EditLine* editor) {
    TerminalReader* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return self->prompt_.data();
  }

  // libedit's own reader tries again after a signal; this one gives the line up.
  static int next_character(EditLine* editor, wchar_t* out) {
    TerminalReader* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    std::string bytes;
    do {
      if (self->wait_for_input()) return -1;
      char byte = 0;
      const ssize_t n = ::read(STDIN_FILENO, &byte, 1);
      if (n <= 0) return n < 0 ? -1 : 0;
      bytes += byte;
    } while (is_incomplete_utf8(bytes));
    *out = static_cast<wchar_t>(decode_utf8(bytes).code_point);
    return 1;
  }

  /// True when it was interrupted instead.
  bool wait_for_input() {
    std::array<pollfd, 2> waits = {{{STDIN_FILENO, POLLIN, 0}, {wake_descriptor_, POLLIN, 0}}};
    // A signal that ends the wait has made the pipe readable: look again.
    while (::poll(waits.data(), waits.size(), -1) < 0 && errno == EINTR) {
    }
    interrupted_ = (waits[1].revents & POLLIN) != 0;
    return interrupted_;
  }

  std::filesystem::path path_;
  int wake_descriptor_;
  std::string prompt_;
  bool interrupted_ = false;
  std::unique_ptr<History, EndHistory> history_;
  std::unique_ptr<EditLine, EndEditor> editor_;
};

class PipeReader : public LineReader {
 public:
  Line read(const std::string&) override {
    Line line;
    if (!std::getline(std::cin, line.text)) return {};
    if (!line.text.empty() && line.text.back() == '\r') line.text.pop_back();
    line.kind = Line::Kind::kText;
    return line;
  }
  void remember(const std::string&) override {}
};

// From an opening fence on, until the closing one.
Line read_fenced(LineReader& reader, std::string text) {
  text.erase(0, kFence.size());
  while (!text.ends_with(kFence)) {
    Line next = reader.read("... ");
    if (next.kind == Line::Kind::kInterrupt) return next;
    if (next.kind == Line::Kind::kEnd) return {Line::Kind::kText, text};
    text += (text.empty() ? "" : "\n") + next.text;
  }
  text.resize(text.size() - kFence.size());
  while (text.ends_with('\n')) text.pop_back();
  return {Line::Kind::kText, std::move(text)};
}

}  // namespace

std::unique_ptr<LineReader> make_terminal_reader(const std::filesystem::path& history,
                                                 int wake_descriptor) {
  return std::make_unique<TerminalReader>(history, wake_descriptor);
}

std::unique_ptr<LineReader> make_pipe_reader() { return std::make_unique<PipeReader>(); }

Line read_turn(LineReader& reader) {
  Line line = reader.read("> ");
  if (line.kind != Line::Kind::kText) return line;
  if (line.text.starts_with(kFence)) return read_fenced(reader, std::move(line.text));
  while (line.text.ends_with('\\')) {
    line.text.pop_back();
    Line next = reader.read("... ");
    if (next.kind == Line::Kind::kInterrupt) return next;
    if (next.kind == Line::Kind::kEnd) return line;
    line.text += "\n" + next.text;
  }
  return line;
}

}  // namespace ondol::app
