// ddim: training against PyTorch on replayed batches, resuming to the same bits, samples in any split, and what it
// refuses.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>
#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>

#include "apps/common/files.h"
#include "apps/common/metrics.h"
#include "apps/ddim/command.h"
#include "apps/ddim/settings.h"
#include "data/digits.h"
#include "data/image_io.h"
#include "engine/kernels/parallel.h"
#include "nn/diffusion_sampler.h"
#include "nn/models/unet.h"
#include "tests/apps/picture_files.h"
#include "tests/apps/run_capture.h"
#include "tests/data/temporary_folder.h"
#include "tests/nn/formula.h"
#include "tests/paths.h"

using namespace sg;
using namespace sg::tests;
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;

namespace {

namespace fs = std::filesystem;

RunResult ddim_run(std::vector<std::string> arguments) {
  const int threads = kernels::threads();
  RunResult result = run_captured(ddim::kName, std::move(arguments), ddim::run_command);
  kernels::set_threads(threads);
  return result;
}

const std::vector<std::string> tiny{"--dim",          "8", "--mults",          "1,2", "--limit-train",  "12",
                                    "--limit-test",   "4", "--batch-size",     "4",   "--sample-every", "0",
                                    "--sample-count", "3", "--sampling-steps", "2",   "--quiet"};

std::vector<std::string> joined(std::vector<std::string> first, const std::vector<std::string>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// A small network's weights in a file.
std::string tiny_model(const TemporaryFolder& folder) {
  nn::Unet network({.dim = 8, .mults = {1, 2}, .channels = 1});
  fill(network, f32);
  const std::string path = (folder.path() / "tiny.safetensors").string();
  nn::save_safetensors(path, network.state());
  return path;
}

/// The batches of the reference's training: x0, noise, t.
std::string replay_file(const TemporaryFolder& folder, std::int64_t steps, std::int64_t batch) {
  const std::int64_t count = steps * batch;
  std::vector<std::int64_t> samples, times;
  for (std::int64_t k = 0; k < count; ++k) {
    samples.push_back(k);
    times.push_back((389 * k + 17) % 1000);
  }
  const data::Digits digits = data::embedded_digits();
  const Shape shape{steps, batch, 1, 28, 28};
  const Tensor x0 = cast(data::read_pictures(digits.train, samples, 0, f64) * 2 - 1, f32);
  const std::string path = (folder.path() / "replay.safetensors").string();
  nn::save_safetensors(path, {{"x0", reshape(x0, shape)},
                              {"noise", unit_noise("replay.noise", shape, f32)},
                              {"t", tensor(std::span<const std::int64_t>(times), {steps, batch})}});
  return path;
}

nn::NamedTensors tensors_of(const fs::path& path) { return nn::load_safetensors(path).tensors; }

void check_same_bits(const nn::NamedTensors& a, const nn::NamedTensors& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO(a[i].first);
    CHECK(a[i].first == b[i].first);
    if (a[i].first == "tensor.seconds") continue;
    CHECK(a[i].second.to_vector<double>() == b[i].second.to_vector<double>());
  }
}

}  // namespace

TEST_CASE("ddim train follows PyTorch's training on replayed batches") {
  const TemporaryFolder folder;
  nn::Unet network({.dim = 16, .channels = 1});
  fill(network, f32);
  const std::string init = (folder.path() / "init.safetensors").string(), out = (folder.path() / "run").string();
  nn::save_safetensors(init, network.state());
  const RunResult result = ddim_run({"train",
                                     "--replay",
                                     replay_file(folder, 10, 4),
                                     "--init",
                                     init,
                                     "--dim",
                                     "16",
                                     "--lr",
                                     "1e-3",
                                     "--loss",
                                     "l2,h1",
                                     "--log-every",
                                     "1",
                                     "--sampling-steps",
                                     "1",
                                     "--sample-count",
                                     "2",
                                     "--out",
                                     out,
                                     "--quiet"});
  INFO(result.error);
  REQUIRE(result.status == 0);
  for (const auto& [loss, key] : {std::pair{"l2", "l2"}, std::pair{"h1", "hs1"}}) {
    const auto expected =
        nn::find(reference("unet.safetensors").tensors, "d16.losses." + std::string(key) + ".f32", "test")
            .to_vector<double>();
    const apps::Metrics metrics = apps::read_metrics(fs::path(out) / loss / "metrics.csv");
    REQUIRE(metrics.rows.size() == 10);
    for (std::size_t i = 0; i < 10; ++i) {
      INFO(loss << " step " << i + 1);
      CHECK(metrics.rows[i].step == static_cast<std::int64_t>(i) + 1);
      CHECK(metrics.rows[i].train_loss.value() == Approx(expected[i]).epsilon(1e-3));
    }
    // As few steps as these the average is a copy of the weights.
    const nn::NamedTensors checkpoint = tensors_of(fs::path(out) / loss / "checkpoint.safetensors");
    check_same_bits(tensors_of(fs::path(out) / loss / "model.safetensors"), nn::with_prefix(checkpoint, "network."));
  }
}

