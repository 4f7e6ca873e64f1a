// Gnuplot: writing its script, running it, and making its page-sized SVG a piece of our page.
#include "apps/common/gnuplot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <thread>

#include "apps/common/chart_style.h"
#include "apps/common/table.h"

extern char** environ;

namespace sg::apps {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

/// A text in gnuplot's quotes. The charts' texts are plain: no markup is understood in them.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c == '\n' || c == '\r' ? ' ' : c);
  return out + "'";
}

/// Gnuplot labels powers of ten only; a range within one decade would stand without a number.
std::string logarithmic_axis(const Chart& chart, char axis, std::vector<double> Series::*values) {
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const Series& series : chart.series) {
    for (const double value : series.*values) {
      if (std::isfinite(value) && value > 0) low = std::min(low, value), high = std::max(high, value);
    }
  }
  std::string script = fmt::format("set logscale {}\n", axis);
  if (!(low < high)) return script;
  low /= 1.1, high *= 1.1;
  std::string ticks;
  for (const double tick : axis_ticks(low, high, 6, true)) {
    ticks += fmt::format("{}'{}' {:.9g}", ticks.empty() ? "" : ", ", show_tick(tick), tick);
  }
  return script + fmt::format("set {0}range [{1:.9g}:{2:.9g}]\nset {0}tics ({3})\n", axis, low, high, ticks);
}

std::string script_of(const Chart& chart, int number) {
  std::string script =
      fmt::format("set encoding utf8\nset terminal svg size {},{} dynamic name 'c{}' font 'sans-serif,13' noenhanced\n",
                  chart.width, chart.height, number);
  if (!chart.title.empty()) script += "set title " + quoted(chart.title) + "\n";
  script += fmt::format("set xlabel {}\nset ylabel {}\n", quoted(chart.x_label), quoted(chart.y_label));
  script +=
      "set border 3 lc rgb 'black' lw 0.7\nset tics nomirror out scale 0.5\nset grid lc rgb '#808080' lw 0.4 dt 1\nset "
      "key outside top center horizontal samplen 2 spacing 1.2\n";
  script += "set datafile missing 'nan'\n";
  if (chart.equal_axes) script += "set size ratio -1\n";
  if (chart.log_x) script += logarithmic_axis(chart, 'x', &Series::x);
  if (chart.log_y) script += logarithmic_axis(chart, 'y', &Series::y);
  std::string plot;
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const Series& series = chart.series[s];
    script += fmt::format("$d{} << END\n", s);
    std::size_t shown = 0;
    for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
      const bool good = std::isfinite(series.x[i]) && std::isfinite(series.y[i]) && (!chart.log_x || series.x[i] > 0) &&
                        (!chart.log_y || series.y[i] > 0);
      script += good ? fmt::format("{:.9g} {:.9g}\n", series.x[i], series.y[i]) : "\n";
      shown += good;
    }
    script += "END\n";
    if (shown == 0) continue;
    const std::string colour = series_colour(series.colour < 0 ? s : static_cast<std::size_t>(series.colour));
    std::string style =
        fmt::format("lines lw {:.3g} lc rgb '{}'{}", 2 * series.weight, colour, series.dashed ? " dt (8,5)" : "");
    if (series.points || shown == 1) {
      style = fmt::format("points pt 7 ps {:.3g} lc rgb '{}'", 0.5 * series.weight, colour);
    }
    if (series.filled) {
      style = fmt::format("filledcurves closed fs transparent solid 0.13 noborder fc rgb '{}'", colour);
    }
    plot += fmt::format("{}$d{} using 1:2 with {} {}", plot.empty() ? "plot " : ", ", s, style,
                        series.name.empty() ? "notitle" : "title " + quoted(series.name));
  }
  return plot.empty() ? "" : script + plot + "\n";
}

/// Runs gnuplot on the script; what it prints, or nothing.
std::string run(const std::string& script) {
  const File in(std::tmpfile()), out(std::tmpfile());
  if (!in || !out || std::fwrite(script.data(), 1, script.size(), in.get()) != script.size() ||
      std::fflush(in.get()) != 0) {
    return "";
  }
  std::rewind(in.get());
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(in.get()), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fileno(out.get()), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  char program[] = "gnuplot";
  char* arguments[] = {program, nullptr};
  pid_t child = 0;
  const int failed = posix_spawnp(&child, program, &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed) return "";
  constexpr auto pause = std::chrono::milliseconds(5);
  constexpr auto patience = std::chrono::seconds(30);
  int status = 0;
  auto waited = std::chrono::milliseconds(0);
  for (pid_t ended = 0; (ended = ::waitpid(child, &status, WNOHANG)) != child; waited += pause) {
    if (ended < 0) return "";
    if (waited > patience) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      return "";
    }
    std::this_thread::sleep_for(pause);
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return "";
  std::string text;
  std::rewind(out.get());
  char buffer[1 << 14];
  for (std::size_t count; (count = std::fread(buffer, 1, sizeof buffer, out.get())) > 0;) text.append(buffer, count);
  return text;
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t place = text.find(from); place != std::string::npos; place = text.find(from, place + to.size())) {
    text.replace(place, from.size(), to);
  }
}

/// Cuts what stands from `from` to `to`, both included, wherever it stands.
void cut_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t begin = text.find(from); begin != std::string::npos; begin = text.find(from, begin)) {
    const std::size_t end = text.find(to, begin + from.size());
    if (end == std::string::npos) return;
    text.erase(begin, end + to.size() - begin);
  }
}

}  // namespace

std::string gnuplot_svg(const Chart& chart) {
  static std::atomic<int> charts = 0;
  const int number = ++charts;
  const std::string script = script_of(chart, number);
  if (script.empty()) return "";
  std::string svg = run(script);
  const std::size_t begin = svg.find("<svg"), head_end = svg.find('>', begin);
  if (begin == std::string::npos || head_end == std::string::npos || svg.find("</svg>") == std::string::npos) return "";
  svg.erase(0, head_end + 1);
  cut_all(svg, "<desc>", "</desc>");
  cut_all(svg, "<title>", "</title>");
  cut_all(svg, "<filter", "</filter>");
  replace_all(svg, " id=\"gnuplot_canvas\"", "");
  cut_all(svg, "<rect x=\"0\" y=\"0\"", "/>");
  // Ids are a page's, so each chart's get its number; links lose the prefix that only files of their own need.
  replace_all(svg, "id=\"gp", fmt::format("id=\"c{}gp", number));
  replace_all(svg, "id='gp", fmt::format("id='c{}gp", number));
  replace_all(svg, "xlink:href='#gp", fmt::format("href='#c{}gp", number));
  replace_all(svg, "xlink:href=\"#gp", fmt::format("href=\"#c{}gp", number));
  replace_all(svg, "\"black\"", "\"currentColor\"");
  replace_all(svg, "'black'", "'currentColor'");
  replace_all(svg, "rgb(  0,   0,   0)", "currentColor");
  replace_all(svg, "rgb(0,0,0)", "currentColor");
  return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" class=\"chart\">", chart.width,
                     chart.height, escape_html(chart.title.empty() ? chart.y_label : chart.title)) +
         svg;
}

}  // namespace sg::apps
