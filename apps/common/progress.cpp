// Progress: drawing it.
#include "apps/common/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace sg::apps {
namespace {

constexpr auto terminal_interval = std::chrono::milliseconds(100);
constexpr auto file_interval = std::chrono::seconds(10);

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

/// A run goes on when nobody reads any more.
void show(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace

std::string show_duration(double seconds) {
  if (!(seconds < 1e8)) return "?";
  const auto whole = static_cast<std::int64_t>(std::llround(std::max(0.0, seconds)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

Progress::Progress(std::string label, std::int64_t total_epochs, std::int64_t total_steps, bool quiet,
                   std::int64_t first_step, RunsAround around)
    : label_(std::move(label)),
      total_epochs_(total_epochs),
      total_steps_(total_steps),
      first_step_(first_step),
      around_(around),
      quiet_(quiet),
      terminal_(::isatty(STDERR_FILENO) == 1) {
  next_ = start_ + (terminal_ ? Clock::duration(terminal_interval) : Clock::duration(file_interval));
}

Progress::~Progress() { finish(); }

bool Progress::due() const { return !quiet_ && Clock::now() >= next_; }

void Progress::step(std::int64_t epoch, std::int64_t step, double loss) {
  if (quiet_) return;
  const auto now = Clock::now();
  if (now < next_ && !(terminal_ && step == total_steps_)) return;
  next_ = now + (terminal_ ? Clock::duration(terminal_interval) : Clock::duration(file_interval));
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = static_cast<double>(step - first_step_) / std::max(seconds, 1e-9);
  const double left = static_cast<double>(total_steps_ - step) / rate;
  std::string line = fmt::format("{}  epoch {}/{}  step {}/{}  loss {:.4g}  {:.3g} steps/s  {} left", label_, epoch,
                                 total_epochs_, step, total_steps_, loss, rate, show_duration(left));
  if (around_.count > 1) {
    const double others =
        around_.seconds_after + static_cast<double>(around_.unknown_after) * static_cast<double>(total_steps_) / rate;
    line = fmt::format("[{}/{}] {}, {} for all", around_.number, around_.count, line, show_duration(left + others));
  }
  if (!terminal_) {
    show(line + "\n");
    return;
  }
  const std::size_t width = terminal_width();
  if (width > 1 && line.size() >= width) line.resize(width - 1);
  show("\r\x1b[K" + line);
  drawn_ = true;
}

void Progress::note(const std::string& text) {
  if (quiet_) return;
  if (drawn_) show("\r\x1b[K");
  show(text + "\n");
  drawn_ = false;
}

void Progress::finish() {
  if (drawn_) show("\n");
  drawn_ = false;
}

}  // namespace sg::apps
