// Command: runs the figures' steps one after the other, and writes the page.
#include "apps/reproduce/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "apps/common/files.h"
#include "apps/common/options.h"
#include "apps/common/progress.h"
#include "apps/common/report.h"
#include "apps/reproduce/verdict.h"

extern char** environ;

namespace sg::reproduce {

namespace {

namespace fs = std::filesystem;

struct Settings {
  bool quick = false, full = false;
  std::vector<std::string> names;
  std::string out;
  std::int64_t threads = 0;
  bool quiet = false;
};

/// Runs a program to its end with its output in a file; its exit status.
int run_program(const fs::path& program, const std::vector<std::string>& arguments, const fs::path& log) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  pid_t child = 0;
  const int failed = posix_spawn(&child, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed) fail("reproduce: {}: cannot be started; the build puts it beside this program", program.string());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return 1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 130;
}

std::string command_line(const Step& step) {
  std::string line = step.app;
  for (const std::string& argument : step.arguments) line += " " + argument;
  return line;
}

/// What stands beside the step's folder from its start on: --quick and --full do not share a folder.
void check_command(const Step& step, const fs::path& folder) {
  const fs::path record = folder.string() + ".command";
  const std::string line = command_line(step) + "\n";
  if (!fs::exists(record)) {
    apps::write_file_atomically(record, line);
  } else if (const std::string before = apps::read_file(record, 1 << 20); before != line) {
    fail("--out: {} was made by `{}`, not by `{}`: another folder is needed", folder.string(),
         printable(before.substr(0, before.find('\n'))), command_line(step));
  }
}

/// Runs a step, unless it has been run, or goes on with it.
void run_step(const Settings& settings, const Step& step, const fs::path& folder) {
  check_command(step, folder);
  if (fs::exists(folder / "report.html")) return;
  std::vector<std::string> arguments = step.arguments;
  if (step.app != "theory" && fs::exists(folder / "config.json")) {
    arguments = {"--resume", folder.string()};
    if (step.app == "ddim") arguments.insert(arguments.begin(), "train");
  } else {
    arguments.insert(arguments.end(), {"--out", folder.string(), "--overwrite"});
  }
  if (settings.threads > 0) arguments.insert(arguments.end(), {"--threads", std::to_string(settings.threads)});
  if (settings.quiet) arguments.push_back("--quiet");
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / step.app;
  std::string line = step.app;
  for (const std::string& argument : arguments) line += " " + argument;
  if (!settings.quiet) fmt::print(stderr, "{}\n", line);
  const int status = run_program(program, arguments, folder.string() + ".txt");
  if (status == 130 || apps::interrupted()) {
    throw apps::Interrupted("interrupted; the same command goes on where it stopped");
  }
  if (status != 0) throw apps::RunError(fmt::format("{} ended with status {}", line, status));
}

/// The page as far as the figures have been run.
void write_page(const Settings& settings, const std::vector<Figure>& chosen, const fs::path& out) {
  apps::Report page("Sobolev acceleration, figure by figure",
                    fmt::format("What the paper (Oh, Lyu and Son, arXiv 2509.19773) shows, run again {}. Numbers are "
                                "medians over seeds with both quartiles in brackets.",
                                settings.full ? "at length" : "in short"));
  apps::Table overview{{"figure", "claim", "holds", "verdict"}, {}};
  struct Part {
    const Figure* figure;
    std::vector<Findings> findings;
    std::string verdict;
  };
  std::vector<Part> parts;
  for (const Figure& figure : chosen) {
    Part part{&figure, {}, ""};
    std::size_t holds = 0, statements = 0;
    for (const Step& step : figure.steps) {
      const fs::path folder = out / figure.name / step.name;
      if (!fs::exists(folder / "report.html")) continue;
      part.findings.push_back(judge(figure, step, folder));
      holds += part.findings.back().holds;
      statements += part.findings.back().statements;
    }
    if (part.findings.empty()) continue;
    part.verdict = verdict_of(holds, statements);
    overview.rows.push_back({figure.name, figure.claim, fmt::format("{} of {}", holds, statements), part.verdict});
    parts.push_back(std::move(part));
  }
  page.heading("All figures");
  page.table(overview, "Of how many statements each claim consists here, how many of them hold, and the verdict");
  for (const Part& part : parts) {
    const Figure& figure = *part.figure;
    page.heading(figure.title);
    page.paragraph("Claim: " + figure.claim);
    page.paragraph("Setting: " + figure.setting);
    apps::Table table;
    std::vector<apps::Figure> charts;
    for (const Findings& findings : part.findings) {
      table.header = findings.table.header;
      table.rows.insert(table.rows.end(), findings.table.rows.begin(), findings.table.rows.end());
      charts.insert(charts.end(), findings.charts.begin(), findings.charts.end());
    }
    if (!charts.empty()) page.figures(charts);
    page.table(table, describe(figure.rule));
    page.paragraph("Verdict: " + part.verdict + ".");
    for (const Step& step : figure.steps) page.formula(command_line(step));
  }
  apps::write_file_atomically(out / "index.html", page.page());
  apps::write_file_atomically(out / "verdicts.txt", overview.to_text());
}

}  // namespace