TEST_CASE("ddim train resumes to the same bits with its averages") {
  const TemporaryFolder folder;
  const auto options = joined(tiny, {"--loss", "h1", "--ema-after", "2", "--ema-every", "2", "--ema-decay", "0.9",
                                     "--log-every", "1", "--eval-steps", "2"});
  const fs::path whole = folder.path() / "whole", parts = folder.path() / "parts";
  REQUIRE(ddim_run(joined({"train", "--steps", "7", "--out", whole.string()}, options)).status == 0);
  REQUIRE(ddim_run(joined({"train", "--steps", "5", "--out", parts.string()}, options)).status == 0);
  const RunResult resumed = ddim_run({"--resume", parts.string(), "--steps", "7", "--threads", "1", "--quiet"});
  INFO(resumed.error);
  REQUIRE(resumed.status == 0);
  check_same_bits(tensors_of(whole / "checkpoint.safetensors"), tensors_of(parts / "checkpoint.safetensors"));
  check_same_bits(tensors_of(whole / "model.safetensors"), tensors_of(parts / "model.safetensors"));
  const apps::Metrics a = apps::read_metrics(whole / "metrics.csv"), b = apps::read_metrics(parts / "metrics.csv");
  REQUIRE(a.rows.size() == 7);
  // Step 5 was the end of the shorter run, and so measured there; the others agree.
  for (std::size_t i : {0u, 1u, 2u, 3u, 5u, 6u}) {
    CHECK(a.rows[i].train_loss == b.rows[i].train_loss);
    CHECK(a.rows[i].tests == b.rows[i].tests);
  }
  // The average has left the weights behind.
  const nn::NamedTensors last = nn::with_prefix(tensors_of(whole / "checkpoint.safetensors"), "network.");
  CHECK(nn::find(last, "final_conv.weight", "test").to_vector<float>() !=
        nn::find(tensors_of(whole / "model.safetensors"), "final_conv.weight", "test").to_vector<float>());
  const RunResult other = ddim_run({"train", "--resume", parts.string(), "--ema-decay", "0.5"});
  CHECK(other.status == 2);
  CHECK_THAT(other.error, ContainsSubstring("--ema-decay: the run in"));
}

TEST_CASE("ddim train --fid measures by a classifier that has learned the digits") {
  const TemporaryFolder folder;
  const std::string out = (folder.path() / "run").string();
  const RunResult result = ddim_run({"train",
                                     "--dim",
                                     "8",
                                     "--mults",
                                     "1,2",
                                     "--limit-train",
                                     "600",
                                     "--limit-test",
                                     "60",
                                     "--steps",
                                     "1",
                                     "--sample-every",
                                     "0",
                                     "--loss",
                                     "h1",
                                     "--sample-count",
                                     "1",
                                     "--quiet",
                                     "--out",
                                     out,
                                     "--sampling-steps",
                                     "1",
                                     "--fid",
                                     "--fid-count",
                                     "100"});
  INFO(result.error);
  REQUIRE(result.status == 0);
  const nlohmann::json fid = nlohmann::json::parse(std::ifstream(fs::path(out) / "fid.json"));
  // As many training pictures as samples, though there are fewer test pictures to compare both with.
  CHECK(fid["test_pictures"] == 60);
  CHECK(fid["training_pictures"] == 100);
  // The features of an untrained classifier hardly move: 0.002 between a hundred digits and a hundred others.
  CHECK(fid["real_to_real_distance"].get<double>() > 1);
  CHECK(fid["frechet_distance"].get<double>() > 2 * fid["real_to_real_distance"].get<double>());
}

