// Trained networks are found in run folders of one and of several losses and seeds, and in bare files.
#include <catch2/catch_test_macros.hpp>

#include "apps/common/saved_run.h"
#include "engine/ops.h"
#include "nn/safetensors.h"
#include "tests/data/temporary_folder.h"

using namespace sg;
using apps::find_saved_run;
using tests::error_of;
using tests::TemporaryFolder;

namespace {

void put(const std::filesystem::path& file, double value) {
  std::filesystem::create_directories(file.parent_path());
  nn::save_safetensors(file, {{"w", full({1}, value)}});
}

double found(const std::filesystem::path& path, const std::string& loss = "") {
  return find_saved_run("sample", path.string(), loss).state.at(0).second.item();
}

}  // namespace

TEST_CASE("the network of a run folder is that of its first seed and of h1 before the other losses", "[saved_run]") {
  const TemporaryFolder place;
  place.write("run/config.json", R"({"app": "sample", "z": 8, "name": 3})");
  for (const int seed : {0, 1}) {
    for (const char* loss : {"hs0.5", "l2", "h2", "h1"}) {
      put(place / ("run/seed" + std::to_string(seed)) / loss / "model.safetensors", seed + 10 * (loss[0] == 'l'));
    }
  }
  CHECK(find_saved_run("sample", (place / "run").string()).file == place / "run/seed0/h1/model.safetensors");
  CHECK(find_saved_run("sample", (place / "run/seed1/").string()).file == place / "run/seed1/h1/model.safetensors");
  CHECK(found(place / "run", "l2") == 10);
  CHECK(found(place / "run/seed1", "l2") == 11);
  const apps::SavedRun run = find_saved_run("sample", (place / "run/seed1/h2").string());
  CHECK(apps::config_value<int>(run, "z") == 8);
  CHECK(error_of([&] { apps::config_value<std::string>(run, "name"); }).find("holds 3 as name") != std::string::npos);
  CHECK(error_of([&] { apps::config_value<int>(run, "depth"); }).find("has no depth") != std::string::npos);
  CHECK(error_of([&] { found(place / "run", "h3"); }).find("holds no h3/model.safetensors") != std::string::npos);
  CHECK(error_of([&] { find_saved_run("other", (place / "run").string()); }).find("not the config.json of a run of") !=
        std::string::npos);
}

TEST_CASE("a bare file is a network as well, a run before its end only by its averages", "[saved_run]") {
  const TemporaryFolder place;
  put(place / "weights.safetensors", 5);
  CHECK(found(place / "weights.safetensors") == 5);
  CHECK(find_saved_run("sample", (place / "weights.safetensors").string()).config.is_null());
  CHECK(error_of([&] { found(place / "weights.safetensors", "h1"); }).find("--loss") != std::string::npos);
  CHECK(error_of([&] { found(place / "none"); }).find("no such file or folder") != std::string::npos);
  place.write("run/config.json", R"({"app": "sample"})");
  nn::save_safetensors(place / "run/checkpoint.safetensors", {{"ema.w", full({1}, 7.0)}, {"network.w", zeros({1})}});
  CHECK(found(place / "run") == 7);
  nn::save_safetensors(place / "run/checkpoint.safetensors", {{"network.w", zeros({1})}});
  CHECK(error_of([&] { found(place / "run"); }).find("--resume goes on with it") != std::string::npos);
}
