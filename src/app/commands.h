// The commands of `ondol`, one file each. Each add_* puts a subcommand with its
// options and help into the command line; when it is chosen, its action runs
// after parsing and answers a Result that command_line.cc turns into one line
// on stderr (and, under --json, an object on stdout) and an exit code.
//
// Threads: the main thread only.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/error.h"

namespace ondol::app {

inline constexpr const char* kVersion = "0.1.0";  // tests/cli holds it to CMakeLists.txt

class Commands {
 public:
  explicit Commands(CLI::App& app) : app_(app) {}

  CLI::App& root() { return app_; }
  /// A subcommand with a description, and examples at the foot of its help.
  CLI::App& add(const std::string& name, const std::string& description,
                const std::string& examples);
  /// What runs when `command` was chosen.
  void on_run(CLI::App& command, std::function<Result<void>()> action);
  /// Errors are also printed as a JSON object on stdout while *flag is true.
  CLI::Option* add_json_flag(CLI::App& command, bool& flag, const std::string& description);

  Result<void> run_chosen() const { return action_ ? action_() : Result<void>{}; }
  bool chosen() const { return static_cast<bool>(action_); }

 private:
  CLI::App& app_;
  std::function<Result<void>()> action_;
};

void add_chat(Commands& commands);
void add_complete(Commands& commands);
void add_pull(Commands& commands);
void add_list(Commands& commands);
void add_rm(Commands& commands);
void add_inspect(Commands& commands);
void add_tokenize(Commands& commands);
void add_logits(Commands& commands);
void add_perplexity(Commands& commands);
void add_quantize(Commands& commands);
void add_imatrix(Commands& commands);
void add_bench(Commands& commands);
void add_serve(Commands& commands);
void add_certs(Commands& commands);
void add_completion(Commands& commands);

/// The whole program: parses, runs, reports. Answers the exit code.
int run(int argc, const char* const* argv);

}  // namespace ondol::app
