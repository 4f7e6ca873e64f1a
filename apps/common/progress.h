// Progress: one line that renews itself on a terminal, a plain line now and then in a file.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sg::apps {

/// Where a run stands in its set: its number from 1, of how many, and how long the ones after it will take.
struct RunsAround {
  std::int64_t number = 1, count = 1;
  double seconds_after = 0;        // of those whose like has been run
  std::int64_t unknown_after = 0;  // of others, which count as long as this run
};

/// Shows how far a run has come, on standard error.
class Progress {
 public:
  /// `label` stands in front (the loss); counts of the whole run; `first_step` steps were done before (--resume).
  Progress(std::string label, std::int64_t total_epochs, std::int64_t total_steps, bool quiet,
           std::int64_t first_step = 0, RunsAround around = {});
  ~Progress();

  /// Call after each step; draws only as often as one can read. Epochs and steps count from 1.
  void step(std::int64_t epoch, std::int64_t step, double loss);
  /// Whether `step` would draw now: for a loss that is worked out only when it is shown.
  bool due() const;
  /// A line of its own, above the progress: test figures, for instance. Nothing when quiet.
  void note(const std::string& text);
  /// Ends the line.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;

  std::string label_;
  std::int64_t total_epochs_;
  std::int64_t total_steps_;
  std::int64_t first_step_;
  RunsAround around_;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_;
};

/// `1:02:03`, `4:05`, `12 s`.
std::string show_duration(double seconds);

}  // namespace sg::apps
