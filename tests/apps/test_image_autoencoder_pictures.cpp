// image_autoencoder's use: tiles and their blending, reconstruct, encode, decode and latent.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

#include "apps/image_autoencoder/latents.h"
#include "apps/image_autoencoder/tiles.h"
#include "engine/ops.h"
#include "nn/models/resnet.h"
#include "nn/safetensors.h"
#include "tests/apps/image_autoencoder_run.h"

using namespace sg;
using namespace sg::tests;
using namespace sg::image_autoencoder;
namespace fs = std::filesystem;

namespace {

/// A file of random weights; what the network makes of pictures does not matter here, only where it goes.
std::string random_model(const AutoencoderFolder& folder) {
  nn::ResnetAutoencoder network(nn::ResnetKind::light);
  network.initialise(3);
  nn::save_safetensors(folder / "model.safetensors", network.state());
  return folder / "model.safetensors";
}

}  // namespace

TEST_CASE("tiles cover an extent, and their weights sum to one at each pixel") {
  for (const std::int64_t extent : {1, 5, 8, 9, 15, 16, 17, 50, 131}) {
    for (const std::int64_t overlap : {0, 1, 2, 4, 7}) {
      INFO("extent " << extent << ", overlap " << overlap);
      const auto places = tile_places(extent, 8, overlap);
      const auto weights = tile_weights(places, 8, overlap);
      CHECK(places.front() == 0);
      CHECK(places.back() == std::max<std::int64_t>(0, extent - 8));
      for (std::size_t i = 1; i < places.size(); ++i) CHECK(places[i] - places[i - 1] <= 8 - overlap);
      std::vector<double> sums(static_cast<std::size_t>(std::max<std::int64_t>(extent, 8)));
      for (std::size_t i = 0; i < places.size(); ++i) {
        for (std::int64_t at = 0; at < 8; ++at) {
          CHECK(weights[i][at] > 0);
          sums[places[i] + at] += weights[i][at];
        }
      }
      for (const double sum : sums) CHECK(std::abs(sum - 1) < 1e-14);
    }
  }
}

TEST_CASE("a picture of any size that is cut into tiles and blended again is itself") {
  const AutoencoderFolder folder;
  for (const auto& [width, height] : std::vector<std::pair<int, int>>{{8, 8}, {1, 1}, {3, 40}, {16, 9}, {67, 43}}) {
    INFO(width << " x " << height);
    const data::Image picture = folder.picture(width, height, 1);
    const data::Image same =
        map_tiles(picture, TileGrid(height, width, 8, 3), [](const Tensor& tiles) { return tiles; });
    CHECK(same.width == width);
    CHECK(same.height == height);
    CHECK(same.pixels == picture.pixels);
  }
}

TEST_CASE("reconstruct gives pictures of their own size, and of one tile the network's own output") {
  const AutoencoderFolder folder;
  const std::string model = random_model(folder);
  folder.write("one.png", 16, 16, 2);
  folder.write("odd.png", 37, 5, 3);
  const RunResult result = autoencoder({"reconstruct", "--model", model, "--tile", "16", folder / "one.png",
                                        folder / "odd.png", "--out", folder / "out"});
  INFO(result.error);
  REQUIRE(result.status == 0);
  CHECK(result.out.find("2 pictures reconstructed") != std::string::npos);
  const data::Image odd = data::read_image(folder / "out/002-odd.png", 3);
  CHECK(odd.width == 37);
  CHECK(odd.height == 5);
  nn::ResnetAutoencoder network(nn::ResnetKind::light);
  network.initialise(3);
  network.eval();
  const Tensor expected = network(data::image_to_tensor(data::read_image(folder / "one.png", 3)));
  CHECK(data::read_image(folder / "out/001-one.png", 3).pixels == data::to_image(squeeze(expected, 0)).pixels);
}

TEST_CASE("latents of any picture decode to its reconstruction") {
  const AutoencoderFolder folder;
  const std::string model = random_model(folder);
  folder.write("one.png", 16, 16, 2);
  folder.write("odd.png", 37, 21, 3);
  const std::vector<std::string> with{"--model", model, "--tile", "16", folder / "one.png", folder / "odd.png"};
  const auto run = [&](const std::string& command, const std::string& out) {
    std::vector<std::string> arguments{command, "--out", folder / out};
    arguments.insert(arguments.end(), with.begin(), with.end());
    return autoencoder(arguments).status;
  };
  REQUIRE(run("reconstruct", "direct") == 0);
  REQUIRE(run("encode", "latents") == 0);
  const RunResult decoded = autoencoder({"decode", "--model", model, folder / "latents/001-one.safetensors",
                                         folder / "latents/002-odd.safetensors", "--out", folder / "decoded"});
  INFO(decoded.error);
  REQUIRE(decoded.status == 0);
  CHECK(data::read_image(folder / "decoded/001-001-one.png", 3).pixels ==
        data::read_image(folder / "direct/001-one.png", 3).pixels);
  CHECK(data::read_image(folder / "decoded/002-002-odd.png", 3).pixels ==
        data::read_image(folder / "direct/002-odd.png", 3).pixels);
  CHECK(nn::find(nn::load_safetensors(folder / "latents/001-one.safetensors").tensors, "latents", "test").shape() ==
        Shape{1, 64, 4, 4});
}

