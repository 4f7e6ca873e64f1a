// image_autoencoder's late troubles: damage that shows only when training reads a picture, folders that cannot be
// searched, and places where a strip cannot go.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "engine/ops.h"
#include "nn/models/resnet.h"
#include "nn/safetensors.h"
#include "tests/apps/image_autoencoder_run.h"
#include "tests/apps/picture_files.h"
#include "tests/without_rights.h"

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
  const RunResult jpeg = strip("strip.jpg");
  CHECK(jpeg.status == 2);
  CHECK(jpeg.error.find("strip.jpg: a PNG file is written, and its name has to end in .png") != std::string::npos);
  CHECK_FALSE(fs::exists(folder / "strip.jpg"));
  const RunResult file = autoencoder({"--data", folder / "pictures/p0.png", "--out", folder / "run"});
  CHECK(file.status == 2);
  CHECK(file.error.find("--data: ") != std::string::npos);
}

TEST_CASE("folders that cannot be searched are named by training and by reconstruct") {
  const AutoencoderFolder folder;
  nn::ResnetAutoencoder network(nn::ResnetKind::light);
  network.initialise(3);
  nn::save_safetensors(folder / "model.safetensors", network.state());
  open_to_all(folder.path);
  fs::permissions(folder.path / "pictures/more", fs::perms::none);
  RunResult trained, applied;
  {
    const WithoutRights nobody;
    trained = train_autoencoder(folder, {"--out", folder / "run", "--steps", "1", "--loss", "l2"});
    applied = autoencoder({"reconstruct", "--model", folder / "model.safetensors", "--tile", "8", folder / "pictures",
                           "--out", folder / "out"});
  }
  fs::permissions(folder.path / "pictures/more", fs::perms::owner_all);
  INFO(trained.error << applied.error);
  CHECK(trained.status == 0);
  CHECK(trained.error.starts_with("1 folder cannot be searched and is left out: more/ (Permission denied)\n"));
  CHECK(nlohmann::json::parse(file_bytes(folder / "run/config.json")).at("skipped").at(0).at("name") == "more/");
  CHECK(applied.status == 0);
  CHECK(applied.error ==
        "1 folder cannot be searched and is left out: " + folder / "pictures/more/" + " (Permission denied)\n");
}

TEST_CASE("an autoencoder's run takes IDX files, whatever their size, and is resumed on them to the same bits") {
  const TemporaryFolder folder;
  const auto path = [&](const std::string& name) { return (folder / name).string(); };
  const std::string idx = idx_folder(folder, "idx", 7, 3, 10);
  const auto train = [&](const std::string& out, const std::string& steps, const std::string& size) {
    return autoencoder({"--data", idx, "--size", size, "--batch-size", "3", "--loss", "l2", "--log-every", "1",
                        "--steps", steps, "--out", path(out), "--flip"});
  };
  const RunResult whole = train("whole", "5", "8");
  INFO(whole.error);
  REQUIRE(whole.status == 0);
  REQUIRE(train("parts", "2", "8").status == 0);
  REQUIRE(autoencoder({"--resume", path("parts"), "--steps", "5"}).status == 0);
  CHECK(file_bytes(path("whole/model.safetensors")) == file_bytes(path("parts/model.safetensors")));
  const auto config = nlohmann::json::parse(file_bytes(path("whole/config.json")));
  CHECK(config.at("train_count") == 7);
  CHECK(config.at("test_count") == 3);
  CHECK(config.at("skipped").empty());
  CHECK(nlohmann::json::parse(file_bytes(path("parts/config.json"))).at("data_checksum") == config.at("data_checksum"));
  REQUIRE(train("large", "1", "16").status == 0);
  idx_folder(folder, "idx", 7, 3, 11);
  REQUIRE(train("other", "1", "8").status == 0);
  CHECK(nlohmann::json::parse(file_bytes(path("other/config.json"))).at("data_checksum") != config.at("data_checksum"));
}
