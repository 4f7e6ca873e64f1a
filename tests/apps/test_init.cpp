// --init: starting weights keep all digits of their file.
#include <catch2/catch_test_macros.hpp>

#include <filesystem>

#include "apps/ddim/command.h"
#include "apps/image_autoencoder/command.h"
#include "apps/mnist_denoise/command.h"
#include "apps/regression/command.h"
#include "nn/safetensors.h"
#include "tests/apps/run_capture.h"
#include "tests/data/temporary_folder.h"

using namespace sg;
using tests::run_captured;
using tests::TemporaryFolder;

namespace {

using Arguments = std::vector<std::string>;

struct App {
  const char* name;
  void (*run)(const apps::Arguments&);
  Arguments start;
};

}  // namespace

TEST_CASE("starting weights in f64 are not rounded to f32 on the way") {
  const App app_list[] = {
      {"mnist_denoise", mnist_denoise::run_command, {"--limit-train=8", "--limit-test=4"}},
      {"image_autoencoder",
       image_autoencoder::run_command,
       {"train", "--net=photo", "--size=16", "--batch-size=2", "--limit-train=2", "--limit-test=1"}},
      {"ddim",
       ddim::run_command,
       {"train", "--dim=8", "--mults=1,2", "--batch-size=2", "--limit-train=2", "--limit-test=1", "--sample-every=0",
        "--sample-count=1", "--sampling-steps=1"}},
      {"regression", regression::run_command, {"fit", "--target=chirp", "--points=10", "--sizes=1,4,1"}}};
  for (const App& app : app_list) {
    const TemporaryFolder folder;
    const std::string first = folder / "first", second = folder / "second";
    const auto train = [&](const std::string& out, const Arguments& more) {
      Arguments arguments = app.start;
      arguments.insert(arguments.end(), {"--loss=l2", "--steps=1", "--dtype=f64", "--quiet", "--out=" + out});
      arguments.insert(arguments.end(), more.begin(), more.end());
      const tests::RunResult result = run_captured(app.name, arguments, app.run);
      INFO(result.error);
      REQUIRE(result.status == 0);
      return nn::load_safetensors(std::filesystem::path(out) / "model.safetensors").tensors;
    };
    INFO(app.name);
    const nn::NamedTensors given = train(first, {});
    // A rate at which Adam's step is lost in rounding: what comes out is what went in.
    const nn::NamedTensors kept = train(second, {"--init=" + first + "/model.safetensors", "--lr=1e-30"});
    bool has_more_than_f32 = false;
    for (const auto& [name, tensor] : given) {
      INFO(name);
      if (!is_floating(tensor.dtype())) continue;
      for (const double value : tensor.to_vector<double>()) {
        has_more_than_f32 = has_more_than_f32 || value != static_cast<float>(value);
      }
      CHECK(nn::find(kept, name, app.name).to_vector<double>() == tensor.to_vector<double>());
    }
    CHECK(has_more_than_f32);
  }
}