TEST_CASE("ddim samples are the same for any threads and any split") {
  const TemporaryFolder folder;
  const auto model = std::vector<std::string>{"--model", tiny_model(folder), "--size", "28",     "--sampling-steps",
                                              "3",       "--seed",           "4",      "--quiet"};
  for (const std::string eta : {"0", "0.7"}) {
    int run = 0;
    const auto draw = [&](const std::vector<std::string>& more) {
      const fs::path out = folder.path() / (eta + "-" + std::to_string(run++));
      const RunResult result = ddim_run(joined(joined({"sample", "--eta", eta, "--out", out.string()}, model), more));
      INFO(result.error);
      REQUIRE(result.status == 0);
      return nn::find(tensors_of(out / "samples.safetensors"), "x", "test");
    };
    const Tensor all = draw({"--count", "11", "--threads", "1"});
    CHECK(all.shape() == Shape{11, 1, 28, 28});
    CHECK(min(all).item() >= 0);
    CHECK(max(all).item() <= 1);
    CHECK(draw({"--count", "11", "--threads", "2", "--batch-size", "3"}).to_vector<float>() == all.to_vector<float>());
    CHECK(draw({"--count", "11", "--threads", "2", "--batch-size", "1000"}).to_vector<float>() ==
          all.to_vector<float>());
    CHECK(draw({"--count", "3"}).to_vector<float>() == slice(all, 0, 0, 3).to_vector<float>());
  }
}

TEST_CASE("ddim sample starts from given noise and writes what it promises") {
  const TemporaryFolder folder;
  const std::string model = tiny_model(folder), noise = (folder.path() / "noise.safetensors").string();
  nn::save_safetensors(noise, {{"x", unit_noise("given", {3, 1, 16, 16}, f64)}});
  const fs::path out = folder.path() / "out";
  const RunResult result = ddim_run({"--model", model, "--size", "16", "--init-noise", noise, "--sampling-steps", "4",
                                     "--trajectory", "--out", out.string()});
  INFO(result.error);
  REQUIRE(result.status == 0);
  for (const char* name : {"grid.png", "trajectory.png", "trajectory_x0.png", "sample-0000.png", "sample-0002.png",
                           "config.json", "samples.safetensors"}) {
    INFO(name);
    CHECK(fs::exists(out / name));
  }
  CHECK_FALSE(fs::exists(out / "sample-0003.png"));
  const Tensor x = nn::find(tensors_of(out / "samples.safetensors"), "x", "test");
  CHECK(x.shape() == Shape{3, 1, 16, 16});
  // The same by hand.
  nn::Unet network({.dim = 8, .mults = {1, 2}, .channels = 1});
  fill(network, f32);
  const nn::Diffusion diffusion(nn::NoiseSchedule("sigmoid", 1000), nn::Objective::x0);
  const Tensor expected = nn::sample(diffusion, [&](const Tensor& y, const Tensor& t) { return network(y, t); },
                                     unit_noise("given", {3, 1, 16, 16}, f32), {.steps = 4});
  CHECK(relative_difference(x * 2 - 1, expected) < 1e-4);
  const data::Image picture = data::read_image(out / "sample-0001.png", 1);
  CHECK(picture.width == 16);
  CHECK(picture.height == 16);
  // The folder is a run now, which nothing replaces unasked.
  CHECK(ddim_run({"sample", "--model", model, "--size", "16", "--out", out.string()}).status == 2);
}

TEST_CASE("ddim samples and shows a run by its folder") {
  const TemporaryFolder folder;
  const fs::path run = folder.path() / "run";
  REQUIRE(ddim_run(joined({"train", "--steps", "1", "--loss", "l2,h2", "--schedule", "cosine", "--objective", "pred_v",
                           "--loss-weight", "min-snr", "--out", run.string()},
                          tiny))
              .status == 0);
  CHECK(fs::exists(run / "report.html"));
  CHECK(fs::exists(run / "l2" / "samples.png"));
  const auto config = nlohmann::json::parse(std::ifstream(run / "config.json"));
  CHECK(config["dim"] == 8);
  CHECK(config["channels"] == 1);
  CHECK(config["size"] == 28);
  CHECK(config["parameters"].get<std::int64_t>() > 1000);
  const RunResult info = ddim_run({"info", "--model", run.string()});
  CHECK(info.status == 0);
  CHECK_THAT(info.out, ContainsSubstring("pred_v of a cosine schedule of 1000 times") &&
                           ContainsSubstring("h2/model.safetensors"));
  CHECK(ddim_run({"sample", "--model", (run / "l2").string(), "--count", "1", "--sampling-steps", "1", "--out",
                  (folder.path() / "s").string()})
            .status == 0);
  const RunResult row = ddim_run({"interpolate", "--model", run.string(), "--count", "3", "--pairs", "1",
                                  "--sampling-steps", "1", "--out", (folder.path() / "i").string()});
  INFO(row.error);
  CHECK(row.status == 0);
  CHECK(fs::exists(folder.path() / "i" / "interpolation.png"));
  CHECK_THAT(
      ddim_run({"sample", "--model", run.string(), "--schedule", "linear", "--out", (folder.path() / "n").string()})
          .error,
      ContainsSubstring("--schedule: the run of --model has"));
}

