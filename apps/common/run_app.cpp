// Run app: exit statuses and signals.
#include "apps/common/run_app.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <new>
#include <thread>

#include "apps/common/options.h"
#include "apps/common/ranks.h"
#include "engine/error.h"

namespace sg::apps {
namespace {

volatile sig_atomic_t signals_seen = 0;

void on_signal(int) {
  if (signals_seen) ::_exit(130);
  signals_seen = 1;
}

/// One line, whatever the text holds, in which a terminal finds no commands.
void print_line(const std::string& app, const char* kind, std::string text) {
  if (!is_first_rank()) {
    // What all ranks meet the first one says, and mpirun ends the others when it has ended; what only this one has met
    // it says itself.
    std::this_thread::sleep_for(std::chrono::seconds(2));
    text += fmt::format(" (process {} of {})", this_rank(), rank_count());
  }
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = ' ';
  }
  std::fflush(stdout);
  fmt::print(stderr, "{}: {}{}\n", app, kind, text);
}

}  // namespace

bool interrupted() { return signals_seen != 0; }

void stop_interrupted(const std::string& app, const std::string& folder) {
  if (folder.empty()) throw Interrupted("interrupted");
  throw Interrupted(fmt::format("interrupted; a checkpoint is written, go on with: {} --resume '{}'", app, folder));
}

int run_app(const std::string& app, int argc, char** argv, const std::function<void(const Arguments&)>& work) {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  signals_seen = 0;
  struct sigaction old_interrupt {
  }, old_terminate{};
  sigaction(SIGINT, &action, &old_interrupt);
  sigaction(SIGTERM, &action, &old_terminate);
  int status = 0;
  try {
    work(Arguments(argv + std::min(argc, 1), argv + argc));
    std::cout.flush();
    if (std::fflush(stdout) != 0 || !std::cout) {
      print_line(app, "error: ", "standard output: cannot be written");
      status = 1;
    }
    finish_ranks();
  } catch (const Finished&) {
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
  } catch (const std::exception& error) {
    print_line(app, "error: ", error.what());
    status = 1;
  }
  sigaction(SIGINT, &old_interrupt, nullptr);
  sigaction(SIGTERM, &old_terminate, nullptr);
  signals_seen = 0;  // it has ended this run, and ends no later one
  return status;
}

}  // namespace sg::apps
