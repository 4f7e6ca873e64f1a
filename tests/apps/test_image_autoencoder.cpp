// image_autoencoder's trainings: run folders, resuming, interruption, starting weights, errors.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "apps/common/metrics.h"
#include "engine/ops.h"
#include "nn/models/resnet.h"
#include "nn/safetensors.h"
#include "tests/apps/image_autoencoder_run.h"

using namespace sg;
using namespace sg::tests;
namespace fs = std::filesystem;

TEST_CASE("an autoencoder's run leaves the files of the contract, and says where") {
  const AutoencoderFolder folder;
  const RunResult result =
      train_autoencoder(folder, {"--out", folder / "run", "--steps", "3", "--loss", "l2,hs1.5", "--quiet"});
  INFO(result.error);
  REQUIRE(result.status == 0);
  CHECK(result.error.empty());
  CHECK(result.out == "report: " + folder / "run/report.html" + "\n");
  const auto config = nlohmann::json::parse(file_bytes(folder / "run/config.json"));
  CHECK(config.at("train_count") == 5);
  CHECK(config.at("test_pictures") == 1);
  CHECK(config.at("test_count").get<int>() >= 1);
  CHECK(config.at("parameters") == 389958);
  CHECK(config.at("weight_decay") == 1e-5);
  for (const char* loss : {"l2", "hs1.5"}) {
    const fs::path place = folder.path / "run" / loss;
    CHECK(file_bytes(place / "metrics.csv").starts_with("step,epoch,seconds,train_loss,test_mse,test_psnr\n1,1,"));
    const apps::Metrics metrics = apps::read_metrics(place / "metrics.csv");
    REQUIRE(metrics.rows.size() == 3);
    CHECK(metrics.rows[1].tests[0].has_value());  // two batches are an epoch
    CHECK_FALSE(metrics.rows[0].tests[0].has_value());
    CHECK(std::abs(*metrics.rows[2].tests[1] + 10 * std::log10(*metrics.rows[2].tests[0])) < 1e-6);
    const nn::NamedTensors state = nn::load_safetensors(place / "model.safetensors").tensors;
    CHECK(nn::find(state, "decoder.layer3.1.upsample.0.weight", "test").shape() == Shape{64, 32, 3, 3});
    CHECK(nn::find(state, "encoder.bn1.num_batches_tracked", "test").item() == 3);
    CHECK(fs::exists(place / "reconstructions.png"));
  }
  CHECK(fs::exists(folder / "run/comparison.png"));
  CHECK(train_autoencoder(folder, {"--out", folder / "run", "--steps", "1"}).status == 2);
}

TEST_CASE("an autoencoder's run without test pictures has empty test cells") {
  const AutoencoderFolder folder;
  REQUIRE(train_autoencoder(folder, {"--out", folder / "run", "--steps", "2", "--test-fraction", "0", "--loss", "l2"})
              .status == 0);
  CHECK(file_bytes(folder / "run/metrics.csv").ends_with(",,\n"));
  CHECK(nlohmann::json::parse(file_bytes(folder / "run/config.json")).at("test_count") == 0);
}

TEST_CASE("an autoencoder's run that is resumed has the bits of one that never stopped") {
  const AutoencoderFolder folder;
  const std::vector<std::string> kind{"--loss", "l2,h1", "--exact-directions", "2", "--flip"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), kind.begin(), kind.end());
    return train_autoencoder(folder, more).status;
  };
  REQUIRE(with({"--out", folder / "whole", "--steps", "5"}) == 0);
  REQUIRE(with({"--out", folder / "parts", "--steps", "3"}) == 0);
  REQUIRE(autoencoder({"--resume", folder / "parts", "--steps", "5"}).status == 0);
  for (const std::string loss : {"l2/", "h1/"}) {
    CHECK(file_bytes(folder / ("whole/" + loss + "model.safetensors")) ==
          file_bytes(folder / ("parts/" + loss + "model.safetensors")));
    const auto whole = apps::read_metrics(folder / ("whole/" + loss + "metrics.csv")).rows;
    const auto parts = apps::read_metrics(folder / ("parts/" + loss + "metrics.csv")).rows;
    REQUIRE(whole.size() == 5);
    REQUIRE(parts.size() == 5);
    for (std::size_t i = 0; i < 5; ++i) CHECK(whole[i].train_loss == parts[i].train_loss);
    CHECK(whole.back().tests == parts.back().tests);
  }
  const RunResult other = autoencoder({"--resume", folder / "parts", "--exact-directions", "1"});
  CHECK(other.status == 2);
  CHECK(other.error.find("--exact-directions") != std::string::npos);
}

