// Every option of every command, as --help lists them, with values that will not do.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <regex>
#include <sstream>

#include "apps/ddim/command.h"
#include "apps/image_autoencoder/command.h"
#include "apps/mnist_denoise/command.h"
#include "apps/regression/command.h"
#include "apps/reproduce/command.h"
#include "apps/theory/command.h"
#include "engine/printable.h"
#include "tests/apps/run_capture.h"
#include "tests/data/temporary_folder.h"

using namespace sg;
using tests::run_captured;
using tests::RunResult;
using tests::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

using Arguments = std::vector<std::string>;

struct Command {
  std::string app;
  std::function<void(const apps::Arguments&)> run;
  Arguments start;   // the command's name, where there are several
  Arguments needed;  // without which it refuses everything
};

std::vector<Command> commands() {
  std::vector<Command> all{{"mnist_denoise", mnist_denoise::run_command, {}},
                           {"mnist_denoise", mnist_denoise::run_command, {"denoise"}, {"a-file", "--out=results"}},
                           {"theory", theory::run_command, {}},
                           {"reproduce", reproduce::run_command, {}, {"no-figure"}}};
  for (const char* name : {"fit", "distill", "pinn", "spectrum", "derivatives"}) {
    all.push_back({"regression", regression::run_command, {name}});
  }
  for (const char* name : {"train", "sample", "interpolate", "info"}) {
    all.push_back({"ddim", ddim::run_command, {name}});
  }
  all.push_back({"image_autoencoder", image_autoencoder::run_command, {"train"}});
  for (const char* name : {"reconstruct", "encode", "decode", "latent"}) {
    all.push_back({"image_autoencoder", image_autoencoder::run_command, {name}, {"a-file", "a-file", "--out=results"}});
  }
  return all;
}

struct Option {
  std::string name;
  std::string type;  // N, X, on|off, TEXT, PATH, LIST; empty for a flag
};

std::vector<Option> options_of(const Command& command) {
  Arguments arguments = command.start;
  arguments.emplace_back("--help");
  std::istringstream help(run_captured(command.app, arguments, command.run).out);
  static const std::regex pattern(R"(^  (?:-h,)?(--[a-z0-9-]+)(?: ([A-Za-z|]+)(?:=\S*)?)?(?:\s.*)?$)");
  std::vector<Option> options;
  for (std::string line; std::getline(help, line);) {
    std::smatch match;
    if (std::regex_match(line, match, pattern)) {
      static const std::vector<std::string> types{"N", "X", "on|off", "TEXT", "PATH", "LIST", "N|LIST"};
      const std::string type = match[2];
      options.push_back({match[1], std::find(types.begin(), types.end(), type) == types.end() ? "" : type});
    }
  }
  return options;
}

/// Texts that are no value of the type, whatever the option means.
std::vector<std::string> wrong_values(const Option& option) {
  if (option.type == "N") {
    return {"abc",
            "1.5",
            "0x10",
            "99999999999999999999",
            "-9223372036854775808",
            "",
            "1 ",
            "\xc2\x9b"
            "2J"};
  }
  if (option.type == "X") {
    return {"abc", "nan", "inf", "1e400", "1,5", "+-1", "", "1e", "0x1p3"};
  }
  if (option.type == "on|off") {
    return {"maybe", "1", "ON", ""};
  }
  if (option.type == "N|LIST") {
    return {"0", "abc", ",", "1,,2", "3,3", "-1", "1001", ""};
  }
  if (option.type == "LIST") {
    return {",", "a,,b", "1,"};
  }
  if (option.type == "PATH" || option.name == "--out" || option.name == "--data" || option.name == "--init" ||
      option.name == "--resume") {
    std::vector<std::string> wrong{"", "no\xffUTF-8"};
    if (option.name != "--out") {
      wrong.emplace_back("no/such/place");
    }
    return wrong;
  }
  return {};
}

class WorkingFolder {
 public:
  explicit WorkingFolder(const fs::path& folder) : old_(fs::current_path()) { fs::current_path(folder); }
  ~WorkingFolder() { fs::current_path(old_); }

 private:
  fs::path old_;
};

