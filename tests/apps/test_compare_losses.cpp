// A set of seeds and losses: its folders, its report, and going on in the middle of it to the same bits.
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <limits>

#include "apps/common/comparison.h"
#include "apps/common/files.h"
#include "apps/common/statistics.h"
#include "apps/mnist_denoise/command.h"
#include "apps/reproduce/verdict.h"
#include "tests/apps/run_capture.h"
#include "tests/data/temporary_folder.h"

using namespace sg;
using namespace sg::tests;
namespace fs = std::filesystem;

namespace {

RunResult denoise(std::vector<std::string> arguments) {
  return run_captured("mnist_denoise", std::move(arguments), mnist_denoise::run_command);
}

std::vector<std::string> small(const fs::path& out) {
  return {"--limit-train", "64",  "--limit-test", "20", "--batch-size", "32", "--z",   "4",         "--loss", "l2,h1",
          "--seeds",       "0,5", "--steps",      "12", "--eval-steps", "4",  "--out", out.string()};
}

std::string bytes(const fs::path& path) { return apps::read_file(path, 1 << 28); }

}  // namespace

TEST_CASE("a set that is interrupted goes on in its middle to the same bits") {
  const TemporaryFolder place;
  const RunResult whole = denoise(small(place / "whole"));
  INFO(whole.error);
  REQUIRE(whole.status == 0);
  CHECK(whole.out.find("reaches L2's end") != std::string::npos);
  std::thread interrupter([&] {
    while (!fs::exists(place / "parts/seed0/h1/metrics.csv")) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ::kill(::getpid(), SIGINT);
  });
  const RunResult stopped = denoise(small(place / "parts"));
  interrupter.join();
  REQUIRE(stopped.status == 130);
  CHECK(fs::exists(place / "parts/seed0/l2/model.safetensors"));
  CHECK_FALSE(fs::exists(place / "parts/seed5/h1/model.safetensors"));
  const RunResult resumed = denoise({"--resume", (place / "parts").string()});
  INFO(resumed.error);
  REQUIRE(resumed.status == 0);
  for (const char* run : {"seed0/l2", "seed0/h1", "seed5/l2", "seed5/h1"}) {
    INFO(run);
    CHECK(bytes(place / "whole" / run / "model.safetensors") == bytes(place / "parts" / run / "model.safetensors"));
  }
  CHECK(bytes(place / "whole/seed0/l2/model.safetensors") != bytes(place / "whole/seed5/l2/model.safetensors"));
  const RunResult other = denoise({"--resume", (place / "parts").string(), "--seeds", "2"});
  CHECK(other.status == 2);
  CHECK(other.error.find("--seeds") != std::string::npos);

  const std::vector<apps::Run> runs = reproduce::read_runs(place / "whole");
  REQUIRE(runs.size() == 4);
  CHECK(runs.back().seed == 5);
  CHECK(runs.back().loss.name == "l2");
  CHECK(runs.back().metrics.rows.back().step == 12);
  reproduce::Figure figure;
  figure.column = "test_mse";
  const reproduce::Findings findings = reproduce::judge(figure, {"digits", "", {}}, place / "whole");
  CHECK(findings.statements == 1);
  CHECK(findings.table.rows.at(0).at(0) == "digits, h1");
}

TEST_CASE("one seed of a set is what --seed makes of it alone") {
  const TemporaryFolder place;
  REQUIRE(denoise(small(place / "set")).status == 0);
  std::vector<std::string> alone = small(place / "alone");
  for (std::size_t i = 0; i < alone.size(); ++i) {
    if (alone[i] == "--seeds") alone[i] = "--seed", alone[i + 1] = "5";
  }
  REQUIRE(denoise(alone).status == 0);
  CHECK(bytes(place / "set/seed5/h1/model.safetensors") == bytes(place / "alone/h1/model.safetensors"));
}

