// image_autoencoder's late troubles: damage that shows only when training reads a picture, and places where a strip
// cannot go.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "engine/ops.h"
#include "nn/models/resnet.h"
#include "nn/safetensors.h"
#include "tests/apps/image_autoencoder_run.h"

using namespace sg;
using namespace sg::tests;
namespace fs = std::filesystem;

TEST_CASE("a picture whose damage shows only in training is named at its end, in config.json and in the report") {
  const AutoencoderFolder folder;
  fs::create_directories(folder.path / "late");
  // The first picture is too large for those behind it to be unpacked before training.
  const std::string header = "P6 5000 5000 255\n";
  std::ofstream(folder.path / "late/a.ppm") << header;
  fs::resize_file(folder.path / "late/a.ppm", header.size() + std::uintmax_t{3} * 5000 * 5000);
  const std::string whole = data::encode_png(folder.picture(40, 40, 1));
  std::ofstream(folder.path / "late/b.png", std::ios::binary) << whole.substr(0, whole.size() / 2);
  const RunResult result =
      autoencoder({"--data", folder / "late", "--size", "8", "--batch-size", "4", "--test-fraction", "0", "--steps",
                   "2", "--loss", "l2", "--out", folder / "run"});
  INFO(result.error);
  REQUIRE(result.status == 0);
  CHECK(result.error.find("1 of 2 pictures cannot be read and is left out: b.png") != std::string::npos);
  const auto skipped = nlohmann::json::parse(file_bytes(folder / "run/config.json")).at("skipped");
  REQUIRE(skipped.size() == 1);
  CHECK(skipped.at(0).at("name") == "b.png");
  CHECK(file_bytes(folder / "run/report.html").find("b.png") != std::string::npos);
}

TEST_CASE("a strip goes into a folder that is made for it, and a folder's own name is refused before any work") {
  const AutoencoderFolder folder;
  nn::ResnetAutoencoder network(nn::ResnetKind::light);
  network.initialise(3);
  nn::save_safetensors(folder / "model.safetensors", network.state());
  const auto strip = [&](const std::string& out) {
    return autoencoder({"latent", "--model", folder / "model.safetensors", "--side", "8", "--count", "2",
                        folder / "pictures/p0.png", folder / "pictures/p1.png", "--out", folder / out});
  };
  CHECK(strip("new/deep/strip.png").status == 0);
  CHECK(fs::exists(folder / "new/deep/strip.png"));
  const RunResult taken = strip("pictures");
  CHECK(taken.status == 2);
  CHECK(taken.error.find("--out: " + folder / "pictures" + " is a folder") != std::string::npos);
  const RunResult file = autoencoder({"--data", folder / "pictures/p0.png", "--out", folder / "run"});
  CHECK(file.status == 2);
  CHECK(file.error.find("--data: ") != std::string::npos);
}
