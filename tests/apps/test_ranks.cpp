// Ranks: the parts of a batch, and trainings shared by several processes, to the same bits.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "apps/common/batch_parts.h"
#include "apps/common/files.h"
#include "apps/common/metrics.h"
#include "apps/mnist_denoise/command.h"
#include "apps/regression/command.h"
#include "engine/ops.h"
#include "nn/conv.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/optim/sgd.h"
#include "tests/apps/run_capture.h"
#include "tests/data/temporary_folder.h"

using namespace sg;
using namespace sg::tests;
namespace fs = std::filesystem;

namespace {

std::string bytes(const fs::path& path) { return apps::read_file(path, 1 << 28); }

/// A convolution and a batch norm.
class Small : public nn::Module {
 public:
  Small() : conv_(1, 2, 3), norm_(2) {
    add_child("conv", conv_);
    add_child("norm", norm_);
    initialise(3);
    to(f64);
  }
  Tensor forward(const Tensor& x) override { return norm_(conv_(x)); }

 private:
  nn::Conv2d conv_;
  nn::BatchNorm2d norm_;
};

fs::path binaries() { return fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "apps"; }

/// OpenMPI's libraries leak, which is not what the address sanitizer should find.
constexpr const char* mpirun =
    "ASAN_OPTIONS=detect_leaks=0 mpirun --allow-run-as-root --oversubscribe --mca mpi_yield_when_idle 1 --mca btl "
    "self,vader";

/// The bits of every model of a run by so many processes.
std::vector<std::string> models_of(int processes, const std::string& command, const fs::path& out) {
  const std::string line = fmt::format("{} -np {} {} --quiet --out {} > {}.txt 2>&1", mpirun, processes,
                                       (binaries() / command).string(), out.string(), out.string());
  const int status = std::system(line.c_str());
  INFO(line << "\n" << apps::read_file(out.string() + ".txt", 1 << 20));
  REQUIRE(status == 0);
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(out)) {
    if (entry.path().filename() == "model.safetensors") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> models;
  for (const fs::path& file : files) models.push_back(bytes(file));
  return models;
}

bool can_run_mpi() {
#ifdef SOBOGRAD_MPI
  return std::system("mpirun --version > /dev/null 2>&1") == 0;
#else
  return false;
#endif
}

}  // namespace

TEST_CASE("the parts of a batch are its rows, each once, for any size", "[ranks]") {
  for (const std::int64_t n : {1, 7, 8, 30, 128}) {
    for (const std::int64_t count : {1, 2, 8, 64}) {
      std::vector<std::int64_t> samples(n), joined;
      for (std::int64_t i = 0; i < n; ++i) samples[i] = 100 + i;
      double shares = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        const data::BatchPart part{i, count};
        const std::vector<std::int64_t> own = part.of(samples);
        joined.insert(joined.end(), own.begin(), own.end());
        shares += part.share(n);
        CHECK(std::abs(part.size(n) - n / count) <= 1);
      }
      CHECK(joined == samples);
      CHECK(shares == Approx(1));
    }
  }
}

TEST_CASE("the gradients of a batch's parts add up to the batch's", "[ranks]") {
  nn::Linear network(3, 2);
  network.initialise(1);
  network.to(f64);
  const nn::SGD optimizer(network, {.learning_rate = 1});
  std::vector<double> numbers(13 * 3);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = std::sin(static_cast<double>(i));
  const Tensor x = tensor(numbers, {13, 3}, f64);
  const auto loss = [&](const data::BatchPart& part) -> Tensor {
    if (part.size(13) == 0) return {};
    const Tensor rows = slice(x, 0, part.first(13), part.last(13));
    return apps::share_of_mean(mean(square(tanh(network(rows)))), part, 13);
  };
  const Tensor whole = loss({});
  const Tensors expected = optimizer.gradients(whole);
  for (const std::int64_t parts : {1, 2, 8, 16}) {  // of sixteen, three are empty
    const apps::StepSums sums = apps::sum_over_parts(network, optimizer, parts, loss);
    CHECK(sums.loss == Approx(whole.item()).epsilon(1e-14));
    REQUIRE(sums.gradients.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CHECK(max(abs(sums.gradients[i] - expected[i])).item() < 1e-15);
    }
  }
  CHECK_THROWS_AS(apps::sum_over_parts(network, optimizer, 3, loss), Error);
}

TEST_CASE("running means after a step are the mean of what the parts of its batch made of them", "[ranks]") {
  const auto pictures = [](std::int64_t first, std::int64_t last) {
    std::vector<double> numbers;
    for (std::int64_t i = first * 16; i < last * 16; ++i) numbers.push_back(std::cos(static_cast<double>(i * i)));
    return tensor(numbers, {last - first, 1, 4, 4}, f64);
  };
  Small shared, first, second;
  const nn::SGD optimizer(shared, {.learning_rate = 1});
  apps::sum_over_parts(shared, optimizer, 2, [&](const data::BatchPart& part) {
    return apps::share_of_mean(mean(square(shared(pictures(part.first(6), part.last(6))))), part, 6);
  });
  eval({first(pictures(0, 3)), second(pictures(3, 6))});
  const nn::NamedTensors found = shared.state(), a = first.state(), b = second.state();
  int means = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto& [name, value] = found[i];
    INFO(name);
    if (name.find("running") != std::string::npos) {
      CHECK(max(abs(value - (a[i].second + b[i].second) / 2)).item() < 1e-15);
      CHECK(max(abs(value - a[i].second)).item() > 1e-6);
      ++means;
    }
    if (name.find("tracked") != std::string::npos) CHECK(value.item() == 1);
  }
  CHECK(means == 2);
}

