// What a run survives: being killed at any write, a full disk, a read-only one, signals, a reader that goes away.
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <sstream>

#include "nn/checkpoint.h"
#include "nn/safetensors.h"
#include "tests/apps/process.h"

using namespace sg;
using tests::Ended;
using tests::run_process;
using tests::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool can_preload = false;  // a sanitizer has to come first
#else
constexpr bool can_preload = true;
#endif

/// A place where syncing takes no time.
fs::path memory() { return fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path(); }

/// A short training, whose checkpoints come after every step.
struct Trainer {
  std::vector<std::string> arguments;
  std::vector<std::string> folders;  // of its runs, below the run folder

  std::vector<std::string> into(const fs::path& out) const {
    std::vector<std::string> all = arguments;
    for (const char* argument :
         {"--checkpoint-seconds", "0", "--log-every", "1", "--threads", "1", "--quiet", "--out"}) {
      all.emplace_back(argument);
    }
    all.push_back(out);
    return all;
  }
  std::vector<std::string> resume(const fs::path& out) const {
    return {arguments[0], "--resume", out.string(), "--quiet"};
  }
};

const std::vector<Trainer>& trainers() {
  static const std::vector<Trainer> all{
      {{"mnist_denoise", "--loss", "l2,h1", "--seeds", "2", "--steps", "3", "--limit-train", "16", "--limit-test", "8",
        "--batch-size", "8", "--z", "2", "--eval-steps", "2"},
       {"seed0/l2", "seed0/h1", "seed1/l2", "seed1/h1"}},
      {{"regression", "fit", "--activation", "tanh", "--loss", "l2,h1", "--steps", "5", "--points", "20", "--sizes",
        "2,4,1", "--eval-steps", "2"},
       {"l2", "h1"}},
      {{"ddim",           "train", "--loss",           "l2,h1", "--dim",          "4",
        "--mults",        "1",     "--steps",          "3",     "--limit-train",  "4",
        "--limit-test",   "2",     "--batch-size",     "2",     "--sample-every", "0",
        "--sample-count", "1",     "--sampling-steps", "1",     "--eval-steps",   "2"},
       {"l2", "h1"}},
      {{"image_autoencoder", "train", "--loss", "l2,h1", "--size", "16", "--steps", "3", "--limit-train", "4",
        "--limit-test", "2", "--batch-size", "2", "--eval-steps", "2"},
       {"l2", "h1"}}};
  return all;
}

/// metrics.csv without the column of seconds.
std::string metrics_of(const fs::path& folder) {
  std::istringstream lines(data::read_file(folder / "metrics.csv", 1 << 20));
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t epoch = line.find(',', line.find(',') + 1), seconds = line.find(',', epoch + 1);
    kept += line.substr(0, epoch) + line.substr(seconds) + "\n";
  }
  return kept;
}

/// The column of seconds in metrics.csv.
std::vector<double> seconds_of(const fs::path& folder) {
  std::istringstream lines(data::read_file(folder / "metrics.csv", 1 << 20));
  std::vector<double> seconds;
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    const std::size_t epoch = line.find(',', line.find(',') + 1);
    seconds.push_back(std::stod(line.substr(epoch + 1)));
  }
  REQUIRE(!seconds.empty());
  return seconds;
}

void check_same(const Trainer& trainer, const fs::path& whole, const fs::path& parts) {
  for (const std::string& folder : trainer.folders) {
    INFO(folder);
    CHECK(data::read_file(whole / folder / "model.safetensors", 1 << 28) ==
          data::read_file(parts / folder / "model.safetensors", 1 << 28));
    CHECK(metrics_of(whole / folder) == metrics_of(parts / folder));
    for (const auto& entry : fs::directory_iterator(parts / folder)) {
      CHECK(entry.path().extension() != ".part");
    }
  }
}

long calls_of(const Trainer& trainer, const fs::path& out) {
  const TemporaryFolder folder(memory());
  const std::string file = folder / "count";
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT, 0600);  // the child inherits it
  const Ended ended = run_process(trainer.into(out), "count:" + std::to_string(descriptor));
  ::close(descriptor);
  REQUIRE(ended.status == 0);
  return std::stol(data::read_file(file, 100));
}

/// Kills each trainer at these parts of its writes, then once more while it goes on, and lets it come to its end.
void check_kills(const std::vector<double>& places) {
  if (!can_preload) {
    return;
  }
  for (const Trainer& trainer : trainers()) {
    INFO(trainer.arguments[0]);
    const TemporaryFolder folder(memory());
    const long calls = calls_of(trainer, folder / "whole");
    REQUIRE(calls > 40);
    int kills = 0;
    for (const double place : places) {
      const fs::path out = folder / ("killed" + std::to_string(++kills));
      const long at = std::max(1L, std::lround(place * static_cast<double>(calls)));
      INFO("killed at " << at << " of " << calls);
      CHECK(run_process(trainer.into(out), "kill:" + std::to_string(at)).signal == SIGKILL);
      if (!fs::exists(out / "config.json")) {
        continue;  // there is nothing to go on with
      }
      const Ended second = run_process(trainer.resume(out), "kill:13");
      INFO(second.error);
      CHECK((second.signal == SIGKILL || second.status == 0));
      const Ended last = run_process(trainer.resume(out));
      INFO(last.error);
      REQUIRE(last.status == 0);
      check_same(trainer, folder / "whole", out);
    }
  }
}

}  // namespace

TEST_CASE("a run that is killed at any write goes on to the same bits and rows", "[faults][release]") {
  check_kills({0.4, 0.9});
}

