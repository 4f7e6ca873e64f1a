// regression's options: what --help and --quiet print, and options that do not fit each other or the data.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

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
