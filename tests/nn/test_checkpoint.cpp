// Checkpoints: a run that stops and goes on has the same bits as one that never stopped.
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>
#include <filesystem>
#include <fstream>

#include "nn/activation.h"
#include "nn/checkpoint.h"
#include "nn/container.h"
#include "nn/conv.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/optim/adam.h"
#include "nn/optim/gradient_clipping.h"
#include "nn/safetensors.h"

using namespace sg;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Run {
  explicit Run(std::int64_t width = 3) {
    network.add<nn::Conv2d>(1, width, 3)
        .add<nn::BatchNorm2d>(width)
        .add<nn::Tanh>()
        .add<nn::Flatten>()
        .add<nn::Linear>(width * 4, 1);
    network.initialise(4);
    optimizer = std::make_unique<nn::Adam>(network, nn::AdamOptions{.learning_rate = 0.01, .amsgrad = true});
    ema = std::make_unique<nn::Ema>(network, nn::EmaOptions{.decay = 0.9, .every = 2, .after = 2});
    parts = {.network = &network, .optimizer = optimizer.get(), .ema = ema.get()};
  }

  void steps(int count) {
    for (int i = 0; i < count; ++i) {
      const Tensor x =
          reshape(linspace(-1, 1, 32), {2, 1, 4, 4}) * scalar(static_cast<double>(++parts.counters["step"]));
      const Tensor loss = mean(square(network(x) - 1));
      optimizer->step(nn::clip_by_global_norm(optimizer->gradients(loss), 1), {loss});
      ema->update(parts.counters["step"]);
    }
  }

  nn::NamedTensors everything() {
    nn::NamedTensors all = network.state();
    for (auto& named : optimizer->state()) all.push_back(named);
    for (auto& named : ema->state()) all.push_back(named);
    return all;
  }

  nn::Sequential network;
  std::unique_ptr<nn::Adam> optimizer;
  std::unique_ptr<nn::Ema> ema;
  nn::Training parts;
};

struct TemporaryPath {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("sobograd-checkpoint-" + std::to_string(::getpid()));
  ~TemporaryPath() {
    std::filesystem::remove(path);
    std::filesystem::remove(nn::previous_checkpoint(path));
  }
};

std::string contents_of(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write(const std::filesystem::path& path, const std::string& contents) {
  std::ofstream(path, std::ios::binary) << contents;
}

void check_equal(const nn::NamedTensors& a, const nn::NamedTensors& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO(a[i].first);
    CHECK(a[i].first == b[i].first);
    CHECK(a[i].second.to_vector<double>() == b[i].second.to_vector<double>());
  }
}

}  // namespace

TEST_CASE("a resumed run has the same bits: weights, buffers, optimiser, averages") {
  const TemporaryPath file;
  Run straight;
  straight.steps(3);
  straight.parts.tensors = {{"curve", linspace(0, 1, 3)}};
  straight.parts.notes = {{"options", "{\"lr\": 0.01}"}};
  straight.parts.counters["large"] = (std::int64_t{1} << 62) + 1;
  nn::save_checkpoint(file.path, straight.parts);
  straight.steps(5);

  Run resumed;
  nn::load_checkpoint(file.path, resumed.parts);
  CHECK(resumed.parts.counters.at("step") == 3);
  CHECK(resumed.parts.counters.at("large") == (std::int64_t{1} << 62) + 1);
  CHECK(resumed.parts.notes.at("options") == "{\"lr\": 0.01}");
  CHECK(resumed.parts.tensors.at(0).first == "curve");
  resumed.steps(5);
  check_equal(straight.everything(), resumed.everything());
  CHECK(resumed.network.buffers().back()->value().item() == 8);
}

TEST_CASE("saving does not disturb a run") {
  const TemporaryPath file;
  Run plain, saving;
  plain.steps(4);
  for (int i = 0; i < 4; ++i) {
    nn::save_checkpoint(file.path, saving.parts);
    saving.steps(1);
  }
  check_equal(plain.everything(), saving.everything());
}

TEST_CASE("a checkpoint of another network, without a part, or no checkpoint at all is an error that names the file") {
  const TemporaryPath file;
  Run run(3), other(4);
  run.steps(1);
  nn::save_checkpoint(file.path, run.parts);
  CHECK_THROWS_WITH(
      nn::load_checkpoint(file.path, other.parts),
      ContainsSubstring(file.path.string()) && ContainsSubstring("0.weight is [3, 1, 3, 3], needs [4, 1, 3, 3]"));
  nn::Training without{.network = &run.network};
  nn::save_checkpoint(file.path, without);
  CHECK_THROWS_WITH(nn::load_checkpoint(file.path, run.parts), ContainsSubstring("holds nothing named optimizer."));
  nn::save_safetensors(file.path, run.network.state());
  CHECK_THROWS_WITH(nn::load_checkpoint(file.path, run.parts), ContainsSubstring("holds nothing named network."));
}

TEST_CASE("damage to the name of the checksums does not go unnoticed") {
  const TemporaryPath file;
  Run run;
  run.steps(1);
  nn::save_checkpoint(file.path, run.parts);
  std::string contents = contents_of(file.path);
  const std::size_t place = contents.find("crc32c");
  REQUIRE(place < contents.size());
  contents[place] = 'b';
  contents.back() = static_cast<char>(contents.back() ^ 1);
  write(file.path, contents);
  CHECK_THROWS_WITH(nn::load_checkpoint(file.path, run.parts),
                    ContainsSubstring(file.path.string()) && ContainsSubstring("notes but no checksums"));
}

TEST_CASE("a damaged checkpoint does not take the place of the previous one") {
  const TemporaryPath file;
  Run run;
  run.steps(1);
  nn::save_checkpoint(file.path, run.parts);
  const std::string good = contents_of(file.path);
  run.steps(1);
  nn::save_checkpoint(file.path, run.parts);
  CHECK(contents_of(nn::previous_checkpoint(file.path)) == good);
  std::string damaged = contents_of(file.path);
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  write(file.path, damaged);

  Run resumed;
  CHECK_THAT(nn::load_checkpoint(file.path, resumed.parts), ContainsSubstring("the checkpoint before it is taken"));
  resumed.steps(1);
  nn::save_checkpoint(file.path, resumed.parts);
  CHECK(contents_of(nn::previous_checkpoint(file.path)) == good);
  CHECK(nn::load_checkpoint(file.path, resumed.parts).empty());
  nn::save_checkpoint(file.path, resumed.parts);
  CHECK(contents_of(nn::previous_checkpoint(file.path)) != good);
}

TEST_CASE("a checkpoint that does not fit leaves every part as it was") {
  const TemporaryPath file;
  Run run, other;
  run.steps(3);
  nn::Training without{.network = &run.network, .optimizer = run.optimizer.get()};
  nn::save_checkpoint(file.path, without);
  other.steps(1);
  const nn::NamedTensors before = other.everything();
  CHECK_THROWS_WITH(nn::load_checkpoint(file.path, other.parts), ContainsSubstring("holds nothing named ema."));
  check_equal(other.everything(), before);
}

TEST_CASE("a note that is not UTF-8 is refused by its name when it is saved") {
  const TemporaryPath file;
  Run run;
  run.parts.notes["place"] = "caf\xe9";
  CHECK_THROWS_WITH(nn::save_checkpoint(file.path, run.parts),
                    ContainsSubstring(file.path.string()) && ContainsSubstring("the note \"place\" is not UTF-8"));
  CHECK_FALSE(std::filesystem::exists(file.path));
}