TEST_CASE("what needs its whole batch cannot be cut into parts", "[ranks]") {
  const TemporaryFolder place;
  const std::string out = place / "run";
  const auto refused = [&](std::vector<std::string> arguments, const std::string& reason) {
    for (const char* argument : {"--batch-parts", "2", "--steps", "1", "--points", "32", "--quiet", "--out"}) {
      arguments.emplace_back(argument);
    }
    arguments.push_back(out);
    const RunResult result = run_captured("regression", arguments, regression::run_command);
    INFO(result.error);
    CHECK(result.status == 2);
    CHECK(result.error.find("--batch-parts: ") != std::string::npos);
    CHECK(result.error.find(reason) != std::string::npos);
    CHECK_FALSE(fs::exists(out));
  };
  refused({"spectrum", "--loss", "l2"}, "whole grid");
  refused({"fit", "--target", "chirp", "--optimizer", "lbfgs", "--loss", "l2"}, "L-BFGS");
  const RunResult three = run_captured("mnist_denoise", {"--batch-parts", "3"}, mnist_denoise::run_command);
  CHECK(three.status == 2);
  CHECK(three.error.find("--batch-parts: 3") != std::string::npos);
}

TEST_CASE("parts of an equation's points of which a side has fewer", "[ranks]") {
  const TemporaryFolder place;
  const auto losses = [&](const std::string& parts) {
    const std::string out = place / ("parts" + parts);
    const RunResult result = run_captured("regression",
                                          {"pinn", "--loss", "h1", "--points", "64", "--steps", "2", "--dtype", "f64",
                                           "--log-every", "1", "--batch-parts", parts, "--quiet", "--out", out},
                                          regression::run_command);
    INFO(result.error);
    REQUIRE(result.status == 0);
    std::vector<double> values;
    for (const auto& row : apps::read_metrics(fs::path(out) / "metrics.csv").rows) values.push_back(*row.train_loss);
    return values;
  };
  const std::vector<double> whole = losses("1"),
                            parts = losses("32");  // 16 points on a side: half of the parts have none
  REQUIRE(parts.size() == whole.size());
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(parts[i] == Approx(whole[i]).epsilon(1e-12));
}

TEST_CASE("1, 2 and 4 processes train to the bits of one alone", "[ranks][release]") {
  if (!can_run_mpi()) {
    WARN("no MPI here: processes are not tried");
    return;
  }
  const TemporaryFolder place;
  const std::string denoiser = "mnist_denoise --loss l2,h1 --steps 4 --batch-size 30 --limit-train 100 --limit-test 10";
  const std::vector<std::string> expected = models_of(1, denoiser, place / "denoiser1");
  REQUIRE(expected.size() == 2);
  CHECK(models_of(2, denoiser, place / "denoiser2") == expected);
  CHECK(models_of(4, denoiser, place / "denoiser4") == expected);
  const RunResult alone =
      run_captured("mnist_denoise",
                   {"--loss", "l2,h1", "--steps", "4", "--batch-size", "30", "--limit-train", "100", "--limit-test",
                    "10", "--batch-parts", "8", "--quiet", "--out", (place / "alone").string()},
                   mnist_denoise::run_command);
  REQUIRE(alone.status == 0);
  CHECK(bytes(place / "alone/h1/model.safetensors") == expected[0]);

  const std::vector<std::string> others{
      "regression distill --loss h1 --steps 3 --points 64 --teacher-steps 5 --projections 2",
      "regression pinn --loss h1 --steps 3 --points 64",
      "ddim train --loss h1 --steps 2 --limit-train 64 --limit-test 8 --sample-count 1 --sample-every 0",
      "image_autoencoder --net resnet18-light --loss h1 --steps 2 --size 32 --exact-directions 1 --limit-test 8",
  };
  for (std::size_t i = 0; i < others.size(); ++i) {
    INFO(others[i]);
    CHECK(models_of(1, others[i], place / fmt::format("a{}", i)) ==
          models_of(4, others[i], place / fmt::format("b{}", i)));
  }
}

TEST_CASE("a run by two processes goes on with four, and with one", "[ranks]") {
  if (!can_run_mpi()) {
    WARN("no MPI here: processes are not tried");
    return;
  }
  const TemporaryFolder place;
  const std::string small = "mnist_denoise --loss h1 --batch-size 30 --limit-train 100 --limit-test 10";
  const std::vector<std::string> whole = models_of(1, small + " --steps 6", place / "whole");
  models_of(2, small + " --steps 2", place / "parts");
  const auto go_on = [&](int processes, int steps) {
    const std::string line =
        fmt::format("{} -np {} {} --resume {} --steps {} --quiet > {}/log 2>&1", mpirun, processes,
                    (binaries() / "mnist_denoise").string(), (place / "parts").string(), steps, place.path().string());
    return std::system(line.c_str());
  };
  REQUIRE(go_on(4, 4) == 0);
  REQUIRE(go_on(1, 6) == 0);
  CHECK(bytes(place / "parts/model.safetensors") == whole[0]);
}
