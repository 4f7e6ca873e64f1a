// regression's runs: run folders, resuming, errors, every task from end to end.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "apps/common/files.h"
#include "apps/common/json_values.h"
#include "apps/common/metrics.h"
#include "apps/common/run_app.h"
#include "apps/regression/command.h"
#include "engine/crc32c.h"
#include "engine/error.h"
#include "engine/kernels/parallel.h"
#include "nn/safetensors.h"

using namespace sg;
namespace fs = std::filesystem;

namespace {

/// A folder of the test's own, empty at its start and gone at its end.
struct Folder {
  Folder() : path(fs::temp_directory_path() / ("sobograd-regression-" + std::to_string(::getpid()))) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
  fs::path path;
};

void run(std::vector<std::string> arguments) {
  arguments.push_back("--quiet");
  regression::run_command(arguments);
}

std::vector<std::string> with(std::vector<std::string> arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::string bytes(const fs::path& path) { return apps::read_file(path, 1 << 28); }

/// metrics.csv without the column of seconds.
std::vector<double> figures(const fs::path& path) {
  std::vector<double> all;
  for (const apps::MetricsRow& row : apps::read_metrics(path).rows) {
    all.push_back(static_cast<double>(row.step));
    all.push_back(row.train_loss.value_or(-1));
    for (const auto& test : row.tests) all.push_back(test.value_or(-1));
  }
  return all;
}

const std::vector<std::string> small_of_any_optimizer{"--target", "chirp",        "--sizes", "1,8,8,1",     "--points",
                                                      "32",       "--eval-steps", "5",       "--log-every", "1"};
const std::vector<std::string> small = with(small_of_any_optimizer, {"--lr", "0.01"});

}  // namespace

TEST_CASE("a run leaves the files of the contract", "[regression]") {
  const Folder folder;
  run(with(small, {"--out", folder / "run", "--steps", "10", "--loss", "l2,h1"}));
  for (const char* file : {"config.json", "report.html", "l2/metrics.csv", "l2/model.safetensors",
                           "l2/checkpoint.safetensors", "h1/fit.png"}) {
    CHECK(fs::exists(folder / (std::string("run/") + file)));
  }
  const apps::Metrics metrics = apps::read_metrics(folder / "run/h1/metrics.csv");
  CHECK(metrics.test_columns == std::vector<std::string>{"test_l2", "test_h1"});
  REQUIRE(metrics.rows.size() == 10);
  CHECK((metrics.rows[4].tests[0].has_value() && !metrics.rows[3].tests[0].has_value()));
  const auto model = nn::load_safetensors(folder / "run/l2/model.safetensors").tensors;
  CHECK(nn::find(model, "fc.2.weight", "test").shape() == Shape{8, 8});
  CHECK_THROWS_AS(run(with(small, {"--out", folder / "run", "--steps", "10"})), Error);
}

TEST_CASE("several seeds of several activations end with their pictures", "[regression]") {
  const Folder folder;
  run({"fit", "--target", "waves2d", "--points", "30", "--sizes", "2,5,1", "--activation", "tanh,sine", "--loss",
       "l2,h1", "--seeds", "2", "--steps", "4", "--eval-steps", "2", "--out", folder / "set"});
  CHECK(fs::exists(folder.path / "set/seed1/sine/h1/model.safetensors"));
  CHECK(fs::exists(folder.path / "set/sine/comparison.png"));
  CHECK(fs::exists(folder.path / "set/report.html"));
}

TEST_CASE("a resumed run has the bits of one that never stopped", "[regression]") {
  const std::string optimizer = GENERATE("adam", "sgd", "adam+lbfgs", "lm");
  const std::string batch = GENERATE("12", "1000");
  if ((optimizer == "adam+lbfgs" || optimizer == "lm") && batch == "12") return;
  const Folder folder;
  const auto common = with(optimizer == "lm" ? small_of_any_optimizer : small,
                           {"--loss", "h1", "--optimizer", optimizer, "--batch-size", batch});
  if (optimizer == "adam+lbfgs") {
    run(with(common, {"--out", folder / "whole", "--steps", "14", "--lbfgs-steps", "8"}));
    run(with(common, {"--out", folder / "parts", "--steps", "14", "--lbfgs-steps", "3"}));
    run({"--resume", folder / "parts", "--lbfgs-steps", "8"});
  } else {
    run(with(common, {"--out", folder / "whole", "--steps", "14"}));
    run(with(common, {"--out", folder / "parts", "--steps", "7"}));
    run({"--resume", folder / "parts", "--steps", "14"});
  }
  CHECK(bytes(folder / "whole/model.safetensors") == bytes(folder / "parts/model.safetensors"));
  // The first part measured the test figures at its own end, too.
  auto whole = apps::read_metrics(folder / "whole/metrics.csv").rows,
       parts = apps::read_metrics(folder / "parts/metrics.csv").rows;
  REQUIRE(whole.size() == parts.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    CHECK(whole[i].step == parts[i].step);
    CHECK(whole[i].train_loss == parts[i].train_loss);
  }
}

TEST_CASE("a run goes on without the files that it began with", "[regression]") {
  const Folder folder;
  const bool is_pinn = GENERATE(false, true);
  // The weights of a PINN's parts depend on the network at the start.
  const std::vector<std::string> common =
      is_pinn ? std::vector<std::string>{"pinn",  "--equation", "heat",     "--points", "20",   "--sizes",
                                         "2,6,1", "--weights",  "gradient", "--loss",   "l2,h1"}
              : with({"fit"}, with(small, {"--loss", "l2,h1"}));
  run(with(common, {"--seed", "5", "--steps", "2", "--out", folder / "start"}));
  const std::string init = folder / "init.safetensors";
  fs::copy_file(folder / "start/l2/model.safetensors", init);
  run(with(common, {"--init", init, "--steps", "8", "--out", folder / "whole"}));
  run(with(common, {"--init", init, "--steps", "4", "--out", folder / "parts"}));
  fs::remove(init);
  run({"--resume", folder / "parts", "--steps", "8"});
  for (const char* model : {"l2/model.safetensors", "h1/model.safetensors"}) {
    CHECK(bytes(folder.path / "whole" / model) == bytes(folder.path / "parts" / model));
  }
  // One that has no checkpoint yet needs the file.
  fs::remove(folder / "parts/h1/checkpoint.safetensors");
  fs::remove(folder / "parts/h1/checkpoint.previous.safetensors");
  CHECK_THROWS_AS(run({"--resume", folder / "parts"}), Error);
}

TEST_CASE("a distillation goes on without the file that its teacher came from", "[regression]") {
  const Folder folder;
  const std::vector<std::string> common{"distill", "--target",        "chirp",   "--points", "20", "--sizes",
                                        "1,4,1",   "--teacher-sizes", "1,8,8,1", "--loss",   "h1"};
  run(with(common, {"--teacher-steps", "3", "--steps", "1", "--out", folder / "teacher"}));
  const std::string teacher = folder / "given.safetensors";
  fs::copy_file(folder / "teacher/teacher.safetensors", teacher);
  run(with(common, {"--teacher", teacher, "--steps", "8", "--out", folder / "whole"}));
  run(with(common, {"--teacher", teacher, "--steps", "4", "--out", folder / "parts"}));
  fs::remove(teacher);
  run({"--resume", folder / "parts", "--steps", "8"});
  CHECK(bytes(folder / "whole/model.safetensors") == bytes(folder / "parts/model.safetensors"));
}

TEST_CASE("config.json holds the checksum of the table's bytes", "[regression]") {
  const Folder folder;
  const std::string table = folder / "table.csv";
  std::ofstream(table) << "x1,u\n0,1\n1,2\n2,3\n3,4\n4,5\n5,6\n";
  run({"--data", table, "--sizes", "1,3,1", "--steps", "1", "--loss", "l2", "--out", folder / "run"});
  const std::string contents = bytes(table);
  const std::string checksum = fmt::format("{:08x}", crc32c(0, contents.data(), contents.size()));
  CHECK(apps::read_config(folder / "run/config.json")["data_checksum"] == checksum);
}

TEST_CASE("regression --overwrite does not remove what the run needs", "[regression]") {
  const Folder folder;
  const std::vector<std::string> common = with(small, {"--loss", "l2", "--steps", "1", "--out", folder / "run"});
  run(common);
  CHECK_THROWS_AS(run(with(common, {"--overwrite", "--init", folder / "run/model.safetensors"})), Error);
  CHECK(fs::exists(folder / "run/model.safetensors"));
  fs::copy_file(folder / "run/model.safetensors", folder / "init.safetensors");
  run(with(common, {"--overwrite", "--init", folder / "init.safetensors"}));
}

TEST_CASE("results do not depend on the number of threads", "[regression]") {
  const Folder folder;
  const int before = kernels::threads();
  run(with(small, {"--out", folder / "one", "--steps", "6", "--loss", "h2", "--threads", "1"}));
  run(with(small, {"--out", folder / "three", "--steps", "6", "--loss", "h2", "--threads", "3"}));
  kernels::set_threads(before);
  CHECK(bytes(folder / "one/model.safetensors") == bytes(folder / "three/model.safetensors"));
  CHECK(figures(folder / "one/metrics.csv") == figures(folder / "three/metrics.csv"));
}

TEST_CASE("every task runs from end to end", "[regression][slow]") {
  const Folder folder;
  const std::vector<std::string> arguments =
      GENERATE(std::vector<std::string>{"--task", "distill", "--points", "40", "--teacher-sizes", "2,12,12,1",
                                        "--sizes", "2,6,1", "--teacher-steps", "5", "--steps", "6"},
               std::vector<std::string>{"distill", "--seeds", "2", "--target", "chirp", "--points", "40",
                                        "--teacher-steps", "5", "--steps", "4", "--projections", "2"},
               std::vector<std::string>{"--task", "pinn", "--equation", "burgers", "--points", "40", "--sizes",
                                        "2,8,8,1", "--steps", "4"},
               std::vector<std::string>{"--task", "pinn", "--equation", "poisson", "--points", "40", "--steps", "4",
                                        "--net", "siren"},
               std::vector<std::string>{"--task", "spectrum", "--points", "64", "--tones", "4", "--steps", "6",
                                        "--eval-steps", "2", "--loss", "l2,hs1.5"},
               std::vector<std::string>{"--task", "derivatives", "--points", "100", "--steps", "4", "--sizes", "2,8,1"},
               std::vector<std::string>{"--target", "waves2d", "--points", "40", "--steps", "4", "--activation",
                                        "relu,gelu", "--loss", "l2,h2"},
               std::vector<std::string>{"--target", "ackley", "--points", "100", "--steps", "4", "--derivatives", "fd4",
                                        "--approximate", "both"},
               std::vector<std::string>{"--target", "twotone", "--points", "64", "--net", "fourier", "--optimizer",
                                        "lbfgs", "--lbfgs-steps", "3"});
  run(with(arguments, {"--out", folder / "run", "--dtype", "f64"}));
  CHECK(fs::exists(folder / "run/report.html"));
  CHECK(fs::file_size(folder / "run/report.html") > 10000);
  if (arguments[1] == "spectrum") {  // --task of old
    const std::string figures = bytes(folder / "run/hs1.5/spectrum.csv");
    CHECK(figures.starts_with("step,k1,k2,k3,k4\n2,"));
    CHECK(bytes(folder / "run/report.html").find("<h2>What the losses weigh</h2>") != std::string::npos);
  }
  if (arguments[1] == "derivatives") CHECK(fs::exists(folder / "run/h1-chebyshev/metrics.csv"));
}

TEST_CASE("a user's table is learned", "[regression]") {
  const Folder folder;
  {
    std::ofstream file(folder / "table.csv");
    file << "x1,u,u_x1\n";
    for (int i = 0; i <= 60; ++i) {
      file << i / 30.0 - 1 << "," << std::sin(i / 30.0 - 1) << "," << std::cos(i / 30.0 - 1) << "\n";
    }
  }
  run({"--data", folder / "table.csv", "--sizes", "1,16,1", "--steps", "400", "--lr", "0.01", "--loss", "l2,h1",
       "--out", folder / "run"});
  const apps::Metrics metrics = apps::read_metrics(folder / "run/h1/metrics.csv");
  CHECK(*metrics.rows.back().tests[0] < 0.05);
}

TEST_CASE("the option --stop-at ends a run when the test error is small enough", "[regression]") {
  const Folder folder;
  run({"--target", "chirp", "--sizes", "1,16,1", "--steps", "100000", "--stop-at", "2", "--loss", "l2", "--eval-steps",
       "3", "--out", folder / "run"});
  CHECK(apps::read_metrics(folder / "run/metrics.csv").rows.back().step < 100);
}

TEST_CASE("steps count for whichever optimiser runs, epochs for whole passes", "[regression]") {
  const Folder folder;
  run(with(small_of_any_optimizer,
           {"--loss", "l2", "--optimizer", "lbfgs", "--steps", "3", "--out", folder / "lbfgs"}));
  CHECK(apps::read_metrics(folder / "lbfgs/metrics.csv").rows.back().step == 3);
  run(with(small,
           {"--loss", "l2", "--batch-size", "10", "--epochs", "2", "--eval-every", "1", "--out", folder / "epochs"}));
  const auto rows = apps::read_metrics(folder / "epochs/metrics.csv").rows;
  CHECK(rows.back().step == 8);
  CHECK(rows.back().epoch == 2);
  CHECK(rows[4].epoch == 2);
  CHECK(rows[4].tests[0].has_value());  // small asks for test figures every 5 steps
}

TEST_CASE("Levenberg-Marquardt minimises the loss that the other optimisers have, and says why it ends",
          "[regression]") {
  const Folder folder;
  const std::vector<std::string> task = GENERATE(
      std::vector<std::string>{"--target", "chirp", "--weights", "1,0.5,0.1"},
      std::vector<std::string>{"--task", "pinn", "--equation", "heat", "--weights", "gradient", "--trace-weight", "3"});
  const bool is_pinn = task[0] == "--task";
  const auto common = with(task, {"--sizes", is_pinn ? "2,6,1" : "1,6,1", "--points", "30", "--dtype", "f64", "--loss",
                                  "l2,h1,h2", "--eval-steps", "1", "--activation", "tanh"});
  run(with(common, {"--optimizer", "adam", "--steps", "1", "--out", folder / "adam"}));
  run(with(common, {"--optimizer", "lm", "--lm-steps", "12", "--out", folder / "lm"}));
  for (const std::string loss : {"l2", "h1", "h2"}) {
    INFO(loss);
    const auto first = apps::read_metrics(folder / ("adam/" + loss + "/metrics.csv")).rows.front();
    const auto rows = apps::read_metrics(folder / ("lm/" + loss + "/metrics.csv")).rows;
    CHECK(std::abs(*rows.front().train_loss / *first.train_loss - 1) < 1e-9);
    CHECK(*rows.back().train_loss < *rows.front().train_loss);
    for (std::size_t i = 1; i < rows.size(); ++i) CHECK(*rows[i].train_loss <= *rows[i - 1].train_loss);
  }
}

TEST_CASE("bad input leaves no run folder behind", "[regression]") {
  const Folder folder;
  const std::vector<std::string> arguments = GENERATE(
      std::vector<std::string>{"--sizes", "3,8,1"}, std::vector<std::string>{"--sizes", "2,0,1"},
      std::vector<std::string>{"--activation", "tan"}, std::vector<std::string>{"--loss", "h3"},
      std::vector<std::string>{"--loss", "hs"}, std::vector<std::string>{"--weights", "1"},
      std::vector<std::string>{"--weights", "0,1,1"}, std::vector<std::string>{"--weights", "1,-1,1"},
      std::vector<std::string>{"--approximate", "both"}, std::vector<std::string>{"--target", "cosine"},
      std::vector<std::string>{"--data", "nowhere.csv"}, std::vector<std::string>{"--init", "nowhere.safetensors"},
      std::vector<std::string>{"--task", "pinn", "--loss", "hs"},
      std::vector<std::string>{"--optimizer", "lbfgs", "--batch-size", "10"},
      std::vector<std::string>{"--optimizer", "lm", "--batch-size", "10"},
      std::vector<std::string>{"--optimizer", "lm", "--target", "chirp", "--loss", "hs1"},
      std::vector<std::string>{"--optimizer", "lm", "--task", "distill"},
      std::vector<std::string>{"--task", "pinn", "--batch-size", "10"},
      std::vector<std::string>{"--task", "pinn", "--data", "/dev/null"},
      std::vector<std::string>{"--task", "spectrum", "--limit-train", "7"},
      std::vector<std::string>{"--target", "chirp", "--loss", "hs", "--points", "20000"},
      std::vector<std::string>{"--task", "distill", "--teacher", "nowhere.safetensors"},
      std::vector<std::string>{"--task", "distill", "--sizes", "2,64,64,64,64,1"},
      std::vector<std::string>{"--task", "spectrum", "--tones", "500"},
      std::vector<std::string>{"--task", "pinn", "--equation", "burgers", "--coefficient", "1e-9"},
      std::vector<std::string>{"--target", "chirp", "--loss", "hs16"},
      std::vector<std::string>{"spectrum", "--decay", "-8", "--tones", "4096", "--points", "10000"},
      std::vector<std::string>{"--weights", "1e300,1,1"}, std::vector<std::string>{"pinn", "--trace-weight", "1e300"},
      std::vector<std::string>{"pinn", "--coefficient", "1e300"},
      std::vector<std::string>{"--net", "siren", "--siren-init", "sitzmann", "--omega0", "1e300"},
      std::vector<std::string>{"--target", "chirp", "--loss", "hs1", "--limit-train", "1"},
      std::vector<std::string>{"derivatives", "--data", "/dev/null"},
      std::vector<std::string>{"--derivatives", "fd4", "--points", "16"});
  CHECK_THROWS_AS(run(with(arguments, {"--out", folder / "run", "--steps", "1"})), Error);
  CHECK(!fs::exists(folder / "run"));
}

TEST_CASE("a loss that is no number stops the run with its step and the primitive", "[regression]") {
  const Folder folder;
  std::string message;
  try {
    run({"--target", "envelope", "--sizes", "1,8,1", "--activation", "relu2", "--optimizer", "sgd", "--lr", "1e30",
         "--loss", "h1", "--steps", "50", "--out", folder / "run"});
  } catch (const apps::RunError& error) {
    message = error.what();
  }
  CHECK(message.find("the loss of step") != std::string::npos);
  CHECK(fs::exists(folder / "run/metrics.csv"));
}