TEST_CASE("ddim brings a network of the digits along") {
  const RunResult info = ddim_run({"info"});
  INFO(info.error);
  CHECK(info.status == 0);
  CHECK_THAT(
      info.out,
      ContainsSubstring("721185") &&
          ContainsSubstring("pictures 1 x 28 x 28, dim 16, mults 1,2,4, pred_x0 of a sigmoid schedule of 1000 times"));
  const TemporaryFolder folder;
  CHECK(
      ddim_run({"sample", "--count", "1", "--sampling-steps", "1", "--quiet", "--out", (folder.path() / "s").string()})
          .status == 0);
  const RunResult other = ddim_run({"sample", "--size", "32", "--out", (folder.path() / "t").string()});
  CHECK(other.status == 2);
  CHECK_THAT(other.error, ContainsSubstring("--size: the network of --model has 28, not 32"));
}

TEST_CASE("ddim refuses what does not fit in one line and leaves nothing behind") {
  const TemporaryFolder folder;
  const fs::path out = folder.path() / "out";
  const std::string model = tiny_model(folder);
  const auto refuses = [&](std::vector<std::string> arguments, const std::string& text) {
    arguments.insert(arguments.end(), {"--out", out.string()});
    const RunResult result = ddim_run(arguments);
    INFO(result.error);
    CHECK(result.status == 2);
    CHECK_THAT(result.error, ContainsSubstring(text));
    CHECK(std::count(result.error.begin(), result.error.end(), '\n') == 1);
    CHECK_FALSE(fs::exists(out));
  };
  const std::string photographs = (sg::test::source_folder() / "data/embedded/photos").string();
  refuses({"train", "--mults", "1,2,2,2"}, "4 mults need a side that is a multiple of 8: 28 is not");
  refuses({"train", "--data", photographs, "--size", "30"}, "multiple of 4: 30 is not");
  refuses({"train", "--data", photographs, "--channels", "2"}, "1 (grey) or 3 (colour), not 2");
  refuses({"train", "--size", "32"}, "--size: the data's pictures are 28 x 28, not 32");
  refuses({"train", "--channels", "3"}, "--channels: the data have 1, not 3");
  refuses({"train", "--loss", "h3"}, "'h3' is not one of");
  refuses({"train", "--objective", "x"}, "--objective");
  refuses({"train", "--dim", "7"}, "--dim: 7");
  refuses({"train", "--mults", "0"}, "--mults");
  refuses({"train", "--sampling-steps", "11", "--timesteps", "10"}, "--sampling-steps: 11 is more than the 10");
  refuses({"train", "--init", model}, "--init: " + model + ": load_state: the tensors are not those of this network");
  refuses({"--replay", model}, "x0");
  refuses({"sample", "--model", model, "--size", "28", "--dim", "16"}, "--dim: the network of --model has 8, not 16");
  refuses({"sample", "--model", folder.path().string()}, "holds no model.safetensors");
  refuses({"sample", "--model", (folder.path() / "none").string()}, "no such file or folder");
  refuses({"sample", "--eta", "2"}, "--eta");
  refuses({"paint"}, "paint: no such command");

  const auto replay = [&](const nn::NamedTensors& tensors) {
    const std::string path = (folder.path() / "bad.safetensors").string();
    nn::save_safetensors(path, tensors);
    return std::vector<std::string>{"train", "--dim", "8", "--mults", "1", "--replay", path};
  };
  const Tensor x0 = zeros({2, 3, 1, 4, 4}), t = zeros({2, 3});
  refuses(replay({{"x0", x0}, {"noise", x0}}), "t");
  refuses(replay({{"x0", x0}, {"noise", zeros({2, 3, 1, 4, 5})}, {"t", t}}), "noise is");
  refuses(replay({{"x0", x0}, {"noise", x0}, {"t", zeros({2, 2})}}), "t is");
  refuses(replay({{"x0", x0 + 2}, {"noise", x0}, {"t", t}}), "x0 holds 2, needs values in [-1, 1]");
  refuses(replay({{"x0", x0}, {"noise", x0}, {"t", t + 0.5}}), "t holds 0.5, needs whole numbers from 0 to 999");
  refuses(replay({{"x0", x0}, {"noise", x0}, {"t", t + 1000}}), "t holds 1000");
  refuses(joined(replay({{"x0", x0}, {"noise", x0}, {"t", t}}), {"--steps", "3"}),
          "--steps: 3 of a --replay file that holds 2");

  const std::string noise = (folder.path() / "noise.safetensors").string();
  nn::save_safetensors(noise, {{"x", zeros({2, 1, 28, 24})}});
  refuses({"sample", "--model", model, "--size", "28", "--init-noise", noise}, "needs [N, 1, 28, 28]");
}

