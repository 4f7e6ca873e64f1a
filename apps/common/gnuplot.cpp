// Gnuplot: running it, and making its SVG a piece of our page.
#include "apps/common/gnuplot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "apps/common/table.h"

extern char** environ;

namespace sg::apps {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

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

std::string run_gnuplot(const std::string& script) {
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
  // Named as a file, because its standard input gnuplot reads byte by byte.
  char program[] = "gnuplot", standard_input[] = "/dev/stdin";
  char* arguments[] = {program, standard_input, nullptr};
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

std::string embedded_svg(std::string svg, int width, int height, const std::string& label) {
  static std::atomic<int> drawings = 0;
  const int number = ++drawings;
  const std::size_t begin = svg.find("<svg"), head_end = svg.find('>', begin);
  if (begin == std::string::npos || head_end == std::string::npos || svg.find("</svg>") == std::string::npos) return "";
  svg.erase(0, head_end + 1);
  cut_all(svg, "<desc>", "</desc>");
  cut_all(svg, "<title>", "</title>");
  cut_all(svg, "<filter", "</filter>");
  replace_all(svg, " id=\"gnuplot_canvas\"", "");
  cut_all(svg, "<rect x=\"0\" y=\"0\"", "/>");
  // Ids are a page's, so each drawing's get its number; links lose the prefix that only files of their own need.
  for (const char quote : {'"', '\''}) {
    replace_all(svg, fmt::format("id={}gp", quote), fmt::format("id={}c{}gp", quote, number));
    replace_all(svg, fmt::format("id={}gnuplot_", quote), fmt::format("id={}c{}gnuplot_", quote, number));
    replace_all(svg, fmt::format("xlink:href={}#gp", quote), fmt::format("href={}#c{}gp", quote, number));
    replace_all(svg, fmt::format("xlink:href={}data:", quote), fmt::format("href={}data:", quote));
    replace_all(svg, fmt::format("{0}black{0}", quote), fmt::format("{0}currentColor{0}", quote));
  }
  replace_all(svg, "rgb(  0,   0,   0)", "currentColor");
  replace_all(svg, "rgb(0,0,0)", "currentColor");
  return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" class=\"chart\">", width, height,
                     escape_html(label)) +
         svg;
}

}  // namespace sg::apps
