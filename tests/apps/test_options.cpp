// The command line: defaults, checks, exit statuses, and what --resume takes from a run.
#include <signal.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/common/options.h"
#include "apps/common/run_app.h"
#include "engine/error.h"
#include "tests/apps/run_capture.h"
#include "tests/data/temporary_folder.h"

using namespace sg;
using namespace sg::apps;
using tests::run_captured;
using tests::RunResult;
using tests::TemporaryFolder;

namespace {

/// An application with one option of its own.
struct Sample {
  Options options;
  std::int64_t z = 32;
  std::vector<double> weights{1, 1};
  std::vector<Loss> losses;
  nlohmann::json config;
  bool ran = false;

  RunResult run(const std::vector<std::string>& arguments) {
    options.losses = {"l2", "h1", "h2"};
    options.epochs = 5;
    return run_captured("sample", arguments, [this](const Arguments& given) {
      OptionParser parser("sample", "A sample.", options);
      parser.add("--z", z, "latent size", at_least<std::int64_t>(1));
      parser.add("--weights", weights, "of the orders");
      parser.parse(given);
      losses = options.loss_list();
      config = parser.config();
      ran = true;
    });
  }
};

}  // namespace

TEST_CASE("without arguments the application's defaults are in force", "[options]") {
  Sample sample;
  CHECK(sample.run({}).status == 0);
  CHECK(sample.config["epochs"] == 5);
  CHECK(sample.config["batch_size"] == 128);
  CHECK(sample.config["loss"] == nlohmann::json{"l2", "h1", "h2"});
  CHECK(sample.config["shuffle"] == true);
  CHECK(sample.config["z"] == 32);
  CHECK(sample.config["hs_frequencies"] == "one_sided");
}

TEST_CASE("options are read in both forms, the last one counts, and lists are split at commas", "[options]") {
  Sample sample;
  const RunResult result =
      sample.run({"--loss", "l2,hs,hs0.5", "--s=1.5", "--lr", "1e-4", "--seed", "18446744073709551615", "--shuffle",
                  "off", "--weights", "1,0.5,-2", "--steps", "3", "--steps", "4", "--quiet", "--dtype", "f64"});
  REQUIRE(result.error == "");
  CHECK(sample.options.lr == 1e-4);
  CHECK(sample.options.seed == 18446744073709551615u);
  CHECK_FALSE(sample.options.shuffle);
  CHECK(sample.options.quiet);
  CHECK(sample.options.steps == 4);
  CHECK(sample.options.element_type() == f64);
  CHECK(sample.weights == std::vector<double>{1, 0.5, -2});
  REQUIRE(sample.losses.size() == 3);
  CHECK(sample.losses[0].name == "l2");
  CHECK(sample.losses[1].name == "hs1.5");
  CHECK(sample.losses[1].s == 1.5);
  CHECK(sample.losses[2].name == "hs0.5");
  CHECK(sample.losses[2].kind == "hs");
}

TEST_CASE("a wrong option or value ends with status 2 and one line that names it", "[options]") {
  struct Row {
    std::vector<std::string> arguments;
    std::string expected;
  };
  const std::vector<Row> rows{
      {{"--nosuch"}, "--nosuch"},
      {{"stray"}, "stray"},
      {{"--batch-size", "0"}, "--batch-size: 0 is not between 1 and"},
      {{"--batch-size", "abc"}, "--batch-size: 'abc' is not a whole number"},
      {{"--batch-size", "12.5"}, "--batch-size: '12.5' is not a whole number"},
      {{"--batch-size"}, "--batch-size"},
      {{"--batch-size", ""}, "--batch-size"},
      {{"--epochs", "99999999999999999999"}, "--epochs: '99999999999999999999' is out of range"},
      {{"--epochs", "-3"}, "--epochs: -3 is not between 1 and 1000000000"},
      {{"--lr", "nan"}, "--lr: 'nan' is not a finite number"},
      {{"--lr", "inf"}, "--lr: 'inf' is not a finite number"},
      {{"--lr", "0"}, "--lr: 0 is too small: more than 0 is needed"},
      {{"--lr", "1e-3x"}, "--lr: '1e-3x' is not a number"},
      {{"--seed", "-1"}, "--seed: '-1' is not a whole number, 0 or more"},
      {{"--shuffle", "maybe"}, "--shuffle: 'maybe' is neither on nor off"},
      {{"--dtype", "f16"}, "--dtype: 'f16' is not one of f32, f64"},
      {{"--hs-frequencies", "both"}, "--hs-frequencies: 'both' is not one of one_sided, symmetric"},
      {{"--loss", "l3"}, "--loss: 'l3' is not one of l2, h1, h2, hs"},
      {{"--loss", "l2,,h1"}, "--loss: 'l2,,h1' has an empty part"},
      {{"--loss", "l2,l2"}, "--loss: l2 is there twice"},
      {{"--loss", "hsx"}, "--loss hsx: 'x' is not a number"},
      {{"--data", "no/such/place"}, "--data: "},
      {{"--init", "no/such/file"}, "--init: "},
      {{"--resume", "no/such/run"}, "--resume: "},
      {{"--z", "0"}, "--z: 0 is too small: at least 1 is needed"},
      {{"--data", "a\nb"}, "--data: "},
  };
  for (const Row& row : rows) {
    Sample sample;
    const RunResult result = sample.run(row.arguments);
    INFO(row.expected << " / " << result.error);
    CHECK(result.status == 2);
    CHECK_FALSE(sample.ran);
    CHECK(result.out == "");
    CHECK(result.error.starts_with("sample: error: "));
    CHECK(result.error.find(row.expected) != std::string::npos);
    CHECK(std::count(result.error.begin(), result.error.end(), '\n') == 1);
  }
}

