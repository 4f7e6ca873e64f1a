// The benchmark: whole training steps of the workloads, one line each: name, median and minimum milliseconds, peak
// memory in MB. compare.py runs the same workloads in PyTorch (torch_workloads.py), by turns with this binary.
// Besides: where each step's time goes and how that compares with the machine (--roofline), how time grows with the
// work (--scale), memory and time by the number of points (--points), and mixed partials by jets beside nested passes
// (--partials).
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "engine/kernels/parallel.h"
#include "engine/profile.h"
#include "tests/bench/parts/machine.h"
#include "tests/bench/parts/partials.h"
#include "tests/bench/parts/workloads.h"

namespace {

using namespace sg;
using namespace sg::bench;

struct Settings {
  int threads = 0;
  double seconds = 8;
  bool profiled = false;
};

/// Of one workload: milliseconds a step, and what the process needed at most.
struct Figures {
  double median = 0, minimum = 0, peak_mb = 0, steps = 0;
};

Figures measure(const Step& step, const Settings& settings) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  const auto warm = Clock::now();
  for (int i = 0; i < 5 && (i < 2 || since(warm) < 1); ++i) step();
  if (settings.profiled) profile::enable(true);
  std::vector<double> times;
  const auto start = Clock::now();
  while (times.size() < 3 || since(start) < settings.seconds) {
    const auto begin = Clock::now();
    step();
    times.push_back(1e3 * since(begin));
  }
  std::sort(times.begin(), times.end());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {times[times.size() / 2], times[0], static_cast<double>(usage.ru_maxrss) / 1024,
          static_cast<double>(times.size())};
}

/// Runs `work` in a process of its own, so that the peak is the workload's own, and returns the figures that it gives.
template <class Work>
Figures in_process(const std::string& name, const Settings& settings, const Work& work) {
  std::fflush(stdout);
  std::array<int, 2> pipe_ends{};
  if (pipe(pipe_ends.data()) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    if (settings.threads > 0) kernels::set_threads(settings.threads);
    try {
      const Figures figures = work();
      std::fflush(stdout);
      if (write(pipe_ends[1], &figures, sizeof figures) != sizeof figures) _exit(1);
    } catch (const std::exception& error) {
      fmt::print(stderr, "bench: error: {}: {}\n", name, error.what());
      _exit(1);
    }
    _exit(0);
  }
  close(pipe_ends[1]);
  Figures figures;
  const bool whole = read(pipe_ends[0], &figures, sizeof figures) == sizeof figures;
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0 || !whole) throw std::runtime_error(name + " failed");
  return figures;
}

/// Times a workload and prints its line, and under --profile its table.
Figures run(const std::string& name, const std::function<Step()>& make, const Settings& settings) {
  return in_process(name, settings, [&] {
    const Figures figures = measure(make(), settings);
    fmt::print("{} {:.4f} {:.4f} {:.1f}\n", name, figures.median, figures.minimum, figures.peak_mb);
    if (settings.profiled) fmt::print("{} steps\n{}", figures.steps, profile::table());
    return figures;
  });
}

/// The kernels of a workload beside what the machine does at most.
void roofline(const std::string& name, const std::function<Step()>& make, Settings settings, double peak,
              double bandwidth) {
  settings.profiled = true;
  in_process(name, settings, [&] {
    const Figures figures = measure(make(), settings);
    const std::vector<profile::Row> rows = profile::rows();
    double seconds = 0, flops = 0;
    for (const profile::Row& row : rows) {
      seconds += row.seconds;
      flops += row.flops;
    }
    fmt::print("\n{}: {:.3f} ms a step (least {:.3f}), {:.4f} GFLOP, {:.1f} GFLOP/s, {:.0f}% of the peak\n", name,
               figures.median, figures.minimum, 1e-9 * flops / figures.steps,
               1e-6 * flops / figures.steps / figures.median, 1e-4 * flops / figures.steps / figures.median / peak);
    fmt::print("{:>9} {:>6} {:>10} {:>9} {:>8} {:>5} {:>7} {:>5}  kernels\n", "ms/step", "share", "MFLOP", "MB",
               "GFLOP/s", "peak", "GB/s", "copy");
    for (const profile::Row& row : rows) {
      if (row.seconds < 0.002 * seconds) continue;
      fmt::print("{:>9.4f} {:>5.1f}% {:>10.2f} {:>9.2f} {:>8.1f} {:>4.0f}% {:>7.1f} {:>4.0f}%  {}\n",
                 1e3 * row.seconds / figures.steps, 100 * row.seconds / seconds, 1e-6 * row.flops / figures.steps,
                 1e-6 * row.bytes / figures.steps, 1e-9 * row.flops / row.seconds,
                 1e-7 * row.flops / row.seconds / peak, 1e-9 * row.bytes / row.seconds,
                 1e-7 * row.bytes / row.seconds / bandwidth, row.primitive);
    }
    return figures;
  });
}