TEST_CASE("a run that is killed at any of many writes goes on to the same bits and rows", "[faults][slow]") {
  check_kills({0.02, 0.1, 0.2, 0.3, 0.35, 0.5, 0.55, 0.6, 0.7, 0.8, 0.85, 0.93, 0.97});
}

TEST_CASE("a full disk and a read-only one end a run with a line that names the file, and with a whole checkpoint",
          "[faults]") {
  if (!can_preload) {
    return;
  }
  const Trainer& trainer = trainers()[1];
  const TemporaryFolder folder(memory());
  const long calls = calls_of(trainer, folder / "whole");
  for (const std::string kind : {"full", "readonly"}) {
    for (const double place : {0.3, 0.7}) {
      const fs::path out = folder / (kind + std::to_string(place));
      const Ended ended =
          run_process(trainer.into(out), fmt::format("{}:{}", kind, std::lround(place * static_cast<double>(calls))));
      INFO(kind << " at " << place << ": " << ended.error);
      CHECK(ended.status == 1);
      // One line, after that of a chart that was left out where a loss had come to its end.
      const std::size_t line = ended.error.find("regression: error: ");
      REQUIRE(line != std::string::npos);
      CHECK(ended.error.find('\n', line) == ended.error.size() - 1);
      CHECK(ended.error.find(out.string()) != std::string::npos);
      REQUIRE(run_process(trainer.resume(out)).status == 0);
      check_same(trainer, folder / "whole", out);
    }
  }
}

TEST_CASE("SIGTERM ends a run with a checkpoint, a second Ctrl-C at once", "[faults]") {
  if (!can_preload) {
    return;
  }
  const Trainer& trainer = trainers()[1];
  const TemporaryFolder folder(memory());
  const long calls = calls_of(trainer, folder / "whole");
  for (const std::string kind : {"terminate", "interrupt"}) {
    const fs::path out = folder / kind;
    const Ended ended = run_process(trainer.into(out), fmt::format("{}:{}", kind, calls / 3));
    INFO(ended.error);
    CHECK(ended.status == 130);
    CHECK((kind == "interrupt" || ended.error.find("--resume '" + out.string() + "'") != std::string::npos));
    REQUIRE(run_process(trainer.resume(out)).status == 0);
    check_same(trainer, folder / "whole", out);
  }
}

TEST_CASE("a clock that jumps back changes neither bits nor rows, and no time is negative", "[faults]") {
  if (!can_preload) {
    return;
  }
  const Trainer& trainer = trainers()[1];  // the loop, its clock and its files are one for all trainers
  const TemporaryFolder folder(memory());
  REQUIRE(run_process(trainer.into(folder / "whole")).status == 0);
  // Back by an hour with every look at the clock, in a run and in what goes on from it.
  const fs::path out = folder / "jumps";
  std::vector<std::string> first = trainer.into(out), second = trainer.resume(out);
  first.insert(first.end(), {"--steps", "2"});
  second.insert(second.end(), {"--steps", "5"});
  for (const std::vector<std::string>& arguments : {first, second}) {
    const Ended ended = run_process(arguments, "clock:3600");
    INFO(ended.error);
    REQUIRE(ended.status == 0);
  }
  check_same(trainer, folder / "whole", out);
  for (const std::string& run : trainer.folders) {
    double last = 0;
    for (const double seconds : seconds_of(out / run)) {
      CHECK(seconds >= last);
      last = seconds;
    }
    CHECK(last < 3600);
  }
}

TEST_CASE("a run goes on to its end when nobody reads what it says", "[faults]") {
  const Trainer& trainer = trainers()[1];
  const TemporaryFolder folder(memory());
  std::vector<std::string> arguments = trainer.into(folder / "run");
  std::erase(arguments, "--quiet");
  CHECK(run_process(arguments, "", true).status == 1);
  CHECK(fs::exists(folder / "run" / "h1" / "model.safetensors"));
}

TEST_CASE("a damaged checkpoint is named, and the one before it is taken to the same bits", "[faults]") {
  const Trainer& trainer = trainers()[1];
  const TemporaryFolder folder(memory());
  REQUIRE(run_process(trainer.into(folder / "whole")).status == 0);
  fs::copy(folder / "whole", folder / "damaged", fs::copy_options::recursive);
  const fs::path file = folder / "damaged" / "l2" / "checkpoint.safetensors";
  std::string bytes = data::read_file(file, 1 << 20);
  bytes[bytes.size() - 60] = static_cast<char>(bytes[bytes.size() - 60] ^ 1);
  std::ofstream(file, std::ios::binary) << bytes;
  fs::remove(folder / "damaged" / "l2" / "model.safetensors");
  const Ended ended = run_process(trainer.resume(folder / "damaged"));
  INFO(ended.error);
  CHECK(ended.status == 0);
  CHECK(ended.error.find("checkpoint.safetensors: damaged: the checksum of ") != std::string::npos);
  CHECK(ended.error.find("the checkpoint before it is taken") != std::string::npos);
  check_same(trainer, folder / "whole", folder / "damaged");
}

TEST_CASE("the option --verify-resume compares the bits of steps before and after a checkpoint, and leaves nothing",
          "[faults]") {
  const TemporaryFolder folder(memory());
  for (const Trainer& trainer : trainers()) {
    std::vector<std::string> arguments = trainer.into(folder / "run");
    arguments.emplace_back("--verify-resume");
    const Ended ended = run_process(arguments);
    INFO(trainer.arguments[0] << ": " << ended.error);
    CHECK(ended.status == 0);
    CHECK(!fs::exists(folder / "run"));
  }
}