TEST_CASE("seeds that are none are refused") {
  const TemporaryFolder place;
  for (const std::string seeds : {"0", "1,1", "-2", "x", "1,,2", "5000", ""}) {
    const RunResult result = denoise({"--seeds", seeds, "--out", (place / "run").string()});
    INFO(seeds << ": " << result.error);
    CHECK(result.status == 2);
    CHECK(result.error.find("--seeds") != std::string::npos);
    CHECK_FALSE(fs::exists(place / "run"));
  }
  CHECK(denoise({"--seeds", "2", "--seed", "1"}).error.find("--seed names one already") != std::string::npos);
}

TEST_CASE("medians and quartiles of runs of which some never arrived") {
  const double never = std::numeric_limits<double>::infinity();
  CHECK(apps::median({3, 1, 2}) == 2);
  CHECK(apps::quantile({1, 2, 3, 4}, 0.25) == Approx(1.75));
  CHECK(apps::median({510, never, 480}) == 510);  // an infinite neighbour of no weight
  CHECK(apps::quantile({510, never, 480}, 0.75) == never);
  CHECK(apps::median({never, never, never}) == never);
  CHECK(std::isnan(apps::median({})));
}

TEST_CASE("the verdict on spectral bias compares when low and high tones are half learned") {
  const TemporaryFolder place;
  const auto run = [&](const std::string& loss, int step_of_the_high_ones) {
    std::string table = "step,k1,k2,k3,k4,k5,k6,k7\n";
    for (int step = 10; step <= 50; step += 10) {
      table += fmt::format("{},0.3,0.3,0.3,0.9,{high},{high},{high}\n", step,
                           fmt::arg("high", step >= step_of_the_high_ones ? 0.4 : 0.8));
    }
    apps::write_file_atomically(place / loss / "spectrum.csv", table);
    apps::write_file_atomically(place / loss / "metrics.csv",
                                "step,epoch,seconds,train_loss,test_l2\n10,1,0.1,1,1\n50,1,0.5,0.5,0.5\n");
  };
  for (const char* loss : {"hs-1", "l2", "h1", "hs1.5"}) fs::create_directory(place / loss);
  run("hs-1", 60);  // never
  run("l2", 40);
  run("h1", 20);
  run("hs1.5", 30);
  reproduce::Figure figure;
  figure.rule = reproduce::Rule::frequencies;
  figure.column = "test_l2";
  const reproduce::Findings findings = reproduce::judge(figure, {"tones", "", {}}, place.path());
  REQUIRE(findings.table.rows.size() == 4);
  CHECK(findings.table.rows[1] == std::vector<std::string>{"tones, s = 0", "4", "yes"});
  CHECK(findings.table.rows[2] == std::vector<std::string>{"tones, s = 1", "2", "yes"});
  CHECK(findings.table.rows[3] == std::vector<std::string>{"tones, s = 1.5", "3", "no"});
  CHECK(findings.holds == 2);
  CHECK(findings.statements == 3);
}

TEST_CASE("a verdict says how much of a claim holds") {
  CHECK(reproduce::verdict_of(3, 3) == "holds");
  CHECK(reproduce::verdict_of(1, 3) == "holds in part");
  CHECK(reproduce::verdict_of(0, 3) == "does not hold here");
  CHECK(reproduce::verdict_of(0, 0) == "does not hold here");
}

TEST_CASE("the learning rate rises in the warm-up, falls along half a cosine, and stays at a hundredth") {
  apps::Options options;
  options.lr = 0.1;
  CHECK(options.schedule()(0) == 0.1);
  options.warmup_steps = 4;
  options.cosine_steps = 14;
  const nn::Schedule rate = options.schedule();
  CHECK(std::abs(rate(0) - 0.1 / 5) < 1e-12);
  CHECK(std::abs(rate(4) - 0.1) < 1e-12);
  CHECK(std::abs(rate(9) - (0.1 + 0.001) / 2) < 1e-12);
  CHECK(std::abs(rate(14) - 0.001) < 1e-12);
  CHECK(rate(1000) == rate(14));
}
