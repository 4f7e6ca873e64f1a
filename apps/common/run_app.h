// Run app: what stands around an application's work: exit statuses, error lines, and Ctrl-C.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace sg::apps {

using Arguments = std::vector<std::string>;

/// Calls `work` with the arguments behind the program's name, and turns how it ends into an exit status: 0 done; 2 for
/// sg::Error, with the line
/// `<app>: error: ...` on standard error; 130 for Interrupted; 1 for anything else. Installs the handlers of
/// `interrupted`.
int run_app(const std::string& app, int argc, char** argv, const std::function<void(const Arguments&)>& work);

/// Whether Ctrl-C, SIGTERM or a terminal that goes away (unless under nohup) has come. A training loop asks after each
/// step, writes its checkpoint and throws Interrupted. The second signal ends the program at once.
bool interrupted();

/// Ends the program with status 130; the text says how to go on.
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// Throws Interrupted with a text that says how to resume the run of this folder, or that there is nothing to resume
/// when empty.
[[noreturn]] void stop_interrupted(const std::string& app, const std::string& folder);

/// Ends the program with status 1 and the message: neither bad input nor a fault of the program, such as a loss that is
/// no number.
class RunError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace sg::apps
