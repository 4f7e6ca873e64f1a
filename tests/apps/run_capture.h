// Run capture: an application's exit status and what it printed.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "apps/common/run_app.h"

namespace sg::tests {

/// Sends a stream's descriptor to a file while it lives.
class Capture {
 public:
  explicit Capture(std::FILE* stream) : stream_(stream), file_(std::tmpfile()) {
    std::fflush(stream_);
    saved_ = ::dup(fileno(stream_));
    ::dup2(fileno(file_), fileno(stream_));
  }
  ~Capture() {
    if (saved_ >= 0) stop();
    std::fclose(file_);
  }
  /// Ends it, and gives what was written.
  std::string stop() {
    std::fflush(stream_);
    ::dup2(saved_, fileno(stream_));
    ::close(saved_);
    saved_ = -1;
    std::string text;
    std::rewind(file_);
    for (int c; (c = std::fgetc(file_)) != EOF;) text += static_cast<char>(c);
    return text;
  }

 private:
  std::FILE* stream_;
  std::FILE* file_;
  int saved_ = -1;
};

struct RunResult {
  int status;
  std::string out;
  std::string error;
};

/// Calls run_app as if started with these arguments.
inline RunResult run_captured(const std::string& app, std::vector<std::string> arguments,
                              const std::function<void(const apps::Arguments&)>& work) {
  arguments.insert(arguments.begin(), app);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  std::cout.flush();
  Capture out(stdout), error(stderr);
  RunResult result{apps::run_app(app, static_cast<int>(argv.size()), argv.data(), work), "", ""};
  std::cout.flush();
  result.error = error.stop();
  result.out = out.stop();
  return result;
}

}  // namespace sg::tests
