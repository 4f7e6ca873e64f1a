// theory's runs: the files that one leaves, its options, and what it refuses.
#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/common/files.h"
#include "apps/theory/command.h"
#include "apps/theory/experiments.h"
#include "engine/kernels/parallel.h"
#include "tests/apps/run_capture.h"

using namespace sg;
namespace fs = std::filesystem;

namespace {

/// A folder of the test's own, gone at its end.
struct Folder {
  Folder() : path(fs::temp_directory_path() / ("sobograd-theory-" + std::to_string(::getpid()))) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
  fs::path path;
};

tests::RunResult run(const std::vector<std::string>& arguments) {
  return tests::run_captured("theory", arguments, theory::run_command);
}
std::string text_of(const std::string& file) { return apps::read_file(file, 1 << 26); }
std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("theory leaves a run folder with its figures and a report", "[theory]") {
  const Folder folder;
  const tests::RunResult result = run({"hessian", "linear", "--grid", "8", "--draws", "500", "--spectrum", "1,3,9",
                                       "--out", folder / "run", "--quiet"});
  INFO(result.error);
  REQUIRE(result.status == 0);
  CHECK(count(result.out, "\n") == 1);
  CHECK(result.error.empty());
  const nlohmann::json config = nlohmann::json::parse(text_of(folder / "run/config.json"));
  CHECK(config["app"] == "theory");
  CHECK(config["experiments"] == std::vector<std::string>{"hessian", "linear"});
  CHECK(config["grid"] == 8);
  CHECK(config["tolerance"] == 1e-9);
  const std::string hessian = text_of(folder / "run/hessian.csv");
  CHECK(hessian.starts_with("theta,ratio,kappa_l,kappa_h,kappa_l_formula,kappa_h_formula\n"));
  CHECK(count(hessian, "\n") == 65);
  CHECK(text_of(folder / "run/linear.csv").starts_with("quantity,index,l2,h1,l2_predicted,h1_predicted\n"));
  const std::string summary = text_of(folder / "run/summary.csv");
  CHECK(summary.starts_with("experiment,statement,kind,predicted,measured,relative_difference,tolerance,holds\n"));
  CHECK(count(summary, ",yes\n") == count(summary, "\n") - 1);
  const std::string report = text_of(folder / "run/report.html");
  CHECK(count(report, "<h2>") == 3);
  CHECK(count(report, "<svg") >= 4);
  CHECK(report.find("http") == std::string::npos);
  CHECK_FALSE(fs::exists(folder / "run/flow.csv"));

  CHECK(run({"hessian", "--out", folder / "run", "--quiet"}).status == 2);
  CHECK(run({"hessian", "--grid", "5", "--out", folder / "run", "--overwrite", "--quiet"}).status == 0);
  CHECK_FALSE(fs::exists(folder / "run/linear.csv"));
}

TEST_CASE("theory's SGD runs to the same figures on any number of threads", "[theory]") {
  const Folder folder;
  const std::vector<std::string> small{"sgd", "--dimension", "4", "--nodes",      "2",  "--steps",
                                       "30",  "--seeds",     "3", "--batch-size", "20", "--quiet"};
  const int before = kernels::threads();
  for (const std::string threads : {"1", "3"}) {
    std::vector<std::string> arguments = small;
    arguments.insert(arguments.end(), {"--threads", threads, "--out", folder / ("run" + threads)});
    const tests::RunResult result = run(arguments);
    INFO(result.error);
    REQUIRE(result.status == 0);
  }
  kernels::set_threads(before);
  const std::string figures = text_of(folder / "run1/sgd.csv");
  CHECK(figures == text_of(folder / "run3/sgd.csv"));
  CHECK(count(figures, "\n") == 1 + 3 * 2 * 31);
}

TEST_CASE("theory refuses what it does not know, and leaves nothing behind", "[theory]") {
  const Folder folder;
  std::string many_eigenvalues = "1";
  for (int i = 2; i <= 20; ++i) many_eigenvalues += "," + std::to_string(i);
  const std::vector<std::vector<std::string>> wrong{{"linaer"},
                                                    {"linear", "linear"},
                                                    {"--resume", "x"},
                                                    {"linear", "--spectrum", "1"},
                                                    {"linear", "--spectrum", "1,-2"},
                                                    {"linear", "--tolerance", "0"},
                                                    {"linear", "--draws", "10000000", "--spectrum", many_eigenvalues},
                                                    {"nodes", "--node-counts", "2,2"},
                                                    {"nodes", "--node-counts", "1"},
                                                    {"sgd", "--nodes", "20"},
                                                    {"sgd", "--lr", "nan"},
                                                    {"flow", "--starts", "1"},
                                                    {"sgd", "--batch-size", "100000", "--dimension", "1000"},
                                                    {"toeplitz", "--toeplitz-size", "1"}};
  for (std::vector<std::string> arguments : wrong) {
    arguments.insert(arguments.end(), {"--out", folder / "run"});
    const tests::RunResult result = run(arguments);
    INFO(arguments[0] << " " << arguments[1] << ": " << result.error);
    CHECK(result.status == 2);
    CHECK(result.error.starts_with("theory: error: "));
    CHECK(count(result.error, "\n") == 1);
    CHECK_FALSE(fs::exists(folder / "run"));
  }
  CHECK(run({"--help"}).status == 0);
}

TEST_CASE("flows too short for a level say so, and claim nothing of it", "[theory]") {
  const Folder folder;
  const tests::RunResult result =
      run({"flow", "relu2", "--time", "2", "--grid", "5", "--tolerance", "1e-6", "--quiet", "--out", folder / "run"});
  REQUIRE(result.status == 0);
  CHECK(count(text_of(folder / "run/summary.csv"), ",no\n") == 0);
  const std::string page = text_of(folder / "run/report.html");
  CHECK(count(page, "<td>not reached</td>") == 6);
  CHECK(count(page, "not a number") == 0);
  CHECK(count(text_of(folder / "run/summary.csv"), "sooner") == 0);
}

TEST_CASE("a learning rate at which SGD diverges is said, not drawn", "[theory]") {
  const Folder folder;
  const tests::RunResult result = run({"sgd", "--dimension", "4", "--nodes", "2", "--steps", "200", "--seeds", "3",
                                       "--lr", "30", "--quiet", "--out", folder / "run"});
  CHECK(result.status == 1);
  CHECK(result.error.find("--lr") != std::string::npos);
}

TEST_CASE("claims hold by their kind", "[theory]") {
  theory::Section section("name", "title", {"a", "b"});
  section.equal("equal", 2, 2.1, 0.06);
  section.equal("equal", 2, 2.1, 0.04);
  section.at_least("at least", 1, 1);
  section.at_least("at least", 1, 0.9);
  section.at_most("at most", -1, -2);
  section.at_most("at most", 0, 1e-9);
  section.equal("not a number", 1, std::nan(""), 1);
  section.at_least("not a number", 1, std::nan(""));
  std::vector<bool> holds;
  for (const theory::Claim& claim : section.claims()) holds.push_back(claim.holds());
  CHECK(holds == std::vector<bool>{true, false, true, false, true, false, false, false});
  section.row(1.5, "x");
  section.row(std::nan(""), "y");
  CHECK(section.csv() == "a,b\n1.5,x\n,y\n");
  CHECK(claims_csv(section.claims()).ends_with("name,\"not a number\",at_least,1,,,,no\n"));
}