TEST_CASE("ddim train tells in config.json and in its last line which pictures it left out") {
  const TemporaryFolder folder;
  const std::string images = image_folder(folder, "images", 4), out = (folder / "run").string();
  folder.write("images/evil\x1b[31m\n.png", "no picture");
  folder.write("images/text.jpg", "no picture");
  const std::vector<std::string> arguments =
      joined(tiny, {"--data", images, "--size", "16", "--steps", "1", "--loss", "l2", "--out", out});
  const RunResult quiet = ddim_run(joined({"train"}, arguments));
  INFO(quiet.error);
  REQUIRE(quiet.status == 0);
  CHECK(quiet.error.empty());
  CHECK(quiet.out == "report: " + out + "/report.html (2 unreadable pictures left out)\n");
  const auto config = nlohmann::json::parse(apps::read_file(out + "/config.json", 1 << 20));
  REQUIRE(config.at("skipped").size() == 2);
  CHECK(config.at("skipped").at(1).at("name") == "text.jpg");
  CHECK(config.at("data_checksum").get<std::string>().size() == 8);
  std::vector<std::string> loud{"train", "--overwrite"};
  for (const std::string& argument : arguments) {
    if (argument != "--quiet") loud.push_back(argument);
  }
  const RunResult told = ddim_run(loud);
  CHECK(told.status == 0);
  CHECK_THAT(told.error, ContainsSubstring("2 of 6 pictures cannot be read and are left out: evil [31m .png ("));
  CHECK(told.error.find('\x1b') == std::string::npos);
}

TEST_CASE("ddim train --fid refuses too few pictures before it trains") {
  const TemporaryFolder folder;
  const std::string images = image_folder(folder, "images", 2), out = (folder / "run").string();
  const std::vector<std::string> few{"--data", images, "--size", "28", "--crops", "center", "--fid", "--out", out};
  for (const std::string seeds : {"1", "2"}) {
    const RunResult result = ddim_run(joined({"train", "--seeds", seeds}, few));
    CHECK(result.status == 2);
    CHECK_THAT(result.error, ContainsSubstring("--fid: needs at least 2 test and 2 training pictures"));
    CHECK_THAT(result.error, ContainsSubstring("there are 1 and 1"));
    CHECK_FALSE(fs::exists(out));
  }
  const RunResult digits = ddim_run({"train", "--limit-test", "1", "--fid", "--out", out});
  CHECK(digits.status == 2);
  CHECK_THAT(digits.error, ContainsSubstring("--fid: "));
  CHECK_FALSE(fs::exists(out));
}

TEST_CASE("ddim train goes on without the file that it began from") {
  const TemporaryFolder folder;
  const std::string model = tiny_model(folder), out = (folder / "run").string();
  const RunResult begun =
      ddim_run(joined({"train", "--loss", "l2", "--steps", "1", "--init", model, "--out", out}, tiny));
  INFO(begun.error);
  REQUIRE(begun.status == 0);
  fs::remove(model);
  const RunResult resumed = ddim_run({"train", "--resume", out, "--steps", "2"});
  INFO(resumed.error);
  CHECK(resumed.status == 0);
}

TEST_CASE("ddim train knows another replay file by its checksum") {
  const TemporaryFolder folder;
  int runs = 0;
  const auto checksum = [&](std::int64_t batch) {
    const std::string out = (folder / std::to_string(++runs)).string();
    const RunResult result = ddim_run({"train",    "--dim",
                                       "8",        "--mults",
                                       "1,2",      "--sample-every",
                                       "0",        "--sample-count",
                                       "2",        "--sampling-steps",
                                       "2",        "--quiet",
                                       "--loss",   "l2",
                                       "--steps",  "1",
                                       "--replay", replay_file(folder, 2, batch),
                                       "--out",    out});
    INFO(result.error);
    REQUIRE(result.status == 0);
    return nlohmann::json::parse(apps::read_file(out + "/config.json", 1 << 20)).at("data_checksum").get<std::string>();
  };
  const std::string two = checksum(2);
  CHECK(checksum(2) == two);
  CHECK(checksum(3) != two);
}
