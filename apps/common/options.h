// Options: what every application takes on its command line, its checks, and its way into config.json and back.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "apps/common/command_line.h"
#include "apps/common/values.h"
#include "engine/dtype.h"
#include "losses/spectral.h"
#include "nn/optim/schedule.h"

namespace sg::apps {

/// A loss of the comma list of --loss.
struct Loss {
  std::string name;  // what its subfolder and its curve are called: l2, h1, h2, hs1.5, ...
  std::string kind;  // l2, h1, h2, hs, or what the application adds
  double s = 0;      // the order: 0 for l2, 1 for h1, 2 for h2, --s for hs
};

/// What of the options in common an application or command takes, besides those of every run.
struct CommonUse {
  /// The help of --data, which there is not when this is empty.
  std::string data = "a folder of IDX files or of images, searched recursively; empty: the embedded data";
  bool limits = true;    // --limit-train, --limit-test
  bool batches = true;   // --batch-size, --shuffle, --epochs, --eval-every
  bool losses = true;    // --loss
  bool spectral = true;  // --s, --hs-frequencies, --hs-length
};

/// The options in common. An application sets its own defaults before it makes the parser.
struct Options {
  std::string data;  // absolute; empty for the embedded data
  std::string out;   // absolute; empty for the default
  std::vector<std::string> losses{"l2", "h1"};
  double s = 1;
  std::int64_t epochs = 1;
  std::int64_t steps = 0;  // 0: by epochs
  std::int64_t batch_size = 128;
  double lr = 1e-3;
  std::int64_t warmup_steps = 0;
  std::int64_t cosine_steps = 0;  // 0: the rate stays
  std::uint64_t seed = 0;
  std::vector<std::uint64_t> seeds;  // empty: `seed` alone
  std::int64_t threads = 0;          // 0: all cores
  std::int64_t batch_parts = 0;      // after parsing 1 or more
  std::int64_t memory_limit = 0;     // MB that a step's tensors may take; 0: no limit
  bool shuffle = true;
  std::string init;
  std::string resume;  // absolute; empty for a fresh run
  bool overwrite = false;
  double checkpoint_seconds = 30;
  std::int64_t log_every = 10;
  std::int64_t eval_every = 1;
  std::int64_t eval_steps = 0;   // 0: by epochs
  std::int64_t limit_train = 0;  // 0: all
  std::int64_t limit_test = 0;
  std::string dtype = "f32";
  std::string hs_frequencies = "one_sided";
  double hs_length = 1;
  bool profile = false;
  bool verify_resume = false;
  bool quiet = false;
  /// Files and folders to read, by their options: `--data`, `--init` and what the application adds.
  std::vector<std::pair<std::string, std::string>> inputs;

  Dtype element_type() const { return dtype == "f64" ? f64 : f32; }
  losses::Frequencies frequencies() const {
    return hs_frequencies == "symmetric" ? losses::Frequencies::symmetric : losses::Frequencies::one_sided;
  }
  /// The seeds of the whole set.
  std::vector<std::uint64_t> seed_list() const { return seeds.empty() ? std::vector{seed} : seeds; }
  /// The learning rate of each step: rising to --lr in --warmup-steps, then falling along half a cosine to a hundredth
  /// of it at --cosine-steps. It does not depend on the run's length, so that a run may go on for longer.
  nn::Schedule schedule() const;
  /// The losses of the list, each once. Throws for an empty list, a name that is not in `kinds`, and a repetition.
  /// Besides `hs`, which takes --s, `hs1.5` names its own order.
  std::vector<Loss> loss_list(const std::vector<std::string>& kinds = {"l2", "h1", "h2", "hs"}) const;
};

/// Whether --resume allows another value than that of the run's config.json.
enum class OnResume { same, anew };

/// The command line of one application or one of its commands. Every option is known by its name without dashes, in
/// snake_case, in config.json: `--batch-size` is `batch_size`.
class OptionParser {
 public:
  /// Declares the options in common, with what `options` holds as defaults; `options` must outlive the parser.
  OptionParser(std::string app, std::string description, Options& options, const CommonUse& use = {});
  /// A command that shares only what it adds itself: no option in common but --help and --version.
  OptionParser(std::string app, std::string description);
  ~OptionParser();

  /// Adds an option, with what `value` holds as its default. T is bool (`on|off`), std::int64_t, std::uint64_t, double,
  /// std::string, or a vector (a comma list) of numbers or strings.
  template <class T>
  void add(const std::string& name, T& value, const std::string& help, Check<T> check = {},
           OnResume on_resume = OnResume::same);
  /// Adds a file or folder, which is kept as an absolute path; empty for none. All but --out are to be read.
  void add_path(const std::string& name, std::string& value, const std::string& help,
                OnResume on_resume = OnResume::same);
  /// Adds an option without a value that sets `value` to true.
  void add_flag(const std::string& name, bool& value, const std::string& help, OnResume on_resume = OnResume::same);
  /// Adds the arguments without a name.
  void add_positional(const std::string& name, std::vector<std::string>& values, const std::string& help,
                      bool required);

  /// The heading in --help of the options that are added from here on.
  void group(const std::string& heading) { group_ = heading; }

  /// Text that --help prints at its end.
  void footer(const std::string& text);

  /// Reads the arguments (without the program's name), then the run's config.json when --resume is among them. Throws
  /// sg::Error for what is wrong, and Finished after --help and --version.
  void parse(const std::vector<std::string>& arguments);

  /// Whether the option stood on the command line.
  bool given(const std::string& name) const;

  /// Every option in force, by its name in config.json.
  nlohmann::json config() const;

 private:
  struct Entry;

  static std::string key_of(const std::string& name);
  /// Puts an option with a value on the command line.
  void declare(Entry entry, const std::string& name, const std::string& help, const std::string& type,
               const std::string& shown);
  void add_common(const CommonUse& use);
  void add_seeds();
  void take_from_run();
  void list_inputs();

  std::string app_;
  std::unique_ptr<CommandLine> command_line_;
  Options* options_ = nullptr;
  std::vector<Entry> entries_;
  std::string group_ = "Options";
};

}  // namespace sg::apps