void run_command(const apps::Arguments& arguments) {
  Settings settings;
  std::string list;
  for (const Figure& figure : figures(false)) list += fmt::format("  {:<13} {}\n", figure.name, figure.title);
  apps::OptionParser parser("reproduce",
                            "Every figure of the paper by one command, with numbers over seeds and verdicts.");
  parser.add_positional("FIGURE", settings.names, "the figures; none: all of them", false);
  parser.add_flag("--quick", settings.quick, "in short: 10 to 30 minutes on two cores; the default");
  parser.add_flag("--full", settings.full, "the paper's own lengths as far as a night allows");
  parser.add_path("--out", settings.out, "folder; empty: runs/reproduce-quick or runs/reproduce-full");
  parser.add("--threads", settings.threads, "threads; 0: all cores", apps::between<std::int64_t>(0, 1024));
  parser.add_flag("--quiet", settings.quiet, "no progress; one line at the end");
  parser.footer("Figures:\n" + list + "Started again, it goes on where it was interrupted. The page is index.html.");
  parser.parse(arguments);
  if (settings.quick && settings.full) fail("--full: --quick asks for the opposite");

  std::vector<Figure> chosen;
  const std::vector<Figure> all = figures(settings.full);
  for (const std::string& name : settings.names) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const Figure& figure) { return figure.name == name; });
    if (found == all.end()) fail("{}: no such figure; --help lists them", name);
    chosen.push_back(*found);
  }
  if (settings.names.empty()) chosen = all;
  const fs::path out =
      fs::absolute(settings.out.empty() ? (settings.full ? "runs/reproduce-full" : "runs/reproduce-quick")
                                        : settings.out)
          .lexically_normal();
  double minutes = 0;
  for (const Figure& figure : chosen) {
    const bool done = std::all_of(figure.steps.begin(), figure.steps.end(), [&](const Step& step) {
      return fs::exists(out / figure.name / step.name / "report.html");
    });
    if (!done) minutes += figure.minutes;
  }
  if (!settings.quiet) {
    fmt::print(stderr, "about {} on two free cores, into {}\n", apps::show_duration(60 * minutes), out.string());
  }
  for (const Figure& figure : chosen) {
    std::error_code error;
    fs::create_directories(out / figure.name, error);
    if (error) fail("--out: {}: {}", (out / figure.name).string(), error.message());
    for (const Step& step : figure.steps) run_step(settings, step, out / figure.name / step.name);
    write_page(settings, all, out);
  }
  if (!settings.quiet) fmt::print("{}", apps::read_file(out / "verdicts.txt", 1 << 20));
  fmt::print("report: {}\n", (out / "index.html").string());
}

}  // namespace sg::reproduce
