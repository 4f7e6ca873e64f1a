// Run app: exit statuses and signals.
#include "apps/common/run_app.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <new>
#include <thread>

#include "apps/common/options.h"
#include "apps/common/ranks.h"
#include "apps/common/values.h"
#include "engine/error.h"
#include "engine/printable.h"

namespace sg::apps {
namespace {

volatile sig_atomic_t signals_seen = 0;

void on_signal(int) {
  if (signals_seen) ::_exit(130);
  signals_seen = 1;
}

/// One line, whatever the text holds, in which a terminal finds no commands.
void print_line(const std::string& app, const char* kind, std::string text) {
  constexpr std::size_t longest = 1000;
  if (!is_first_rank()) {
    // What all ranks meet the first one says, and mpirun ends the others when it has ended; what only this one has met
    // it says itself.
    std::this_thread::sleep_for(std::chrono::seconds(2));
    text = fmt::format("process {} of {}: {}", this_rank(), rank_count(), text);
  }
  std::fflush(stdout);
  const std::string line = fmt::format("{}: {}{}\n", app, kind, printable(text, longest));
  std::fwrite(line.data(), 1, line.size(), stderr);  // also where nobody reads any more
}

/// A stream that the caller has closed would be the number of the next file that is opened, and what is meant for the
/// terminal would go there. The other direction makes writing fail as it would have.
void hold_closed_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

/// 1 when what has been printed cannot be written.
int flush_output(const std::string& app) {
  std::cout.flush();
  if (std::fflush(stdout) == 0 && std::cout) return 0;
  print_line(app, "error: ", "standard output: cannot be written");
  return 1;
}

}  // namespace

bool interrupted() { return signals_seen != 0; }

void stop_interrupted(const std::string& app, const std::string& folder) {
  if (folder.empty()) throw Interrupted("interrupted");
  throw Interrupted(
      fmt::format("interrupted; a checkpoint is written, go on with: {} --resume {}", app, shell_quoted(folder)));
}

int run_app(const std::string& app, int argc, char** argv, const std::function<void(const Arguments&)>& work) {
  hold_closed_streams();
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  signals_seen = 0;
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  struct sigaction old_interrupt {
  }, old_terminate{}, old_hangup{}, old_pipe{};
  sigaction(SIGINT, &action, &old_interrupt);
  sigaction(SIGTERM, &action, &old_terminate);
  sigaction(SIGHUP, &action, &old_hangup);
  if (old_hangup.sa_handler == SIG_IGN) sigaction(SIGHUP, &old_hangup, nullptr);  // under nohup a run goes on
  sigaction(SIGPIPE, &ignore, &old_pipe);  // a reader that goes away must not take the run with it
  int status = 0;
  try {
    work(Arguments(argv + std::min(argc, 1), argv + argc));
    status = flush_output(app);
    finish_ranks();
  } catch (const Finished&) {
    struct stat output {};
    const bool is_pipe = ::fstat(STDOUT_FILENO, &output) == 0 && S_ISFIFO(output.st_mode);
    if (!is_pipe) status = flush_output(app);  // who reads --help through a pipe may have read enough
    finish_ranks();
  } catch (const RankIsDone&) {
    finish_ranks();
  } catch (const Interrupted& stop) {
    if (is_first_rank()) print_line(app, "", stop.what());
    finish_ranks();
    status = 130;
  } catch (const Error& error) {
    print_line(app, "error: ", error.what());
    status = 2;
  } catch (const std::bad_alloc&) {
    print_line(app, "error: ", "not enough memory; a smaller --batch-size needs less");
    status = 1;
  } catch (const std::filesystem::filesystem_error& error) {
    const std::errc code{error.code().value()};
    const bool by_name = code == std::errc::filename_too_long || code == std::errc::permission_denied ||
                         code == std::errc::not_a_directory || code == std::errc::no_such_file_or_directory ||
                         code == std::errc::too_many_symbolic_link_levels;
    print_line(app, "error: ", error.path1().string() + ": " + error.code().message());
    status = by_name ? 2 : 1;
  } catch (const std::exception& error) {
    print_line(app, "error: ", error.what());
    status = 1;
  }
  sigaction(SIGINT, &old_interrupt, nullptr);
  sigaction(SIGTERM, &old_terminate, nullptr);
  signals_seen = 0;  // it has ended this run, and ends no later one
  sigaction(SIGHUP, &old_hangup, nullptr);
  sigaction(SIGPIPE, &old_pipe, nullptr);
  return status;
}

}  // namespace sg::apps
