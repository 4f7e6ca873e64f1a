// Files that mean ill, given to the binaries: runs to resume, weights, and pipes that nobody writes into.
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/ops.h"
#include "engine/printable.h"
#include "nn/safetensors.h"
#include "tests/apps/process.h"

using namespace sg;
using tests::Ended;
using tests::run_process;
using tests::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

using Arguments = std::vector<std::string>;

/// A run of `regression` of three steps.
void make_run(const fs::path& folder) {
  REQUIRE(run_process({"regression", "fit", "--activation", "tanh", "--loss", "l2", "--steps", "3", "--points", "20",
                       "--sizes", "2,4,1", "--threads", "1", "--quiet", "--out", folder.string()})
              .status == 0);
}

/// One printable line with all these texts, and exit status 2.
void check_refused(const Arguments& arguments, const std::vector<std::string>& texts) {
  const Ended ended = run_process(arguments);
  INFO(arguments[0] << ": " << ended.error);
  CHECK(ended.status == 2);
  CHECK(ended.error.starts_with(arguments[0] + ": error: "));
  CHECK(ended.error.size() < 1100);
  CHECK(printable(ended.error.substr(0, ended.error.size() - 1), 2000) + "\n" == ended.error);
  for (const std::string& text : texts) {
    CHECK(ended.error.find(text) != std::string::npos);
  }
}

void write(const fs::path& file, const std::string& text) { std::ofstream(file, std::ios::binary) << text; }

}  // namespace

TEST_CASE("a run's config.json that lies is refused with the file, the option and the value", "[hostile]") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  make_run(run);
  const auto config = nlohmann::json::parse(data::read_file(run / "config.json", 1 << 20));
  const auto refuse = [&](const std::string& key, const std::string& value, const std::string& text) {
    nlohmann::json other = config;
    other[key] = nlohmann::json::parse(value);
    write(run / "config.json", other.dump());
    INFO(key << " " << value);
    check_refused({"regression", "--resume", run.string()}, {text});
  };
  refuse("steps", "1.5", "config.json: --steps: config.json holds 1.5");
  refuse("steps", "9223372036854775807", "config.json: --steps: 9223372036854775807 is not between");
  refuse("sizes", "[2, 4.7, 1]", "--sizes: config.json holds [2,4.7,1]");
  refuse("sizes", "[2, 99999999999, 1]", "--sizes: a width must be between 1 and 65536: 99999999999");
  refuse("seed", "-1", "--seed: config.json holds -1");
  refuse("seed", "1e300", "--seed: config.json holds 1e+300");
  refuse("threads", "1e300", "--threads: config.json holds 1e+300");
  refuse("lr", "\"\\u009b2J\"", "--lr: config.json holds");
  refuse("task", "[]", "its task is []");
  refuse("app", "null", "not of regression");
  const std::string deep = R"({"app":"regression","epochs":)" + std::string(100'000, '[');
  for (const std::string& text : {deep, std::string("{}\0garbage", 10), std::string("[]"), std::string()}) {
    write(run / "config.json", text);
    check_refused({"regression", "--resume", run.string()}, {"config.json"});
    check_refused({"ddim", "sample", "--model", run.string(), "--out", folder / "none"}, {"config.json"});
    check_refused({"image_autoencoder", "decode", run / "config.json", "--model", run / "model.safetensors", "--out",
                   folder / "none"},
                  {"config.json"});
  }
  fs::remove(run / "config.json");
  REQUIRE(::mkfifo((run / "config.json").c_str(), 0600) == 0);
  check_refused({"regression", "--resume", run.string()}, {run.string(), "config.json"});
}

TEST_CASE("a checkpoint whose counters lie is refused with the counter's name and bounds", "[hostile]") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run", file = run / "checkpoint.safetensors";
  make_run(run);
  fs::remove(run / "checkpoint.previous.safetensors");
  fs::remove(run / "model.safetensors");
  const nn::SafetensorsFile whole = nn::load_safetensors(file);
  const auto refuse = [&](const std::string& name, const Tensor& value, const std::string& text) {
    nn::NamedTensors tensors;
    for (const auto& [key, tensor] : whole.tensors) {
      if (key != name) {
        tensors.emplace_back(key, tensor);
      } else if (value) {
        tensors.emplace_back(key, value);
      }
    }
    nn::save_safetensors(file, tensors);  // without checksums, as another program would write it
    INFO(name);
    check_refused({"regression", "--resume", run.string(), "--steps", "5"}, {file.string(), text});
  };
  const auto whole_number = [](std::int64_t value) { return tensor(std::vector<std::int64_t>{value}, {}); };
  refuse("counter.step", whole_number(std::numeric_limits<std::int64_t>::min()),
         "the counter step is -9223372036854775808");
  refuse("counter.step", whole_number(-5), "the counter step is -5: 0 to");
  refuse("counter.step", whole_number(std::numeric_limits<std::int64_t>::max()), "9223372036854775807: 0 to");
  refuse("counter.step", zeros({}, f64), "\"step\" is no i64");
  refuse("counter.step", {}, "no counter step");
  refuse("counter.ended", {}, "no counter ended");
  refuse("counter.ended", whole_number(2), "the counter ended is 2");
  refuse("tensor.seconds", {}, "seconds");
  refuse("tensor.seconds", zeros({0}, f64), "seconds");
  refuse("optimizer.steps", whole_number(-1), "steps has to be");
  refuse("network.fc.0.bias", tensor({NAN, 0.0, 0.0, 0.0}, {4}, f32), "fc.0.bias");
}

