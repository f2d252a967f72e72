#include "hub/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace ondol::hub {
namespace {

constexpr std::size_t kMaxOutput = 64 << 10;
constexpr int kTickMs = 200;

// Ours, with `extra` in front: the first of a name wins in getenv, so the old
// spelling is left out.
std::vector<std::string> merged_environment(const std::vector<std::string>& extra) {
  std::vector<std::string> out = extra;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view old(*entry);
    const std::string_view name = old.substr(0, old.find('=') + 1);
    bool replaced = false;
    for (const std::string& e : extra) replaced = replaced || e.starts_with(name);
    if (!replaced) out.emplace_back(old);
  }
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// Owns the read end of the pipe and the child until it has been waited for.
class Child {
 public:
  Child(pid_t pid, int fd) : pid_(pid), fd_(fd) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::close(fd_);
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait();
    }
  }
  int fd() const { return fd_; }

  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  pid_t pid_;
  int fd_;
};

Result<pid_t> spawn(const ProcessOptions& options, const std::array<int, 2>& pipe) {
  std::vector<std::string> arguments = options.arguments;
  std::vector<std::string> environment = merged_environment(options.environment);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], 1);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], 2);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, arguments[0].c_str(), &actions, nullptr,
                                   pointers(arguments).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) {
    return fail(ErrorCode::kNotFound, options.arguments[0], "", "this program is not installed");
  }
  if (error != 0) {
    return fail(ErrorCode::kIo, options.arguments[0], "", "cannot be started",
                std::generic_category().message(error));
  }
  return pid;
}

}  // namespace

Result<ProcessResult> run_process(const ProcessOptions& options) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    return fail(ErrorCode::kIo, options.arguments[0], "", "no pipe");
  }
  auto pid = spawn(options, pipe);
  ::close(pipe[1]);
  if (!pid) {
    ::close(pipe[0]);
    return tl::unexpected(std::move(pid).error());
  }
  Child child(*pid, pipe[0]);

  ProcessResult result;
  std::array<char, 4096> buffer{};
  const auto deadline = std::chrono::steady_clock::now() + options.timeout;
  for (;;) {
    if (std::chrono::steady_clock::now() > deadline) {
      return fail(ErrorCode::kLimit, options.arguments[0], "", "took too long and was ended", "",
                  std::to_string(options.timeout.count()) + " s");
    }
    pollfd ready{child.fd(), POLLIN, 0};
    const int n_ready = ::poll(&ready, 1, kTickMs);
    if (options.on_tick) options.on_tick();
    if (n_ready <= 0) continue;
    const ssize_t n = ::read(child.fd(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    result.output.append(buffer.data(), static_cast<std::size_t>(n));
    if (result.output.size() > kMaxOutput) {
      result.output.erase(0, result.output.size() - kMaxOutput);
    }
  }
  result.exit_status = child.wait();
  return result;
}

}  // namespace ondol::hub
