// mnist_denoise's runs: run folders, resuming, interruption, starting weights, threads, errors, the user's pictures.
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "apps/common/files.h"
#include "apps/common/metrics.h"
#include "apps/mnist_denoise/command.h"
#include "data/image_io.h"
#include "engine/kernels/parallel.h"
#include "engine/ops.h"
#include "nn/safetensors.h"
#include "tests/apps/picture_files.h"
#include "tests/apps/run_capture.h"

using namespace sg;
using namespace sg::tests;
namespace fs = std::filesystem;

namespace {

/// A folder of the test's own, empty at its start and gone at its end.
struct Folder {
  Folder() : path(fs::temp_directory_path() / ("sobograd-denoise-" + std::to_string(::getpid()))) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
  fs::path path;
};

RunResult run(std::vector<std::string> arguments) {
  return run_captured("mnist_denoise", std::move(arguments), mnist_denoise::run_command);
}

/// A training small enough for a test, with the options that follow.
RunResult train(const std::vector<std::string>& more) {
  std::vector<std::string> arguments{"--limit-train", "96", "--limit-test", "20", "--batch-size", "32",
                                     "--log-every",   "1",  "--z",          "8"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run(arguments);
}

std::string bytes(const fs::path& path) { return apps::read_file(path, 1 << 28); }

}  // namespace

TEST_CASE("a denoising run leaves the files of the contract, and says where") {
  const Folder folder;
  const RunResult result = train({"--out", folder / "run", "--steps", "4", "--loss", "l2,hs", "--s", "1.5", "--quiet"});
  INFO(result.error);
  REQUIRE(result.status == 0);
  CHECK(result.error.empty());
  CHECK(result.out == "report: " + folder / "run/report.html" + "\n");
  const auto config = nlohmann::json::parse(bytes(folder / "run/config.json"));
  CHECK(config.at("train_count") == 96);
  CHECK(config.at("test_count") == 20);
  CHECK(config.at("batch_size") == 32);
  for (const char* loss : {"l2", "hs1.5"}) {
    const fs::path place = folder.path / "run" / loss;
    CHECK(bytes(place / "metrics.csv").starts_with("step,epoch,seconds,train_loss,test_mse,test_mse_amplified\n1,1,"));
    const apps::Metrics metrics = apps::read_metrics(place / "metrics.csv");
    REQUIRE(metrics.rows.size() == 4);
    CHECK(metrics.rows[2].tests[1].has_value());  // three batches are an epoch
    CHECK_FALSE(metrics.rows[1].tests[0].has_value());
    CHECK(metrics.rows[3].epoch == 2);
    CHECK(nn::find(nn::load_safetensors(place / "model.safetensors").tensors, "decoder.3.weight", "test").shape() ==
          Shape{64, 64, 3, 3});
    CHECK(data::read_image(place / "test.png", 1).height > 28 * 3);
  }
  CHECK(train({"--out", folder / "run", "--steps", "4"}).status == 2);
  CHECK(train({"--out", folder / "run", "--steps", "1", "--loss", "l2", "--overwrite"}).status == 0);
  CHECK(fs::exists(folder / "run/model.safetensors"));
}

TEST_CASE("a denoising run that is resumed has the bits of one that never stopped") {
  const Folder folder;
  const std::string noise = GENERATE("sine", "gauss");
  REQUIRE(train({"--out", folder / "whole", "--steps", "7", "--loss", "l2,h1", "--noise", noise}).status == 0);
  REQUIRE(train({"--out", folder / "parts", "--steps", "4", "--loss", "l2,h1", "--noise", noise}).status == 0);
  REQUIRE(run({"--resume", folder / "parts", "--steps", "7"}).status == 0);
  for (const std::string loss : {"l2/", "h1/"}) {
    CHECK(bytes(folder / ("whole/" + loss + "model.safetensors")) ==
          bytes(folder / ("parts/" + loss + "model.safetensors")));
    const auto whole = apps::read_metrics(folder / ("whole/" + loss + "metrics.csv")).rows;
    const auto parts = apps::read_metrics(folder / ("parts/" + loss + "metrics.csv")).rows;
    REQUIRE(whole.size() == 7);
    REQUIRE(parts.size() == 7);
    for (std::size_t i = 0; i < 7; ++i) CHECK(whole[i].train_loss == parts[i].train_loss);
    CHECK(whole.back().tests == parts.back().tests);
  }
  const RunResult other = run({"--resume", folder / "parts", "--noise", noise == "sine" ? "gauss" : "sine"});
  CHECK(other.status == 2);
  CHECK(other.error.find("--noise") != std::string::npos);
}

TEST_CASE("Ctrl-C ends a denoising run with a checkpoint, from which it goes on to the same bits") {
  const Folder folder;
  REQUIRE(train({"--out", folder / "whole", "--steps", "60", "--loss", "l2"}).status == 0);
  // The signal comes once the run has shown that it is under way.
  std::thread interrupter([&] {
    while (!fs::exists(folder / "parts/metrics.csv")) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ::kill(::getpid(), SIGINT);
  });
  const RunResult stopped = train({"--out", folder / "parts", "--steps", "60", "--loss", "l2"});
  interrupter.join();
  CHECK(stopped.status == 130);
  CHECK(stopped.error.find("--resume") != std::string::npos);
  CHECK(fs::exists(folder / "parts/checkpoint.safetensors"));
  CHECK_FALSE(fs::exists(folder / "parts/model.safetensors"));
  REQUIRE(run({"--resume", folder / "parts"}).status == 0);
  CHECK(bytes(folder / "whole/model.safetensors") == bytes(folder / "parts/model.safetensors"));
}

TEST_CASE("a denoising run begins with the weights of --init, and refuses those of another network") {
  const Folder folder;
  REQUIRE(train({"--out", folder / "first", "--steps", "3", "--loss", "l2", "--shuffle", "off"}).status == 0);
  const std::string model = folder / "first/model.safetensors";
  REQUIRE(train({"--out", folder / "second", "--steps", "1", "--loss", "l2", "--shuffle", "off", "--init", model,
                 "--seed", "5"})
              .status == 0);
  REQUIRE(train({"--out", folder / "third", "--steps", "1", "--loss", "l2", "--shuffle", "off", "--init", model,
                 "--seed", "6"})
              .status == 0);
  CHECK(bytes(folder / "second/model.safetensors") == bytes(folder / "third/model.safetensors"));
  const RunResult other = train({"--out", folder / "fourth", "--steps", "1", "--z", "9", "--init", model});
  CHECK(other.status == 2);
  CHECK(other.error.find("encoder.7.weight") != std::string::npos);
  nn::NamedTensors weights = nn::load_safetensors(model).tensors;
  weights.emplace_back("encoder.9.bias", zeros({3}));
  nn::save_safetensors(folder / "more.safetensors", weights);
  CHECK(train({"--out", folder / "fourth", "--init", folder / "more.safetensors"}).error.find("encoder.9.bias") !=
        std::string::npos);
  weights.erase(weights.begin(), weights.begin() + 1);
  weights.pop_back();
  nn::save_safetensors(folder / "less.safetensors", weights);
  CHECK(train({"--out", folder / "fourth", "--init", folder / "less.safetensors"}).status == 2);
  CHECK_FALSE(fs::exists(folder / "fourth"));
}

TEST_CASE("a denoising run has the same bits on any number of threads") {
  const Folder folder;
  const int before = kernels::threads();
  std::string first;
  for (const char* threads : {"1", "2", "3", "7"}) {
    REQUIRE(train({"--out", folder / threads, "--steps", "4", "--loss", "h1", "--threads", threads}).status == 0);
    const std::string model = bytes(folder / (std::string(threads) + "/model.safetensors"));
    if (first.empty()) first = model;
    CHECK(model == first);
  }
  kernels::set_threads(before);
}

TEST_CASE("bad input to a denoising run is one line, status 2, and no run folder") {
  const Folder folder;
  fs::create_directories(folder.path / "empty");
  fs::create_directories(folder.path / "cut");
  {
    std::ofstream file(folder.path / "cut/train-images-idx3-ubyte");
    file.write("\0\0\x08\x03\0\0\x27\x10\0\0\0\x1c\0\0\0\x1c pixels", 23);
    std::ofstream(folder.path / "text.safetensors") << "not a safetensors file";
    std::ofstream(folder.path / "text.png") << "no picture";
  }
  const std::vector<std::string> arguments =
      GENERATE(std::vector<std::string>{"--data", "nowhere"}, std::vector<std::string>{"--data", "EMPTY"},
               std::vector<std::string>{"--data", "CUT"}, std::vector<std::string>{"--noise", "pink"},
               std::vector<std::string>{"--loss", "h9"}, std::vector<std::string>{"--loss", "l2,l2"},
               std::vector<std::string>{"--z", "0"}, std::vector<std::string>{"--lr", "fast"},
               std::vector<std::string>{"--epochs", "-1"}, std::vector<std::string>{"--init", "TEXT"},
               std::vector<std::string>{"--resume", "EMPTY"}, std::vector<std::string>{"--unknown"});
  std::vector<std::string> filled;
  for (std::string argument : arguments) {
    if (argument == "EMPTY") argument = folder / "empty";
    if (argument == "CUT") argument = folder / "cut";
    if (argument == "TEXT") argument = folder / "text.safetensors";
    filled.push_back(argument);
  }
  if (filled[0] != "--resume") filled.insert(filled.end(), {"--out", folder / "run"});
  const RunResult result = run(filled);
  INFO(result.error);
  CHECK(result.status == 2);
  CHECK(result.error.starts_with("mnist_denoise: error: "));
  CHECK(std::count(result.error.begin(), result.error.end(), '\n') == 1);
  CHECK_FALSE(fs::exists(folder / "run"));
}

TEST_CASE("a trained denoiser is applied to pictures of any size, and a bad one leaves nothing behind") {
  const Folder folder;
  REQUIRE(train({"--out", folder / "run", "--steps", "2", "--loss", "l2,h1"}).status == 0);
  apps::write_file_atomically(folder / "small.png", data::encode_png(data::to_image(full({1, 28, 28}, 0.5))));
  apps::write_file_atomically(folder / "large.png", data::encode_png(data::to_image(full({3, 50, 40}, 0.25))));
  std::ofstream(folder.path / "text.png") << "no picture";
  const RunResult result = run(
      {"denoise", "--model", folder / "run", folder / "small.png", folder / "large.png", "--out", folder / "clean"});
  INFO(result.error);
  CHECK(result.status == 0);
  CHECK(result.error.find("50 resized to 28 x 28") != std::string::npos);
  CHECK(data::read_image(folder / "clean/001-small.png", 1).width == 28);
  CHECK(data::read_image(folder / "clean/002-large.png", 1).height == 28);
  const RunResult bad =
      run({"denoise", "--model", folder / "run", folder / "small.png", folder / "text.png", "--out", folder / "none"});
  CHECK(bad.status == 2);
  CHECK_FALSE(fs::exists(folder / "none"));
}

TEST_CASE("a denoising run takes a folder of images, and is resumed on it to the same bits") {
  const TemporaryFolder folder;
  const std::string images = image_folder(folder, "images", 11);
  folder.write("images/evil\x1b[31m.png", "no picture");
  const auto path = [&](const std::string& name) { return (folder / name).string(); };
  const auto train_on = [&](const std::string& out, const std::string& steps) {
    return run({"--data", images, "--batch-size", "4", "--z", "4", "--loss", "l2", "--seeds", "2", "--log-every", "1",
                "--out", path(out), "--steps", steps});
  };
  const RunResult whole = train_on("whole", "4");
  INFO(whole.error);
  REQUIRE(whole.status == 0);
  CHECK(whole.error.starts_with("1 of 12 pictures cannot be read and is left out: evil [31m.png (not a "));
  const auto config = nlohmann::json::parse(bytes(path("whole/config.json")));
  CHECK(config.at("train_count") == 10);
  CHECK(config.at("test_count") == 1);
  CHECK(config.at("test_fraction") == 0.1);
  CHECK(config.at("skipped").at(0).at("name") == "evil\x1b[31m.png");
  CHECK(config.at("data_checksum").get<std::string>().size() == 8);
  CHECK(bytes(path("whole/report.html")).find("evil [31m.png") != std::string::npos);
  REQUIRE(train_on("parts", "2").status == 0);
  const RunResult resumed = run({"--resume", path("parts"), "--steps", "4", "--quiet"});
  CHECK(resumed.status == 0);
  CHECK(resumed.out == "report: " + path("parts/report.html") + " (1 unreadable picture left out)\n");
  for (const std::string seed : {"seed0", "seed1"}) {
    CHECK(bytes(path("whole/" + seed + "/model.safetensors")) == bytes(path("parts/" + seed + "/model.safetensors")));
  }
  CHECK(nlohmann::json::parse(bytes(path("parts/config.json"))).at("data_checksum") == config.at("data_checksum"));
  const RunResult denoised =
      run({"denoise", "--model", path("whole"), path("images/p0.png"), "--out", path("clean"), "--quiet"});
  CHECK(denoised.status == 0);
}

TEST_CASE("a denoising run's config.json tells other data by their checksum") {
  const TemporaryFolder folder;
  int runs = 0;
  const auto checksum = [&](const std::vector<std::string>& data) {
    const std::string out = (folder / std::to_string(++runs)).string();
    std::vector<std::string> arguments{"--z",          "4", "--loss",  "l2",    "--steps", "1", "--limit-train", "8",
                                       "--limit-test", "2", "--quiet", "--out", out};
    arguments.insert(arguments.end(), data.begin(), data.end());
    REQUIRE(run(arguments).status == 0);
    return nlohmann::json::parse(bytes(out + "/config.json")).at("data_checksum").get<std::string>();
  };
  const std::string embedded = checksum({});
  CHECK(checksum({"--seed", "5"}) == embedded);
  CHECK(checksum({"--limit-test", "3"}) != embedded);
  const std::string idx = checksum({"--data", idx_folder(folder, "idx", 6, 2, 28)});
  CHECK(idx != embedded);
  CHECK(checksum({"--data", idx_folder(folder, "idx", 6, 1, 28)}) != idx);
  const std::string images = image_folder(folder, "images", 1);
  const std::string single = checksum({"--data", images});
  CHECK(checksum({"--data", images}) == single);
  image_folder(folder, "images", 2);
  CHECK(checksum({"--data", images}) != single);
}

TEST_CASE("a denoising run goes on without the file that it began from") {
  const Folder folder;
  REQUIRE(train({"--out", folder / "donor", "--steps", "1", "--loss", "l2"}).status == 0);
  REQUIRE(train({"--out", folder / "run", "--steps", "2", "--loss", "l2", "--init", folder / "donor/model.safetensors"})
              .status == 0);
  fs::remove_all(folder.path / "donor");
  const RunResult resumed = run({"--resume", folder / "run", "--steps", "3"});
  INFO(resumed.error);
  CHECK(resumed.status == 0);
}

TEST_CASE("pictures whose names are long or hold commands to a terminal are denoised") {
  const Folder folder;
  REQUIRE(train({"--out", folder / "run", "--steps", "1", "--loss", "l2"}).status == 0);
  const std::string long_name = std::string(250, 'n') + ".png", evil = "e\x1b[31m\n.png";
  for (const std::string& name : {long_name, evil}) {
    std::ofstream(folder.path / name, std::ios::binary) << data::encode_png(waves(30, 20, 3, 1));
  }
  const RunResult result =
      run({"denoise", "--model", folder / "run", folder / long_name, folder / evil, "--out", folder / "clean"});
  INFO(result.error);
  CHECK(result.status == 0);
  CHECK(fs::exists(folder.path / "clean" / ("001-" + std::string(180, 'n') + ".png")));
  CHECK(result.error.find("e [31m .png: 30 x 20 resized to 28 x 28\n") != std::string::npos);
}