/// Time against work over doublings: the exponent is 1 where time grows as the work does.
void scale(const Scaling& scaling, const Settings& settings) {
  std::vector<double> works, times;
  for (const std::int64_t size : scaling.sizes) {
    const std::string name = fmt::format("{}[{}={}]", scaling.name, scaling.what, size);
    const Figures figures = run(
        name, [&] { return scaling.make(size); }, settings);
    works.push_back(scaling.power() * std::log(static_cast<double>(size)));
    times.push_back(std::log(figures.minimum));
  }
  double mean_work = 0, mean_time = 0, product = 0, square = 0;
  for (std::size_t i = 0; i < works.size(); ++i) {
    mean_work += works[i] / static_cast<double>(works.size());
    mean_time += times[i] / static_cast<double>(works.size());
  }
  for (std::size_t i = 0; i < works.size(); ++i) {
    product += (works[i] - mean_work) * (times[i] - mean_time);
    square += (works[i] - mean_work) * (works[i] - mean_work);
  }
  fmt::print("{} by {}: time grows as work to the power of {:.3f}\n", scaling.name, scaling.what, product / square);
}

/// Time and memory by the number of points, as tests/bench/README.md has them.
void points(const Settings& settings) {
  fmt::print("| workload | points | ms a step | ns a point | peak MB |\n|---|---|---|---|---|\n");
  for (const Scaling& row : point_counts()) {
    for (const std::int64_t count : row.sizes) {
      const Figures figures = in_process(row.name, settings, [&] { return measure(row.make(count), settings); });
      fmt::print("| {} | {} | {:.2f} | {:.0f} | {:.0f} |\n", row.name, count, figures.minimum,
                 1e6 * figures.minimum / static_cast<double>(count), figures.peak_mb);
    }
  }
}

/// Mixed partials by jets and by nested passes, as tests/bench/README.md has them.
void partials(const Settings& settings) {
  fmt::print("| inputs | order | partials | jets, ms | nested, ms | ratio |\n|---|---|---|---|---|---|\n");
  for (const PartialsCase& row : partials_cases()) {
    const auto time = [&](const std::function<Step()>& make) {
      return in_process("partials", settings, [&] { return measure(make(), settings); }).minimum;
    };
    const double jets = time(row.jets), nested = time(row.nested);
    fmt::print("| {} | {} | {} | {:.2f} | {:.2f} | {:.2f} |\n", row.inputs, row.order, row.count, jets, nested,
               nested / jets);
  }
}

/// 1 when what has been printed cannot be written.
int flush_output() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return 0;
  fmt::print(stderr, "bench: error: standard output: cannot be written\n");
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Times whole training steps; prints name, median ms, minimum ms, peak MB.");
  std::vector<std::string> names;
  Settings settings;
  bool list = false, shows_roofline = false, shows_scale = false, shows_points = false, shows_partials = false;
  app.add_option("workload", names, "workloads to run; all by default");
  app.add_option("--threads", settings.threads, "threads; all cores by default")->check([](const std::string& text) {
    const bool is_count = !text.empty() && text.size() < 5 && text.find_first_not_of("0123456789") == std::string::npos;
    return is_count && std::stoi(text) > 0 ? "" : fmt::format("'{}' is not between 1 and 9999", text);
  });
  app.add_option("--seconds", settings.seconds, "how long each workload is timed")
      ->capture_default_str()
      ->check([](const std::string& text) {
        return std::strtod(text.c_str(), nullptr) > 0 ? "" : fmt::format("more than 0 is needed, not {}", text);
      });
  app.set_version_flag("--version", SOBOGRAD_VERSION, "print the version and stop");
  app.add_flag("--list", list, "name the workloads");
  app.add_flag("--profile", settings.profiled, "time by primitive as well, and the regions that were streamed");
  app.add_flag("--roofline", shows_roofline, "operations, bytes and time of every kernel beside the machine's peaks");
  app.add_flag("--scale", shows_scale, "points, batch, side and channels doubled over three octaves instead");
  app.add_flag("--points", shows_points, "time and memory from 1,000 to 1,000,000 points instead");
  app.add_flag("--partials", shows_partials, "all partials of an order by jets and by nested passes instead");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "bench: error: {}; --help lists the options\n", error.what());
    return 2;
  }
  const auto all = workloads();
  for (const std::string& name : names) {
    if (std::none_of(all.begin(), all.end(), [&](const auto& row) { return row.first == name; })) {
      fmt::print(stderr, "bench: error: no workload {}: --list names them\n", name);
      return 2;
    }
  }
  try {
    if (shows_points) {
      points(settings);
      return flush_output();
    }
    if (shows_partials) {
      partials(settings);
      return flush_output();
    }
    if (shows_scale) {
      for (const Scaling& scaling : scalings()) scale(scaling, settings);
      return flush_output();
    }
    Figures machine;
    if (shows_roofline && !list) {
      machine = in_process("the machine", settings, [] { return Figures{peak_gflops(1), copy_gigabytes(1), 0, 0}; });
      fmt::print("the machine: {:.1f} GFLOP/s of f32 multiply-adds, copies {:.1f} GB/s read and written\n",
                 machine.median, machine.minimum);
    }
    for (const auto& [name, make] : all) {
      if (list) {
        fmt::print("{}\n", name);
        continue;
      }
      if (!names.empty() && std::find(names.begin(), names.end(), name) == names.end()) continue;
      if (shows_roofline) {
        roofline(name, make, settings, machine.median, machine.minimum);
      } else {
        run(name, make, settings);
      }
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench: error: {}\n", error.what());
    return 1;
  }
  return flush_output();
}