/// Runs the command, which must refuse these arguments in one line with all these texts, and leave nothing behind. A
/// folder that cannot be one stands behind them, so that a value that was taken by mistake trains nothing.
void check_refused(const Command& command, const Arguments& given, const std::vector<std::string>& texts) {
  const TemporaryFolder folder;
  folder.write("a-file", "");
  const WorkingFolder here(folder.path());
  Arguments arguments = command.start;
  arguments.insert(arguments.end(), command.needed.begin(), command.needed.end());
  arguments.insert(arguments.end(), given.begin(), given.end());
  std::string line;
  for (const std::string& argument : arguments) {
    line += " '" + printable(argument) + "'";
  }
  const RunResult result = run_captured(command.app, arguments, command.run);
  INFO(command.app << line << ": " << result.error);
  CHECK(result.status == 2);
  CHECK(result.out.empty());
  CHECK(result.error.starts_with(command.app + ": error: "));
  CHECK(std::count(result.error.begin(), result.error.end(), '\n') == 1);
  CHECK(result.error == printable(result.error.substr(0, result.error.size() - 1), 2000) + "\n");
  for (const std::string& text : texts) {
    CHECK(result.error.find(text) != std::string::npos);
  }
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

}  // namespace

TEST_CASE("every option of every command refuses what is no value of it, and names itself and the value",
          "[every_option]") {
  std::size_t tried = 0;
  for (const Command& command : commands()) {
    const std::vector<Option> options = options_of(command);
    CHECK(options.size() >= 3);
    for (const Option& option : options) {
      for (const std::string& value : wrong_values(option)) {
        std::vector<std::string> texts{option.name};
        if (option.type == "N" || option.type == "X" || option.type == "on|off") {
          texts.push_back(value.starts_with("-922") ? "-9223372036854775808" : "'" + printable(value) + "'");
        }
        if (value.empty() && texts.size() > 1) {
          texts.back() = "missing";
        } else if (value == "-9223372036854775808") {
          texts.pop_back();  // out of range by itself or by the option's bounds, which say so in other words
        }
        check_refused(command, {option.name + "=" + value}, texts);
        ++tried;
      }
    }
  }
  CHECK(tried > 500);
}

TEST_CASE("a misspelt option of any command is refused with the one that may be meant", "[every_option]") {
  for (const Command& command : commands()) {
    const std::vector<Option> options = options_of(command);
    for (const Option& option : options) {
      if (option.name.size() < 8) {
        continue;
      }
      std::string misspelt = option.name;
      std::swap(misspelt[4], misspelt[5]);
      if (misspelt == option.name) {
        misspelt.erase(4, 1);
      }
      check_refused(command, {misspelt, "3"}, {misspelt, "no such option", "did you mean " + option.name + "?"});
    }
    check_refused(command, {"--nothing-of-the-kind"}, {"--nothing-of-the-kind: no such option or argument; --help"});
  }
}

TEST_CASE("an option without its value, and a choice that there is not, are refused", "[every_option]") {
  for (const Command& command : commands()) {
    for (const Option& option : options_of(command)) {
      if (!option.type.empty()) {
        check_refused(command, {option.name}, {option.name});
      }
    }
  }
  const Command regression{"regression", regression::run_command, {"fit"}};
  check_refused(regression, {"--dtype", "f3"}, {"--dtype: 'f3' is not one of f32, f64; did you mean f32?"});
  check_refused(regression, {"--loss", "l2,h3"}, {"--loss: 'h3' is not one of"});
  check_refused({"ddim", ddim::run_command, {}}, {"trian"}, {"trian: no such command", "did you mean train?"});
}

TEST_CASE("options that contradict each other are refused", "[every_option]") {
  const TemporaryFolder folder;
  for (const Command& command : commands()) {
    const std::vector<Option> options = options_of(command);
    const auto has = [&](const char* name) {
      return std::any_of(options.begin(), options.end(), [&](const Option& option) { return option.name == name; });
    };
    if (has("--seeds") && has("--seed") && has("--resume")) {
      check_refused(command, {"--seed", "1", "--seeds", "2"}, {"--seeds"});
      check_refused(command, {"--overwrite", "--resume", folder.path().string()}, {"--resume", "--overwrite"});
      check_refused(command, {"--resume", folder.path().string()}, {"--resume", "config.json"});
      check_refused(command, {"--out", "a-file"}, {"--out", "a-file"});
    }
    if (has("--loss") && has("--resume")) {
      check_refused(command, {"--loss", "l2,l2"}, {"--loss", "twice"});
      check_refused(command, {"--loss="}, {"--loss"});
    }
  }
  const Command fit{"regression", regression::run_command, {"fit"}};
  check_refused(fit, {"--optimizer", "lbfgs", "--batch-size", "10"}, {"--batch-size"});
  const Command train{"ddim", ddim::run_command, {"train"}};
  check_refused(train, {"--size", "32"}, {"--size", "28"});
  check_refused(train, {"--sampling-steps", "60", "--timesteps", "50"}, {"--sampling-steps", "--timesteps"});
  const Command autoencoder{"image_autoencoder", image_autoencoder::run_command, {"train"}};
  check_refused(autoencoder, {"--size", "30"}, {"--size", "multiple of 4"});
}