TEST_CASE("Ctrl-C ends an autoencoder's run with a checkpoint, from which it goes on to the same bits") {
  const AutoencoderFolder folder;
  REQUIRE(train_autoencoder(folder, {"--out", folder / "whole", "--steps", "40", "--loss", "h1"}).status == 0);
  std::thread interrupter([&] {
    while (!fs::exists(folder / "parts/metrics.csv")) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ::kill(::getpid(), SIGINT);
  });
  const RunResult stopped = train_autoencoder(folder, {"--out", folder / "parts", "--steps", "40", "--loss", "h1"});
  interrupter.join();
  CHECK(stopped.status == 130);
  CHECK(stopped.error.find("--resume") != std::string::npos);
  CHECK_FALSE(fs::exists(folder / "parts/model.safetensors"));
  REQUIRE(autoencoder({"--resume", folder / "parts"}).status == 0);
  CHECK(file_bytes(folder / "whole/model.safetensors") == file_bytes(folder / "parts/model.safetensors"));
}

TEST_CASE("an autoencoder takes a classifier's weights but for its last layer, and names what does not fit") {
  const AutoencoderFolder folder;
  nn::ResnetAutoencoder donor(nn::ResnetKind::light);
  donor.initialise(7);
  nn::NamedTensors classifier;
  for (auto& [name, value] : nn::with_prefix(donor.state(), "encoder.")) {
    if (!name.ends_with("num_batches_tracked")) classifier.emplace_back(name, value);  // as in files of old
  }
  classifier.emplace_back("fc.weight", zeros({10, 64}));
  classifier.emplace_back("fc.bias", zeros({10}));
  nn::save_safetensors(folder / "classifier.safetensors", classifier);
  // With a learning rate of next to nothing, the weights stay those that the run began with.
  const RunResult result = train_autoencoder(folder, {"--out", folder / "run", "--steps", "1", "--loss", "l2", "--lr",
                                                      "1e-30", "--init-encoder", folder / "classifier.safetensors"});
  INFO(result.error);
  REQUIRE(result.status == 0);
  CHECK(result.error.find("ignored fc.weight, fc.bias") != std::string::npos);
  const nn::NamedTensors state = nn::load_safetensors(folder / "run/model.safetensors").tensors;
  for (const char* name : {"conv1.weight", "layer2.0.downsample.0.weight", "layer3.1.bn2.weight"}) {
    CHECK(nn::find(state, std::string("encoder.") + name, "test").to_vector<float>() ==
          nn::find(classifier, name, "test").to_vector<float>());
  }

  classifier[0].second = zeros({16, 3, 7, 7});
  nn::save_safetensors(folder / "misshapen.safetensors", classifier);
  const RunResult bad =
      train_autoencoder(folder, {"--out", folder / "bad", "--init-encoder", folder / "misshapen.safetensors"});
  CHECK(bad.status == 2);
  CHECK(bad.error.find("conv1.weight is [16, 3, 7, 7], needs [16, 3, 3, 3]") != std::string::npos);
  CHECK_FALSE(fs::exists(folder / "bad"));
}

TEST_CASE("unreadable pictures are left out of an autoencoder's run by name, unless there are no others") {
  const AutoencoderFolder folder;
  std::ofstream(folder.path / "pictures/broken.jpg") << "no picture";
  const RunResult result = train_autoencoder(folder, {"--out", folder / "run", "--steps", "1", "--loss", "l2"});
  CHECK(result.status == 0);
  CHECK(result.error.find("1 of 7 pictures cannot be read and is left out: broken.jpg") != std::string::npos);
  CHECK(nlohmann::json::parse(file_bytes(folder / "run/config.json")).at("skipped").at(0).at("name") == "broken.jpg");
  fs::create_directories(folder.path / "bad");
  std::ofstream(folder.path / "bad/broken.png") << "no picture";
  const RunResult none = autoencoder({"--data", folder / "bad", "--out", folder / "none"});
  CHECK(none.status == 2);
  CHECK(none.error.find("broken.png") != std::string::npos);
  CHECK_FALSE(fs::exists(folder / "none"));
}

