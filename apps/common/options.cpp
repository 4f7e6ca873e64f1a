// Options: the options in common, and what --resume takes from a run folder.
#include "apps/common/options.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "apps/common/arithmetic.h"
#include "apps/common/files.h"
#include "apps/common/json_values.h"
#include "apps/common/ranks.h"

namespace sg::apps {

struct OptionParser::Entry {
  std::string key;
  OnResume on_resume = OnResume::same;
  std::size_t option = 0;  // of the command line
  std::function<nlohmann::json()> to_json;
  std::function<void(const std::string&)> from_text;
  std::function<void(const nlohmann::json&)> from_json;
  std::function<void()> finish;  // after the command line has been read
  bool is_path = false;
};

namespace {

constexpr std::int64_t most_epochs = 1'000'000'000, most_steps = 1'000'000'000'000;

Check<std::string> not_empty() {
  return [](const std::string& name, const std::string& value) {
    if (value.empty()) fail("{}: an empty path", name);
    if (value.find('\0') != std::string::npos) fail("{}: a path with a zero byte", name);
    if (!is_utf8(value)) {
      fail("{}: '{}' is not UTF-8, in which config.json is written; another name, or a link to it, is needed", name,
           printable(value));
    }
  };
}

/// Of --s and of `hs1.5` alike.
Check<double> order_check() { return between<double>(-16, 16); }

}  // namespace

std::vector<Loss> Options::loss_list(const std::vector<std::string>& kinds) const {
  if (losses.empty()) fail("--loss: at least one of {} is needed", join(kinds, ", "));
  std::vector<Loss> list;
  for (const std::string& name : losses) {
    Loss loss{name, name, s};
    if (name == "l2") loss.s = 0;
    if (name == "h1") loss.s = 1;
    if (name == "h2") loss.s = 2;
    if (name == "hs") loss.name = fmt::format("hs{}", s);
    if (name.size() > 2 && name.starts_with("hs")) {
      loss.kind = "hs";
      loss.s = parse_value<double>("--loss " + name, name.substr(2));
      loss.name = fmt::format("hs{}", loss.s);
      order_check()("--loss " + name, loss.s);
    }
    if (std::find(kinds.begin(), kinds.end(), loss.kind) == kinds.end()) {
      const std::string meant = nearest(name, kinds);
      fail("--loss: '{}' is not one of {}{}", printable(name), join(kinds, ", "),
           meant.empty() ? "" : fmt::format("; did you mean {}?", meant));
    }
    for (const Loss& other : list) {
      if (other.name == loss.name) fail("--loss: {} is there twice", loss.name);
    }
    list.push_back(loss);
  }
  return list;
}

OptionParser::OptionParser(std::string app, std::string description)
    : app_(std::move(app)), command_line_(std::make_unique<CommandLine>(app_, description, [this] {
        return fmt::format("{} (Sobograd) {}, {}", app_.substr(0, app_.find(' ')), SOBOGRAD_VERSION,
                           arithmetic().text());
      })) {}

template <class T>
void OptionParser::add(const std::string& name, T& value, const std::string& help, Check<T> check, OnResume on_resume) {
  Entry entry;
  entry.key = key_of(name);
  entry.on_resume = on_resume;
  entry.to_json = [&value] { return nlohmann::json(value); };
  entry.from_text = [&value, name, check](const std::string& text) {
    T parsed = parse_value<T>(name, text);
    if (check) check(name, parsed);
    value = std::move(parsed);
  };
  entry.from_json = [&value, name, check](const nlohmann::json& json) {
    std::optional<T> parsed = value_of_json<T>(json);
    if (!parsed) fail("{}: config.json holds {}, which is no value of this option", name, nn::show_json(json));
    if (check && *parsed != value) check(name, *parsed);
    value = std::move(*parsed);
  };
  declare(std::move(entry), name, help, type_name_of<T>(), show_value(value));
}

template void OptionParser::add(const std::string&, bool&, const std::string&, Check<bool>, OnResume);
template void OptionParser::add(const std::string&, double&, const std::string&, Check<double>, OnResume);
template void OptionParser::add(const std::string&, std::int64_t&, const std::string&, Check<std::int64_t>, OnResume);
template void OptionParser::add(const std::string&, std::uint64_t&, const std::string&, Check<std::uint64_t>, OnResume);
template void OptionParser::add(const std::string&, std::string&, const std::string&, Check<std::string>, OnResume);
template void OptionParser::add(const std::string&, std::vector<double>&, const std::string&,
                                Check<std::vector<double>>, OnResume);
template void OptionParser::add(const std::string&, std::vector<std::int64_t>&, const std::string&,
                                Check<std::vector<std::int64_t>>, OnResume);
template void OptionParser::add(const std::string&, std::vector<std::string>&, const std::string&,
                                Check<std::vector<std::string>>, OnResume);

OptionParser::OptionParser(std::string app, std::string description, Options& options, const CommonUse& use)
    : OptionParser(std::move(app), std::move(description)) {
  options_ = &options;
  add_common(use);
  group("Options of its own");
}

nn::Schedule Options::schedule() const {
  nn::Schedule rest = nn::constant_schedule(lr);
  if (cosine_steps > 0) {
    const std::int64_t falling = std::max<std::int64_t>(1, cosine_steps - warmup_steps);
    rest = [falling, last = 0.01 * lr, cosine = nn::cosine_schedule(lr, falling, 0.01 * lr)](std::int64_t step) {
      return step < falling ? cosine(step) : last;
    };
  }
  return warmup_steps == 0 ? rest : nn::warm_up_then(warmup_steps, 1.0 / static_cast<double>(warmup_steps + 1), rest);
}

OptionParser::~OptionParser() = default;

void OptionParser::footer(const std::string& text) { command_line_->set_footer(text); }

void OptionParser::declare(Entry entry, const std::string& name, const std::string& help, const std::string& type,
                           const std::string& shown) {
  entry.option = command_line_->add_option(name, group_, help, type, shown, entry.from_text);
  entries_.push_back(std::move(entry));
}

void OptionParser::add_seeds() {
  Entry entry;
  entry.key = "seeds";
  std::vector<std::uint64_t>& seeds = options_->seeds;
  entry.to_json = [&seeds] { return nlohmann::json(seeds); };
  const auto check = [](const std::vector<std::uint64_t>& list) {
    if (list.empty() || list.size() > 1000) fail("--seeds: {} seeds; from 1 to 1000 are possible", list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (std::find(list.begin(), list.begin() + i, list[i]) != list.begin() + i) {
        fail("--seeds: {} is there twice", list[i]);
      }
    }
  };
  entry.from_text = [&seeds, check](const std::string& text) {
    std::vector<std::uint64_t> list = parse_value<std::vector<std::uint64_t>>("--seeds", text);
    if (list.size() == 1) {
      const std::uint64_t count = list[0];
      if (count < 1 || count > 1000) fail("--seeds: {} seeds; from 1 to 1000 are possible", count);
      list.resize(count);
      std::iota(list.begin(), list.end(), 0);
    }
    check(list);
    seeds = std::move(list);
  };
  entry.from_json = [&seeds, check](const nlohmann::json& json) {
    std::optional<std::vector<std::uint64_t>> list = value_of_json<std::vector<std::uint64_t>>(json);
    if (!list) fail("--seeds: config.json holds {}, which is no list of seeds", nn::show_json(json));
    if (!list->empty()) check(*list);
    seeds = std::move(*list);
  };
  declare(std::move(entry), "--seeds", "every loss once for each of N seeds 0..N-1, or of a comma list; empty: --seed",
          "N|LIST", "");
}

void OptionParser::add_common(const CommonUse& use) {
  Options& o = *options_;
  constexpr auto anew = OnResume::anew;
  group("Data and folder");
  if (!use.data.empty()) add("--data", o.data, use.data, not_empty());
  if (use.limits) {
    add("--limit-train", o.limit_train, "only the first N training samples; 0: all", at_least<std::int64_t>(0));
    add("--limit-test", o.limit_test, "only the first N test samples; 0: all", at_least<std::int64_t>(0));
  }
  add("--out", o.out, "run folder; empty: runs/<app>-<date>-<time>", not_empty());
  add_flag("--overwrite", o.overwrite, "replace the run in the folder of --out", anew);
  add("--resume", o.resume, "goes on from this run folder's checkpoint, with its options", not_empty(), anew);
  group("Losses");
  if (use.losses) {
    add("--loss", o.losses,
        std::string("l2, h1, h2") + (use.spectral ? ", hs (with --s)" : "") + "; a comma list compares them");
  }
  if (use.spectral) {
    add("--s", o.s, "order of the loss hs", order_check());
    add("--hs-frequencies", o.hs_frequencies, "the spectral loss's convention: one_sided or symmetric",
        one_of({"one_sided", "symmetric"}));
    add("--hs-length", o.hs_length, "length L in samples or pixels of the spectral weights (1 + (L xi)^2)^s",
        between<double>(1e-6, 1e6));
  }
  group("Training");
  if (use.batches)
    add("--epochs", o.epochs, "passes through the training set", between<std::int64_t>(1, most_epochs), anew);
  add("--steps", o.steps,
      use.batches ? "optimiser steps; wins over --epochs unless 0" : "optimiser steps of full batches",
      between<std::int64_t>(use.batches ? 0 : 1, most_steps), anew);
  if (use.batches) {
    add("--batch-size", o.batch_size, "samples a step", between<std::int64_t>(1, 1 << 24));
    add("--shuffle", o.shuffle, "off takes the training set in its file order");
  }
  add("--lr", o.lr, "learning rate", more_than<double>(0));
  add("--warmup-steps", o.warmup_steps, "steps in which the rate rises to --lr", between<std::int64_t>(0, most_steps));
  add("--cosine-steps", o.cosine_steps, "step at which half a cosine has lowered the rate to --lr / 100; 0: it stays",
      between<std::int64_t>(0, most_steps));
  add("--seed", o.seed, "seed of everything random");
  add_seeds();
  add("--init", o.init, "starting weights from a safetensors file; empty: random by the seed", not_empty());
  add("--dtype", o.dtype, "f32 or f64", one_of({"f32", "f64"}));
  add<std::int64_t>(
      "--batch-parts", o.batch_parts,
      "parts, a power of two, whose gradients are summed to a batch's, and which the processes of mpirun share; 0: 1, "
      "or 8 under mpirun",
      [](const std::string& name, const std::int64_t& parts) {
        if (parts != 0 && (parts < 1 || parts > 1024 || (parts & (parts - 1)) != 0)) {
          fail("{}: {} is neither 0 nor one of 1, 2, 4, ... 1024", name, parts);
        }
      });
  add("--threads", o.threads, "threads; 0: all cores", between<std::int64_t>(0, 1024), anew);
  add("--memory-limit", o.memory_limit,
      "MB of tensors that a step may have at once; above it values are computed again instead of kept, to the same "
      "bits; 0: no limit",
      between<std::int64_t>(0, 1 << 24), anew);
  group("Figures and checkpoints");
  add("--log-every", o.log_every, "a row of metrics.csv every N steps", at_least<std::int64_t>(1), anew);
  if (use.batches) add("--eval-every", o.eval_every, "test figures every N epochs", at_least<std::int64_t>(1), anew);
  add("--eval-steps", o.eval_steps,
      use.batches ? "test figures every N steps; 0: by epochs" : "test figures every N steps",
      at_least<std::int64_t>(use.batches ? 0 : 1), anew);
  add("--checkpoint-seconds", o.checkpoint_seconds,
      "seconds between checkpoints, besides the end of every epoch of more than one step", at_least<double>(0), anew);
  add_flag("--verify-resume", o.verify_resume,
           "train a few steps twice, once through a checkpoint, compare the bits, and stop; leaves nothing behind",
           anew);
  add_flag("--profile", o.profile, "at the end, time, calls, FLOPs and bytes by primitive", anew);
  add_flag("--quiet", o.quiet, "no progress; one line at the end", anew);
}

void OptionParser::add_path(const std::string& name, std::string& value, const std::string& help, OnResume on_resume) {
  add(name, value, help, not_empty(), on_resume);
  command_line_->set_type(entries_.back().option, "PATH");
  entries_.back().is_path = true;
  entries_.back().finish = [&value] { value = absolute_path(value); };
}

void OptionParser::add_flag(const std::string& name, bool& value, const std::string& help, OnResume on_resume) {
  Entry entry;
  entry.key = key_of(name);
  entry.on_resume = on_resume;
  entry.to_json = [&value] { return nlohmann::json(value); };
  entry.from_text = [&value](const std::string&) { value = true; };
  entry.from_json = [&value, name](const nlohmann::json& json) {
    if (!json.is_boolean())
      fail("{}: config.json holds {}, which is neither true nor false", name, nn::show_json(json));
    value = json.get<bool>();
  };
  entry.option = command_line_->add_flag(name, group_, help + " [off]", value);
  entries_.push_back(std::move(entry));
}

void OptionParser::add_positional(const std::string& name, std::vector<std::string>& values, const std::string& help,
                                  bool required) {
  command_line_->add_positional(name, help, required, values);
}

std::string OptionParser::key_of(const std::string& name) {
  std::string key = name.substr(name.find_first_not_of('-'));
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

bool OptionParser::given(const std::string& name) const {
  const std::string key = key_of(name);
  for (const Entry& entry : entries_) {
    if (entry.key == key) return command_line_->given(entry.option);
  }
  return false;
}

nlohmann::json OptionParser::config() const {
  nlohmann::json config = nlohmann::json::object();
  for (const Entry& entry : entries_) {
    if (entry.key != "resume" && entry.key != "overwrite" && entry.key != "verify_resume")
      config[entry.key] = entry.to_json();
  }
  return config;
}

/// What several processes by mpirun need: as many parts for any number of them, and their own cores.
static void share_between_ranks(Options& o) {
  if (o.batch_parts == 0) o.batch_parts = started_by_mpi() ? std::max<std::int64_t>(8, rank_count()) : 1;
  if (!started_by_mpi()) return;
  if (o.batch_parts % rank_count() != 0) {
    fail("--batch-parts: {} parts of a batch cannot be shared evenly by {} processes: 1, 2, 4, ... are possible",
         o.batch_parts, rank_count());
  }
  if (o.threads == 0) o.threads = std::max<std::int64_t>(1, std::thread::hardware_concurrency() / ranks_here());
  o.quiet = o.quiet || !is_first_rank();
}

void OptionParser::parse(const std::vector<std::string>& arguments) {
  command_line_->parse(arguments);
  for (const Entry& entry : entries_) {
    if (entry.finish) entry.finish();
  }
  if (!options_) return;
  Options& o = *options_;
  for (std::string* path : {&o.data, &o.out, &o.init, &o.resume}) *path = absolute_path(*path);
  if (o.verify_resume && o.overwrite) fail("--verify-resume: leaves nothing behind, and --overwrite replaces a run");
  if (o.verify_resume && !o.resume.empty()) fail("--verify-resume: trains from the start, not from --resume");
  if (o.verify_resume && rank_count() > 1) fail("--verify-resume: needs one process, not {}", rank_count());
  if (!o.data.empty()) check_exists("--data", o.data);
  if (!o.init.empty()) check_exists("--init", o.init);
  if (!o.resume.empty()) take_from_run();
  // What one way of counting says gives way to the other one when that is all the command line has.
  if (given("--epochs") && !given("--steps")) o.steps = 0;
  if (given("--eval-every") && !given("--eval-steps")) o.eval_steps = 0;
  if (!o.seeds.empty() && given("--seed")) fail("--seeds: --seed names one already");
  if (!o.seeds.empty()) o.seed = o.seeds.front();
  share_between_ranks(o);
  list_inputs();
}

void OptionParser::list_inputs() {
  Options& o = *options_;
  o.inputs = {{"--data", o.data}, {"--init", o.init}};
  for (const Entry& entry : entries_) {
    if (entry.is_path && entry.key != "out") {
      o.inputs.emplace_back(command_line_->name_of(entry.option), entry.to_json().get<std::string>());
    }
  }
  std::erase_if(o.inputs, [](const auto& input) { return input.second.empty(); });
}

void OptionParser::take_from_run() {
  Options& o = *options_;
  const std::filesystem::path folder = o.resume;
  if (o.overwrite) fail("--resume: --overwrite would replace the run that is to go on");
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) fail("--resume: {}: no such folder", printable(folder.string()));
  const std::filesystem::path file = folder / "config.json";
  if (!std::filesystem::is_regular_file(file, error)) {
    fail("--resume: {} holds no config.json, so no run", folder.string());
  }
  nlohmann::json config;
  try {
    config = read_config(file);
  } catch (const Error& unreadable) {
    fail("--resume: {}", unreadable.what());
  }
  const std::string run_app =
      config.contains("app") && config["app"].is_string() ? config["app"].get<std::string>() : "";
  const std::string app = app_.substr(0, app_.find(' '));
  if (run_app != app) fail("--resume: {}: a run of '{}', not of {}", file.string(), printable(run_app), app);

  for (const Entry& entry : entries_) {
    if (entry.key == "resume" || entry.key == "overwrite") continue;
    const bool is_given = command_line_->given(entry.option);
    if (entry.key == "out") {
      if (is_given && o.out != o.resume) fail("--out: {} is not the folder of --resume, {}", o.out, o.resume);
      o.out = o.resume;
      continue;
    }
    if (!config.contains(entry.key)) continue;
    if (!is_given) {
      try {
        const nlohmann::json mine = entry.to_json();
        entry.from_json(config[entry.key]);
        if (entry.key == "quiet" || entry.key == "profile") entry.from_json(mine);  // they are about one call
      } catch (const Error& wrong) {
        fail("{}: {}", file.string(), wrong.what());
      }
    } else if (entry.on_resume == OnResume::same && entry.to_json() != config[entry.key]) {
      fail(
          "{}: the run in {} has {}, not {}; with --resume only --epochs, --steps, --threads and what shows or logs "
          "may differ",
          command_line_->name_of(entry.option), o.resume, nn::show_json(config[entry.key]),
          nn::show_json(entry.to_json()));
    }
  }
  const Arithmetic now = arithmetic(), before = arithmetic_of(config);
  if (!before.isa.empty() && before != now && is_first_rank()) {
    fmt::print(stderr, "{}: note: the run began with {}; here it goes on with {}, whose last digits differ\n", app,
               printable(before.text()), now.text());
  }
}

}  // namespace sg::apps
