#include <memory>

#include "app/commands.h"
#include "app/console.h"
#include "hub/catalogue.h"

namespace ondol::app {
namespace {

// What there is to complete, read off the command line's own definition.
struct Entry {
  std::string name;
  std::string description;
  std::vector<std::string> options;  // "--model", "-m", ...
};

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> out;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
    for (const std::string& name : option->get_snames()) out.push_back("-" + name);
  }
  return out;
}

std::vector<Entry> entries(CLI::App& root) {
  std::vector<Entry> out;
  for (const CLI::App* command : root.get_subcommands([](const CLI::App*) { return true; })) {
    out.push_back({command->get_name(), command->get_description(), option_names(*command)});
  }
  return out;
}

std::string words(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& word : list) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string command_words(const std::vector<Entry>& all) {
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const Entry& entry : all) names.push_back(entry.name);
  return words(names);
}

std::string model_words() {
  std::string out;
  for (const auto& entry : hub::catalogue()) {
    out += (out.empty() ? "" : " ") + std::string(entry.name);
  }
  return out;
}

std::string bash_script(const std::vector<Entry>& all) {
  std::string out = R"(# ondol completion for bash: source <(ondol completion bash)
_ondol() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options=
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W ")" +
                    command_words(all) + R"(" -- "$word"))
    return
  fi
  case ${COMP_WORDS[1]} in
)";
  for (const Entry& entry : all) {
    out += "    " + entry.name + ") options=\"" + words(entry.options) + "\" ;;\n";
  }
  out += R"(  esac
  case $before in
    -m | --model | pull | rm | inspect)
      COMPREPLY=($(compgen -W ")" +
         model_words() + R"(" -- "$word") $(compgen -f -- "$word"))
      return ;;
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -o filenames -F _ondol ondol
)";
  return out;
}

std::string zsh_script(const std::vector<Entry>& all) {
  std::string out = R"(#compdef ondol
# ondol completion for zsh: source <(ondol completion zsh)
_ondol() {
  if (( CURRENT == 2 )); then
    compadd )" + command_words(all) +
                    R"(
    return
  fi
  case ${words[CURRENT-1]} in
    -m|--model|pull|rm|inspect) compadd )" +
                    model_words() + R"(; _files; return ;;
  esac
  if [[ ${words[CURRENT]} == -* ]]; then
    case ${words[2]} in
)";
  for (const Entry& entry : all) {
    out += "      " + entry.name + ") compadd -- " + words(entry.options) + " ;;\n";
  }
  out += R"(    esac
  else
    _files
  fi
}
compdef _ondol ondol
)";
  return out;
}

std::string fish_script(const std::vector<Entry>& all) {
  std::string out = "# ondol completion for fish: ondol completion fish | source\n";
  for (const Entry& entry : all) {
    out += "complete -c ondol -n __fish_use_subcommand -f -a " + entry.name + " -d '" +
           entry.description + "'\n";
    for (const std::string& option : entry.options) {
      const bool is_long = option.starts_with("--");
      out += "complete -c ondol -n '__fish_seen_subcommand_from " + entry.name + "' " +
             (is_long ? "-l " + option.substr(2) : "-s " + option.substr(1)) + "\n";
    }
  }
  out += "complete -c ondol -n '__fish_seen_subcommand_from pull rm inspect' -a '" + model_words() +
         "'\n";
  return out;
}

}  // namespace

void add_completion(Commands& commands) {
  CLI::App& command = commands.add("completion", "Print a completion script for a shell",
                                   R"(  source <(ondol completion bash)
  ondol completion zsh > ~/.zfunc/_ondol
  ondol completion fish > ~/.config/fish/completions/ondol.fish)");
  auto shell = std::make_shared<std::string>();
  command.add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  commands.on_run(command, [shell, root = &commands.root()]() -> Result<void> {
    const auto all = entries(*root);
    print(*shell == "bash"  ? bash_script(all)
          : *shell == "zsh" ? zsh_script(all)
                            : fish_script(all));
    return {};
  });
}

}  // namespace ondol::app