TEST_CASE("bad input to an autoencoder's run is one line, status 2, and no run folder") {
  const AutoencoderFolder folder;
  using Arguments = std::vector<std::string>;
  const auto [arguments, named] =
      GENERATE(std::pair<Arguments, std::string>{{"--size", "10"}, "multiple of 4"},
               std::pair<Arguments, std::string>{{"--net", "resnet18", "--size", "48"}, "multiple of 32"},
               std::pair<Arguments, std::string>{{"--net", "resnet50"}, "--net"},
               std::pair<Arguments, std::string>{{"--crops", "left"}, "--crops"},
               std::pair<Arguments, std::string>{{"--test-fraction", "1.5"}, "--test-fraction"},
               std::pair<Arguments, std::string>{{"--test-data", "nowhere"}, "nowhere"},
               std::pair<Arguments, std::string>{{"--weight-decay", "-1"}, "--weight-decay"},
               std::pair<Arguments, std::string>{{"--exact-directions", "1", "--loss", "l2"}, "--exact-directions"},
               std::pair<Arguments, std::string>{{"--exact-weight", "0"}, "--exact-weight"},
               std::pair<Arguments, std::string>{{"--init-encoder", "nowhere"}, "--init-encoder"},
               std::pair<Arguments, std::string>{{"--data", "nowhere"}, "--data"},
               std::pair<Arguments, std::string>{{"--loss", "h9"}, "--loss"},
               std::pair<Arguments, std::string>{{"--size", "4", "--batch-size", "1"}, "--batch-size"},
               std::pair<Arguments, std::string>{{"--resume", "nowhere"}, "--resume"},
               std::pair<Arguments, std::string>{{"reconstruct"}, "reconstruct"});
  Arguments filled = arguments;
  if (filled[0] != "--resume") filled.insert(filled.end(), {"--out", folder / "run"});
  const RunResult result = train_autoencoder(folder, filled);
  INFO(result.error);
  CHECK(result.status == 2);
  CHECK(result.error.starts_with("image_autoencoder: error: "));
  CHECK(result.error.find(named) != std::string::npos);
  CHECK(std::count(result.error.begin(), result.error.end(), '\n') == 1);
  CHECK_FALSE(fs::exists(folder / "run"));
}

TEST_CASE("without --net the photographs' own network is trained, resumed and used") {
  const AutoencoderFolder folder;
  const std::vector<std::string> own{"--data", folder / "pictures", "--size", "8", "--batch-size", "3", "--loss", "l2",
                                     "--out"};
  const auto train = [&](const std::string& out, const std::string& steps) {
    std::vector<std::string> arguments = own;
    arguments.insert(arguments.end(), {folder / out, "--steps", steps});
    const RunResult result = autoencoder(arguments);
    INFO(result.error);
    REQUIRE(result.status == 0);
  };
  train("whole", "5");
  train("parts", "2");
  REQUIRE(autoencoder({"--resume", folder / "parts", "--steps", "5"}).status == 0);
  CHECK(file_bytes(folder / "whole/model.safetensors") == file_bytes(folder / "parts/model.safetensors"));
  const auto config = nlohmann::json::parse(file_bytes(folder / "whole/config.json"));
  CHECK(config.at("net") == "photo");
  CHECK(config.at("parameters") == 192499);
  CHECK(config.at("cosine_steps") == 800);
  REQUIRE(autoencoder({"encode", "--model", folder / "whole", folder / "pictures/p0.png", "--out", folder / "latents"})
              .status == 0);
  const nn::NamedTensors latents = nn::load_safetensors(folder / "latents/001-p0.safetensors").tensors;
  CHECK(nn::find(latents, "latents", "test").shape(1) == 16);
  REQUIRE(
      autoencoder({"reconstruct", "--model", folder / "whole", folder / "pictures/p0.png", "--out", folder / "again"})
          .status == 0);
  const RunResult decoded =
      autoencoder({"decode", "--model", folder / "whole", folder / "latents", "--out", folder / "decoded"});
  INFO(decoded.error);
  REQUIRE(decoded.status == 0);
  CHECK(data::read_image(folder / "decoded/001-001-p0.png", 3).pixels ==
        data::read_image(folder / "again/001-p0.png", 3).pixels);
}