TEST_CASE("the option --help lists every option with its default, --version prints one", "[options]") {
  Sample sample;
  const RunResult help = sample.run({"--help"});
  CHECK(help.status == 0);
  CHECK_FALSE(sample.ran);
  CHECK(help.error == "");
  for (const char* text : {"--data",        "--out",        "--loss",   "l2,h1,h2",     "--s ",
                           "--epochs",      "=5",           "--steps",  "--batch-size", "=128",
                           "--lr",          "=0.001",       "--seed",   "--threads",    "--shuffle",
                           "=on",           "--init",       "--resume", "--overwrite",  "--checkpoint-seconds",
                           "=30",           "--log-every",  "=10",      "--eval-every", "--eval-steps",
                           "--limit-train", "--limit-test", "--dtype",  "=f32",         "--hs-frequencies",
                           "=one_sided",    "--profile",    "--quiet",  "--z",          "=32"}) {
    INFO(text);
    CHECK(help.out.find(text) != std::string::npos);
  }
  const RunResult version = sample.run({"--version"});
  CHECK(version.status == 0);
  CHECK(version.out.find(SOBOGRAD_VERSION) != std::string::npos);
}

TEST_CASE("the option --resume takes the run's options, and refuses others than those that may change", "[options]") {
  const TemporaryFolder folder;
  Sample first;
  REQUIRE(first.run({"--lr", "0.25", "--z", "7", "--loss", "h1", "--steps", "40", "--data", folder.path().string()})
              .status == 0);
  nlohmann::json config = first.config;
  config["app"] = "sample";
  folder.write("config.json", config.dump());
  const std::string run = folder.path().string();

  Sample resumed;
  const RunResult result =
      resumed.run({"--resume", run, "--threads", "3", "--epochs", "9", "--quiet", "--lr", "0.250"});
  REQUIRE(result.error == "");
  CHECK(resumed.options.lr == 0.25);
  CHECK(resumed.z == 7);
  CHECK(resumed.options.losses == std::vector<std::string>{"h1"});
  CHECK(resumed.options.threads == 3);
  CHECK(resumed.options.epochs == 9);
  CHECK(resumed.options.steps == 0);  // the epochs that were given count, not the old run's steps
  CHECK(resumed.options.quiet);
  CHECK(resumed.options.out == run);
  CHECK(resumed.options.data == folder.path().string());

  for (const std::vector<std::string>& other : std::vector<std::vector<std::string>>{
           {"--lr", "0.5"}, {"--z", "8"}, {"--loss", "l2"}, {"--seed", "3"}, {"--overwrite"}, {"--out", "x"}}) {
    std::vector<std::string> arguments{"--resume", run};
    arguments.insert(arguments.end(), other.begin(), other.end());
    Sample sample;
    const RunResult refused = sample.run(arguments);
    INFO(refused.error);
    CHECK(refused.status == 2);
    CHECK(refused.error.find(other[0]) != std::string::npos);
  }
}