TEST_CASE("a pipe in the place of a file ends in a line instead of waiting", "[hostile]") {
  const TemporaryFolder folder;
  const std::string pipe = folder / "pipe", out = folder / "out";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  fs::create_directory(folder / "pipes");
  for (const char* name : {"a.png", "train-images-idx3-ubyte"}) {
    REQUIRE(::mkfifo((folder / "pipes" / name).c_str(), 0600) == 0);
  }
  for (const Arguments& command : std::vector<Arguments>{
           {"mnist_denoise"}, {"regression", "fit"}, {"ddim", "train"}, {"image_autoencoder", "train"}}) {
    for (const auto& [option, value] : std::vector<std::pair<std::string, std::string>>{
             {"--data", pipe}, {"--init", pipe}, {"--data", folder / "pipes"}}) {
      Arguments arguments = command;
      arguments.insert(arguments.end(), {option, value, "--steps", "1", "--out", out});
      check_refused(arguments, {value});
    }
  }
  check_refused({"regression", "distill", "--teacher", pipe, "--steps", "1", "--out", out}, {pipe});
  check_refused({"ddim", "sample", "--init-noise", pipe, "--out", out}, {pipe});
  check_refused({"ddim", "sample", "--model", pipe, "--out", out}, {pipe});
  check_refused({"ddim", "train", "--replay", pipe, "--steps", "1", "--out", out}, {pipe});
  CHECK(!fs::exists(out));
}

TEST_CASE(
    "weights of many empty tensors, of names that command terminals, or that are no numbers are refused in a line",
    "[hostile]") {
  const TemporaryFolder folder;
  const std::string file = folder / "weights.safetensors";
  const auto refuse = [&](const nn::NamedTensors& tensors, const std::string& text) {
    nn::save_safetensors(file, tensors);
    check_refused({"regression", "fit", "--steps", "1", "--init", file, "--out", folder / "out"}, {file, text});
  };
  nn::NamedTensors many;
  for (int i = 0; i < 40'000; ++i) {
    many.emplace_back("n" + std::to_string(i), zeros({0}));
  }
  refuse(many, "39994 more");  // a reader that compares each with each would take most of a minute
  refuse({{"\xc2\x9b"
           "2J\x1b[31m",
           zeros({1})}},
         "unexpected");
  refuse({{std::string(2'000'000, 'a'), zeros({1})}}, "unexpected");
  refuse({{"fc.0.weight", tensor({1.0, INFINITY}, {2}, f32)}}, "\"fc.0.weight\" holds inf");
}

TEST_CASE("a run that goes on with other instructions says so", "[hostile]") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  make_run(run);
  auto config = nlohmann::json::parse(data::read_file(run / "config.json", 1 << 20));
  CHECK(config["isa"].is_string());
  CHECK(config["blas_kernels"].is_string());
  config["isa"] = "another";
  write(run / "config.json", config.dump());
  const Ended ended = run_process({"regression", "--resume", run.string(), "--steps", "4"});
  CHECK(ended.status == 0);
  CHECK(ended.error.find("the run began with another, OpenBLAS kernels ") != std::string::npos);
}
