// regression's options: what --help and --quiet print, and options that do not fit each other or the data.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "apps/common/files.h"
#include "apps/regression/command.h"
#include "tests/apps/run_capture.h"
#include "tests/data/temporary_folder.h"

using namespace sg;
using tests::RunResult;
using tests::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

using Arguments = std::vector<std::string>;

RunResult run(const Arguments& arguments) {
  return tests::run_captured("regression", arguments, regression::run_command);
}

Arguments with(Arguments arguments, const Arguments& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

const Arguments small{"--target", "chirp", "--points", "20", "--loss", "l2", "--steps", "4"};

/// The lines of --help that begin with an option.
std::set<std::string> option_lines(const std::string& help) {
  static const std::regex pattern(R"(^  (-h,)?--[a-z0-9-]+.*)");
  std::set<std::string> lines;
  std::istringstream text(help);
  for (std::string line; std::getline(text, line);) {
    if (std::regex_match(line, pattern)) lines.insert(line);
  }
  return lines;
}

}  // namespace

TEST_CASE("regression under --quiet prints where the report is and no more", "[regression]") {
  const TemporaryFolder folder;
  const RunResult result = run(with(small, {"--quiet", "--out", folder / "run"}));
  CHECK(result.status == 0);
  CHECK(result.out == "report: " + (folder / "run/report.html").string() + "\n");
  CHECK(run(with(small, {"--out", folder / "loud"})).out.find("test_l2") != std::string::npos);
}

TEST_CASE("regression --help lists the options of every command with their defaults", "[regression]") {
  const RunResult all = run({"--help"});
  CHECK(all.status == 0);
  const std::set<std::string> listed = option_lines(all.out);
  for (const char* command : {"fit", "distill", "pinn", "spectrum", "derivatives"}) {
    CHECK(all.out.find(std::string("regression ") + command) != std::string::npos);
    const std::set<std::string> own = option_lines(run({command, "--help"}).out);
    CHECK(own.size() > 30);
    CHECK(std::includes(listed.begin(), listed.end(), own.begin(), own.end()));
  }
}

TEST_CASE("a spectral loss takes a regular table whole, in whatever order its rows are", "[regression]") {
  const TemporaryFolder folder;
  std::string rows = "x1,u\n", shuffled = rows;
  for (int i = 0; i < 40; ++i) {
    rows += fmt::format("{},{}\n", 1000 + i / 400.0, i % 7 + 1);
    shuffled += fmt::format("{},{}\n", 1000 + i * 7 % 40 / 400.0, i * 7 % 40 % 7 + 1);
  }
  const Arguments common{"--loss", "l2,hs0.5", "--sizes", "1,6,1", "--steps", "3"};
  const auto fit = [&](const std::string& name, const std::string& table, const Arguments& more) {
    const std::string file = folder.write(name + ".csv", table);
    return run(with(with(common, {"--data", file, "--out", folder / name}), more));
  };
  const RunResult by_itself = fit("whole", rows, {});
  CHECK(by_itself.status == 0);
  CHECK(by_itself.error.find("the test points are the training points") != std::string::npos);
  CHECK(fit("shuffled", shuffled, {"--test-fraction", "0"}).status == 0);
  CHECK(apps::read_file(folder / "whole/hs0.5/model.safetensors", 1 << 20) ==
        apps::read_file(folder / "shuffled/hs0.5/model.safetensors", 1 << 20));
  CHECK(run({"--resume", folder / "whole", "--steps", "5"}).status == 0);
  const RunResult split = fit("split", rows, {"--test-fraction", "0.2"});
  CHECK(split.status == 2);
  CHECK(split.error.find("--test-fraction: 0.2 takes rows out of the regular grid") != std::string::npos);
  const RunResult same = fit("same", "x1,u\n1,1\n1,2\n1,3\n", {});
  CHECK(same.status == 2);
  CHECK(same.error.find("the training points 1 and 2 are the same") != std::string::npos);
  CHECK_FALSE(fs::exists(folder / "same"));
}

TEST_CASE("regression says of an option that every trainer has when it does nothing", "[regression]") {
  const TemporaryFolder folder;
  const Arguments arguments{"--target",    "chirp",      "--points", "8",    "--loss", "l2",          "--optimizer",
                            "lm",          "--lm-steps", "1",        "--lr", "0.1",    "--s",         "0.5",
                            "--hs-length", "2",          "--steps",  "2",    "--out",  folder / "run"};
  const RunResult result = run(arguments);
  CHECK(result.status == 0);
  for (const char* option : {"--lr", "--s", "--hs-length", "--steps"}) {
    INFO(option << " in " << result.error);
    CHECK(result.error.find(std::string("regression: note: ") + option + " ") != std::string::npos);
  }
}

TEST_CASE("regression refuses an option that would do nothing beside the others", "[regression]") {
  const TemporaryFolder folder;
  const std::string table = folder.write("table.csv", "x1,u\n0,1\n1,2\n2,3\n3,4\n4,5\n");
  const std::string teacher = folder / "teacher.safetensors";
  struct Case {
    Arguments arguments;
    std::string refused;
  };
  const std::vector<Case> cases{
      {{"--data", table, "--target", "chirp"}, "--target"},
      {{"--data", table, "--points", "7"}, "--points"},
      {{"--data", table, "--grid"}, "--grid"},
      {{"--test-fraction", "0.2"}, "--test-fraction"},
      {{"--net", "siren", "--sizes", "2,8,1"}, "--sizes"},
      {{"--net", "fourier", "--activation", "tanh"}, "--activation"},
      {{"distill", "--net", "siren", "--teacher-sizes", "2,8,1"}, "--teacher-sizes"},
      {{"--omega0", "20"}, "--omega0"},
      {{"--net", "siren", "--omega0", "20"}, "--omega0"},
      {{"--siren-init", "sitzmann"}, "--siren-init"},
      {{"--lbfgs-steps", "3"}, "--lbfgs-steps"},
      {{"--optimizer", "lm", "--lbfgs-history", "3"}, "--lbfgs-history"},
      {{"--optimizer", "sgd", "--lbfgs-lr", "3"}, "--lbfgs-lr"},
      {{"pinn", "--lm-steps", "3"}, "--lm-steps"},
      {{"--optimizer", "lbfgs", "--lm-damping", "3"}, "--lm-damping"},
      {{"--optimizer", "lbfgs", "--steps", "0"}, "--steps"},
      {{"--approximate", "target"}, "--approximate"},
      {{"--data", table, "--derivatives", "fd2", "--approximate", "both", "--test-fraction", "0.3"}, "--test-fraction"},
      {{"--target", "chirp", "--loss", "hs0.5", "--weights", "1"}, "--weights"},
      {{"distill", "--loss", "l2", "--projections", "2"}, "--projections"},
      {{"distill", "--teacher", teacher, "--teacher-steps", "2"}, "--teacher-steps"},
      {{"pinn", "--equation", "poisson", "--coefficient", "2"}, "--coefficient"},
  };
  for (const Case& one : cases) {
    const RunResult result = run(with(one.arguments, {"--out", folder / "run"}));
    INFO(result.error);
    CHECK(result.status == 2);
    CHECK(result.error.starts_with("regression: error: " + one.refused + ": "));
    CHECK(std::count(result.error.begin(), result.error.end(), '\n') == 1);
    CHECK_FALSE(fs::exists(folder / "run"));
  }
}