TEST_CASE("with --resume, --quiet is this call's, a slash at a path's end is nothing, and --eval-every wins",
          "[options]") {
  const TemporaryFolder folder;
  Sample first;
  REQUIRE(first.run({"--data", folder.path().string() + "/", "--quiet", "--eval-steps", "100"}).status == 0);
  nlohmann::json config = first.config;
  config["app"] = "sample";
  folder.write("config.json", config.dump());
  const std::string run = folder.path().string();
  Sample resumed;
  REQUIRE(resumed.run({"--resume", run, "--data", run, "--out", run + "/", "--eval-every", "2"}).error == "");
  CHECK_FALSE(resumed.options.quiet);
  CHECK(resumed.options.data == run);
  CHECK(resumed.options.eval_every == 2);
  CHECK(resumed.options.eval_steps == 0);
}

TEST_CASE("a path in brackets is a path, and an order within a loss's name has the bounds of --s", "[options]") {
  Sample sample;
  REQUIRE(sample.run({"--out", "[run]"}).error == "");
  CHECK(sample.options.out.ends_with("/[run]"));
  Sample other;
  CHECK(other.run({"--loss", "l2,hs99"}).error == "sample: error: --loss hs99: 99 is not between -16 and 16\n");
}

TEST_CASE("a text in quotes is one word of a shell", "[values]") {
  CHECK(shell_quoted("/a b/we'ird") == "'/a b/we'\\''ird'");
  CHECK(shell_quoted("a\nb's\\") == "$'a\\012b\\'s\\\\'");
}

TEST_CASE("a damaged config.json is refused in one line", "[options]") {
  const TemporaryFolder folder;
  for (const char* text :
       {"", "{", "[]", "null", "{\"app\": 3}", "{\"app\": \"other\"}", "{\"app\": \"sample\", \"lr\": \"fast\"}",
        "{\"app\": \"sample\", \"lr\": -1}", "{\"app\": \"sample\", \"loss\": 3}",
        "{\"app\": \"sample\", \"quiet\": 1}", "{\"app\": \"sample\", \"loss\": [\"l9\"]}",
        "{\"app\": \"sample\", \"batch_size\": 1e300}", "{\"app\": \"sample\", \"seed\": null}"}) {
    folder.write("config.json", text);
    Sample sample;
    const RunResult result = sample.run({"--resume", folder.path().string()});
    INFO(text << " / " << result.error);
    CHECK(result.status == 2);
    CHECK(std::count(result.error.begin(), result.error.end(), '\n') == 1);
  }
  std::filesystem::remove(folder / "config.json");
  Sample sample;
  CHECK(sample.run({"--resume", folder.path().string()}).error.find("holds no config.json") != std::string::npos);
}

TEST_CASE("how the work ends becomes the exit status", "[run_app]") {
  const auto status = [](const std::function<void()>& work) {
    return run_captured("sample", {}, [&](const Arguments&) { work(); });
  };
  CHECK(status([] {}).status == 0);
  CHECK(status([] { fail("reading: wrong"); }).status == 2);
  CHECK(status([] { fail("reading: wrong"); }).error == "sample: error: reading: wrong\n");
  CHECK(status([] { fail("two\nlines \x1b[31m"); }).error == "sample: error: two lines  [31m\n");
  CHECK(status([] { throw RunError("the loss is no number"); }).status == 1);
  CHECK(status([] { throw std::bad_alloc(); }).status == 1);
  const RunResult stopped = status([] { stop_interrupted("sample", "runs/a"); });
  CHECK(stopped.status == 130);
  CHECK(stopped.error.find("sample --resume 'runs/a'") != std::string::npos);
}

TEST_CASE("a signal is seen by the work, which then ends by itself", "[run_app]") {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const RunResult result = run_captured("sample", {}, [&](const Arguments&) {
      CHECK_FALSE(interrupted());
      ::raise(signal);
      CHECK(interrupted());
      stop_interrupted("sample", "runs/a");
    });
    CHECK(result.status == 130);
  }
}

TEST_CASE("under nohup, which ignores SIGHUP, a run outlives its terminal", "[run_app]") {
  const auto before = ::signal(SIGHUP, SIG_IGN);
  const RunResult result = run_captured("sample", {}, [&](const Arguments&) {
    ::raise(SIGHUP);
    CHECK_FALSE(interrupted());
  });
  ::signal(SIGHUP, before);
  CHECK(result.status == 0);
}
