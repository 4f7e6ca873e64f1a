// Process: one of the binaries, run as a person runs it.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "data/files.h"
#include "tests/data/temporary_folder.h"

namespace sg::tests {

/// The build's folder: the tests' binary stands in its folder tests.
inline std::filesystem::path build_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
}

struct Ended {
  int status = -1;  // of exit; -1 when a signal ended it
  int signal = 0;
  std::string error;  // what it wrote on standard error
};

/// Runs build/apps/<arguments[0]> to its end, with a fault of fault_preload.c when there is one. With `closed_pipe` its
/// standard output and error are a pipe that nobody reads.
inline Ended run_process(std::vector<std::string> arguments, const std::string& fault = "", bool closed_pipe = false) {
  const TemporaryFolder folder;
  const std::string error_file = folder / "error";
  const std::string binary = build_folder() / "apps" / arguments[0];
  const std::string preload = build_folder() / "tests" / "libfault_preload.so";
  std::vector<char*> argv;
  for (std::string& argument : arguments) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  std::vector<std::string> variables;
  for (char** variable = environ; *variable; ++variable) {
    variables.emplace_back(*variable);
  }
  std::erase_if(variables, [](const std::string& variable) { return variable.starts_with("PATH="); });
  variables.emplace_back("PATH=");  // no gnuplot, whose charts take longer than these runs
  if (!fault.empty()) {
    variables.push_back("SOBOGRAD_FAULT=" + fault);
    variables.push_back("LD_PRELOAD=" + preload);
  }
  std::vector<char*> environment;
  for (std::string& variable : variables) {
    environment.push_back(variable.data());
  }
  environment.push_back(nullptr);
  int pipe_ends[2] = {-1, -1};
  if (closed_pipe && ::pipe(pipe_ends) == 0) {
    ::close(pipe_ends[0]);
  }
  const pid_t child = ::fork();
  if (child == 0) {  // only what a child of a program with threads may do
    const int file = ::open(error_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int null = ::open("/dev/null", O_WRONLY);
    ::dup2(closed_pipe ? pipe_ends[1] : null, STDOUT_FILENO);
    ::dup2(closed_pipe ? pipe_ends[1] : file, STDERR_FILENO);
    ::execve(binary.c_str(), argv.data(), environment.data());
    ::_exit(127);
  }
  if (closed_pipe) {
    ::close(pipe_ends[1]);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  Ended ended;
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  ended.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  ended.error = data::read_file(error_file, 1 << 20);
  return ended;
}

}  // namespace sg::tests