TEST_CASE("latents that do not fit the model or themselves are refused") {
  const AutoencoderFolder folder;
  const std::string model = random_model(folder);
  const auto refusal = [&](const Tensor& latents, const std::map<std::string, std::string>& metadata) {
    nn::save_safetensors(folder / "bad.safetensors", {{"latents", latents}}, metadata);
    const RunResult result =
        autoencoder({"decode", "--model", model, folder / "bad.safetensors", "--out", folder / "none"});
    CHECK(result.status == 2);
    CHECK(std::count(result.error.begin(), result.error.end(), '\n') == 1);
    CHECK_FALSE(fs::exists(folder / "none"));
    return result.error;
  };
  CHECK(refusal(zeros({1, 32, 2, 2}), {}).find("needs [tiles, 64, side, side]") != std::string::npos);
  CHECK(refusal(zeros({0, 64, 2, 2}), {}).find("needs [tiles") != std::string::npos);
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), 1e300}) {
    CHECK(refusal(full({1, 64, 2, 2}, value, f64), {}).find("bad.safetensors: latents hold ") != std::string::npos);
  }
  std::map<std::string, std::string> metadata{{"height", "8"}, {"width", "20"}, {"tile", "8"}, {"overlap", "2"}};
  CHECK(refusal(zeros({2, 64, 2, 2}), metadata).find("has 3") != std::string::npos);
  metadata["width"] = "99999999999";
  CHECK(refusal(zeros({3, 64, 2, 2}), metadata).find("width") != std::string::npos);
  metadata["width"] = "twenty";
  CHECK(refusal(zeros({3, 64, 2, 2}), metadata).find("whole number") != std::string::npos);
  metadata = {{"height", "8"}, {"width", "8"}, {"tile", "8"}, {"overlap", "8"}};
  CHECK(refusal(zeros({1, 64, 2, 2}), metadata).find("overlap") != std::string::npos);
}

TEST_CASE("latents without notes on their picture are pictures below each other") {
  const AutoencoderFolder folder;
  const std::string model = random_model(folder);
  nn::save_safetensors(folder / "plain.safetensors", {{"latents", zeros({3, 64, 2, 2})}});
  REQUIRE(autoencoder({"decode", "--model", model, folder / "plain.safetensors", "--out", folder / "out"}).status == 0);
  const data::Image picture = data::read_image(folder / "out/001-plain.png", 3);
  CHECK(picture.width == 8);
  CHECK(picture.height == 24);
}

TEST_CASE("the strip between two pictures begins and ends with their reconstructions") {
  const AutoencoderFolder folder;
  const std::string model = random_model(folder);
  folder.write("a.png", 16, 16, 1);
  folder.write("b.png", 24, 16, 2);
  REQUIRE(autoencoder({"latent", "--model", model, folder / "a.png", folder / "b.png", "--out", folder / "strip.png",
                       "--count", "3", "--side", "16"})
              .status == 0);
  REQUIRE(autoencoder({"reconstruct", "--model", model, "--tile", "16", folder / "a.png", "--out", folder / "out"})
              .status == 0);
  const data::Image strip = data::read_image(folder / "strip.png", 3);
  CHECK(strip.width >= 3 * 16);
  CHECK(strip.height >= 2 * 16);
  const data::Image whole = data::read_image(folder / "out/001-a.png", 3);
  const std::int64_t edge = (strip.width - 3 * 16) / 4;  // lines between and around, if any
  bool found = false;
  for (std::int64_t margin = 0; margin <= edge + 2; ++margin) {
    if (margin + 16 <= strip.width) found = found || data::crop(strip, margin, margin, 16, 16).pixels == whole.pixels;
  }
  CHECK(found);
  const RunResult one = autoencoder({"latent", "--model", model, folder / "a.png", "--out", folder / "none.png"});
  CHECK(one.status == 2);
  CHECK(one.error.find("two pictures") != std::string::npos);
}

TEST_CASE("commands leave out unreadable pictures by name, and refuse what they cannot do") {
  const AutoencoderFolder folder;
  const std::string model = random_model(folder);
  std::ofstream(folder.path / "text.png") << "no picture";
  const RunResult some = autoencoder({"reconstruct", "--model", model, "--tile", "8", folder / "pictures",
                                      folder / "text.png", "--out", folder / "out"});
  CHECK(some.status == 0);
  CHECK(some.error.find("1 of 7 pictures cannot be read and is left out") != std::string::npos);
  CHECK(std::distance(fs::directory_iterator(folder / "out"), fs::directory_iterator()) == 6);
  const std::vector<std::vector<std::string>> bad{
      {"reconstruct", "--model", model, folder / "text.png"},
      {"reconstruct", "--model", folder / "nowhere", folder / "pictures"},
      {"reconstruct", "--model", folder / "pictures", folder / "pictures"},
      {"reconstruct", "--model", folder / "text.png", folder / "pictures"},
      {"reconstruct", "--model", model, "--tile", "10", folder / "pictures"},
      {"reconstruct", "--model", model, "--tile", "8", "--overlap", "8", folder / "pictures"},
      {"reconstruct", "--model", model, "--net", "resnet18", folder / "pictures"},
      {"reconstruct", folder / "pictures"},
      {"encode", "--model", model, folder / "nowhere.png"},
      {"decode", "--model", model, folder / "text.png"},
      {"decode", "--model", model, folder / "pictures"},
      {"decode", "--model", model, folder / "nowhere"},
      {"latent", "--model", model, "--side", "10", folder / "pictures/p0.png", folder / "pictures/p1.png"},
  };
  for (std::vector<std::string> arguments : bad) {
    arguments.insert(arguments.end(), {"--out", folder / "none"});
    const RunResult result = autoencoder(arguments);
    INFO(result.error);
    CHECK(result.status == 2);
    CHECK(result.error.starts_with("image_autoencoder: error: "));
    CHECK(std::count(result.error.begin(), result.error.end(), '\n') == 1);
    CHECK_FALSE(fs::exists(folder / "none"));
  }
}
