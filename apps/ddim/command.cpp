// Command.
#include "apps/ddim/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "apps/common/options.h"
#include "apps/ddim/settings.h"

namespace sg::ddim {
namespace {

struct Command {
  const char* name;
  void (*run)(const apps::Arguments&);
};
constexpr std::array<Command, 4> kCommands{{{"train", train_command},
                                            {"sample", sample_command},
                                            {"interpolate", interpolate_command},
                                            {"info", info_command}}};

/// What sample understands and train as well, with or without a value: these ask for neither.
constexpr std::array kNeutral{"--out",       "--seed",    "--threads",        "--batch-size", "--dtype",    "--quiet",
                              "--overwrite", "--sampler", "--sampling-steps", "--eta",        "--dim",      "--mults",
                              "--channels",  "--size",    "--schedule",       "--timesteps",  "--objective"};
constexpr std::array kOfSampling{"--model", "--count", "--init-noise", "--trajectory"};

/// Whether options without a command ask for training.
bool asks_for_training(const apps::Arguments& arguments) {
  bool training = false;
  for (const std::string& argument : arguments) {
    if (!argument.starts_with("--")) continue;  // a value
    const std::string name = argument.substr(0, argument.find('='));
    if (std::find(kOfSampling.begin(), kOfSampling.end(), name) != kOfSampling.end()) return false;
    training = training || std::find(kNeutral.begin(), kNeutral.end(), name) == kNeutral.end();
  }
  return training;
}

void help_on_all() {
  fmt::print(
      "ddim: a diffusion model of small pictures, trained with L2 and with Sobolev losses, and sampled.\n\n"
      "  ddim                      64 digits from the network that is part of this program\n"
      "  ddim train [OPTIONS]      train; the default where an option asks for it\n"
      "  ddim sample [OPTIONS]     draw pictures from a trained network\n"
      "  ddim interpolate [...]    pictures between two\n"
      "  ddim info [...]           a network's parts and its schedule\n\n");
  std::fflush(stdout);
  for (const Command& command : kCommands) {
    try {
      command.run({"--help"});
    } catch (const apps::Finished&) {}
    std::fflush(stdout);
  }
  throw apps::Finished{};
}

}  // namespace

void run_command(const apps::Arguments& arguments) {
  if (arguments.empty()) return sample_command(arguments);
  for (const Command& command : kCommands) {
    if (arguments[0] == command.name) return command.run({arguments.begin() + 1, arguments.end()});
  }
  if (arguments[0] == "--help" || arguments[0] == "-h") help_on_all();
  if (!arguments[0].starts_with("-")) {
    const std::string meant = apps::nearest(arguments[0], {"train", "sample", "interpolate", "info"});
    fail("{}: no such command; there are train, sample, interpolate, info{}", printable(arguments[0]),
         meant.empty() ? "" : fmt::format("; did you mean {}?", meant));
  }
  if (arguments[0] == "--version" || asks_for_training(arguments)) return train_command(arguments);
  sample_command(arguments);
}

}  // namespace sg::ddim
