#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/console.h"

namespace ondol::app {
namespace {

constexpr const char* kFooter = R"(
A model is named by path (a .gguf file or a Hugging Face directory), by catalogue
name (smollm2, gemma3-270m), or as hf:owner/repository[:file][@revision].

Examples:
  ondol chat                             talk to the default model
  ondol chat "Why is the sky blue?"      ask once
  ondol complete -m smollm2 -p "Once upon a time" -n 50
  ondol serve -m smollm2                 an OpenAI-compatible server
  ondol inspect model.gguf

Exit codes:
  0 done                     6 the operating system said no
  2 wrong usage or value     7 network
  3 broken or hostile file   8 out of memory
  4 not supported            9 a limit was reached
  5 not found               70 a bug in ondol, 130 interrupted

Errors are one line on stderr. With --json stdout carries a JSON object in any
case; after an error it is {"error": {"code": ..., "message": ...}}.

Environment:
  ONDOL_HOME                 where models lie (else $XDG_DATA_HOME/ondol, ~/.local/share/ondol)
  ONDOL_API_KEY              a key that `ondol serve` lets in
  ONDOL_WEIGHT_CACHE         on (the default), off, or verify: packed weights kept for fast starts
  ONDOL_WEIGHT_CACHE_MAX     how much of them, as 500MB or 20GB (the default is 32GB)
  ONDOL_LOG                  diagnostics on stderr: debug, info, warn (the default), error
  ONDOL_ISA                  force an instruction set, as --isa does
  ONDOL_THREADS              how many threads compute, as --threads does
  HF_ENDPOINT, HF_TOKEN      for hf: names; the token is sent to the endpoint only
)";

void set_up_log() {
  auto log = spdlog::stderr_color_mt("ondol");
  log->set_pattern("ondol: [%l] %v");
  const std::string wanted = environment("ONDOL_LOG");
  log->set_level(wanted.empty() ? spdlog::level::warn : spdlog::level::from_str(wanted));
  spdlog::set_default_logger(log);
}

bool asks_for_json(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) return true;
  }
  return false;
}

int report(const Error& error, bool json) {
  print_error(error.message());
  if (json) print_json_error(error);
  return exit_code(error.code);
}

// CLI11 throws for --help and --version too; those carry exit code 0.
int report_usage(const CLI::App& app, const CLI::ParseError& error, bool json) {
  if (error.get_exit_code() == 0) return app.exit(error);
  std::string where;
  for (const CLI::App* sub : app.get_subcommands()) where = sub->get_name();
  std::string detail = error.what();
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/false);
  if (where.empty() && !unknown.empty()) detail = "no command '" + unknown.front() + "'";
  while (!detail.empty() && detail.back() == '\n') detail.pop_back();
  for (char& c : detail) c = c == '\n' ? ' ' : c;
  const std::string help = where.empty() ? "ondol --help" : "ondol " + where + " --help";
  return report({ErrorCode::kInvalidArgument, where, "", detail + "; see " + help, "", ""}, json);
}

int run_checked(CLI::App& app, Commands& commands, int argc, const char* const* argv) {
  const bool json = asks_for_json(argc, argv);
  try {
    app.parse(argc, argv);
    const auto result = commands.run_chosen();
    if (!result) return report(result.error(), json);
    return flush_output() ? 0
                          : report({ErrorCode::kIo, "stdout", "", "cannot write", "", ""}, json);
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error, json);
  } catch (const std::bad_alloc&) {
    return report({ErrorCode::kOutOfMemory, "", "", "the system refused memory", "", ""}, json);
  } catch (const std::exception& error) {
    return report({ErrorCode::kInternal, "", "", error.what(), "", ""}, json);
  }
}

}  // namespace

CLI::App& Commands::add(const std::string& name, const std::string& description,
                        const std::string& examples) {
  CLI::App& command = *app_.add_subcommand(name, description);
  command.footer("\nExamples:\n" + examples);
  return command;
}

void Commands::on_run(CLI::App& command, std::function<Result<void>()> action) {
  command.callback([this, action = std::move(action)] { action_ = action; });
}

CLI::Option* Commands::add_json_flag(CLI::App& command, bool& flag,
                                     const std::string& description) {
  return command.add_flag("--json", flag, description);
}

int run(int argc, const char* const* argv) {
  set_up_log();
  CLI::App app("ondol: open language models on your own machine", "ondol");
  app.set_version_flag("--version", std::string("ondol ") + kVersion);
  app.require_subcommand(1);
  app.footer(kFooter);
  Commands commands(app);
  add_pull(commands);
  add_list(commands);
  add_rm(commands);
  add_chat(commands);
  add_complete(commands);
  add_serve(commands);
  add_inspect(commands);
  add_logits(commands);
  add_tokenize(commands);
  add_perplexity(commands);
  add_quantize(commands);
  add_imatrix(commands);
  add_bench(commands);
  add_certs(commands);
  add_completion(commands);
  return run_checked(app, commands, argc, argv);
}

}  // namespace ondol::app
