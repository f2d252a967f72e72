// Lines from a person or a pipe. On a terminal: editing, UTF-8 and history by
// libedit; else plain lines and no prompts.
// Owner: the chat. Threads: the main thread only.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace ondol::app {

struct Line {
  enum class Kind : unsigned char { kText, kEnd, kInterrupt } kind = Kind::kEnd;
  std::string text;  // without the line end
};

class LineReader {
 public:
  virtual ~LineReader() = default;
  /// kInterrupt when a signal came while waiting.
  virtual Line read(const std::string& prompt) = 0;
  /// What one can go back to with the arrow keys.
  virtual void remember(const std::string& text) = 0;
};

/// The history file is made on the first remembered line; an unusable one is
/// ignored. A line is given up when wake_descriptor becomes readable.
std::unique_ptr<LineReader> make_terminal_reader(const std::filesystem::path& history,
                                                 int wake_descriptor);
std::unique_ptr<LineReader> make_pipe_reader();

/// One turn, which may take several lines: a line that ends in a backslash goes on
/// in the next; a line that begins with """ goes on until one that ends with """.
Line read_turn(LineReader& reader);

}  // namespace ondol::app
