// Command: the commands, their options and defaults, and the order of work.
#include "apps/regression/command.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/common/files.h"
#include "apps/common/json_values.h"
#include "apps/common/options.h"
#include "apps/common/progress.h"
#include "apps/common/ranks.h"
#include "apps/common/run_folder.h"
#include "apps/regression/experiment.h"
#include "apps/regression/summary.h"
#include "apps/regression/table.h"
#include "engine/kernels/parallel.h"
#include "engine/profile.h"
#include "engine/recompute.h"

namespace sg::regression {

namespace {

namespace fs = std::filesystem;

constexpr const char* app = "regression";
constexpr const char* teacher_name = "teacher.safetensors";
constexpr std::size_t most_teacher_bytes = std::size_t{1} << 36;

struct Command {
  const char* name;
  const char* description;
};
constexpr std::array<Command, 5> commands{{
    {"fit", "Learns a function, or a table of your own, on its values and its derivatives."},
    {"distill", "A small network learns from a teacher's values and Jacobian (Czarnecki et al. 2017)."},
    {"pinn", "Solves a differential equation by its residual in L2, H1 and H2 (Son et al. 2021)."},
    {"spectrum", "Which frequencies are learned when (Rahaman et al. 2019; Yu et al. 2023)."},
    {"derivatives", "Exact derivatives against estimated ones as targets: l2, and h1 with each estimator."},
}};

const Command* command_named(const std::string& name) {
  const auto found = std::find_if(commands.begin(), commands.end(), [&](const Command& c) { return name == c.name; });
  return found == commands.end() ? nullptr : &*found;
}

/// The value of an option among the arguments, which it may be taken out of; the last one, as the parser takes it.
std::optional<std::string> value_of(apps::Arguments& arguments, const std::string& option, bool take) {
  for (std::size_t i = arguments.size(); i-- > 0;) {
    const bool joined = arguments[i].starts_with(option + "=");
    if (!joined && (arguments[i] != option || i + 1 >= arguments.size())) continue;
    const std::string value = joined ? arguments[i].substr(option.size() + 1) : arguments[i + 1];
    if (take) arguments.erase(arguments.begin() + i, arguments.begin() + i + (joined ? 1 : 2));
    return value;
  }
  return {};
}

/// The command: the first argument, --task of old, or that of the run to go on with; fit otherwise.
std::string take_command(apps::Arguments& arguments) {
  std::string name;
  if (!arguments.empty() && !arguments[0].starts_with("-")) {
    name = arguments[0];
    arguments.erase(arguments.begin());
  } else if (const auto task = value_of(arguments, "--task", true)) {
    name = *task;
  }
  if (!name.empty() && !command_named(name)) {
    const std::string meant = apps::nearest(name, {"fit", "distill", "pinn", "spectrum", "derivatives"});
    fail("--task: '{}' is no command; there are fit, distill, pinn, spectrum and derivatives{}", printable(name),
         meant.empty() ? "" : fmt::format("; did you mean {}?", meant));
  }
  const auto resumed = value_of(arguments, "--resume", false);
  if (!resumed || !fs::is_regular_file(fs::path(*resumed) / "config.json")) return name.empty() ? "fit" : name;
  nlohmann::json config;
  try {
    config = apps::read_config(fs::path(*resumed) / "config.json");
  } catch (const Error& error) {
    fail("--resume: {}", error.what());
  }
  if (!config.contains("task")) return name.empty() ? "fit" : name;
  if (!config["task"].is_string()) {
    fail("--resume: {}: its task is {}, which is no command", *resumed, nn::show_json(config["task"]));
  }
  const std::string task = config["task"].get<std::string>();
  if (!command_named(task)) fail("--resume: {}: its task is '{}', which is no command", *resumed, printable(task));
  if (!name.empty() && name != task) fail("--resume: {} is a run of {}, not of {}", *resumed, task, name);
  return task;
}

Task make_task(const Settings& settings, const fs::path& teacher) {
  if (settings.task == "distill") return distill_task(settings, teacher.string());
  if (settings.task == "pinn") return pinn_task(settings);
  if (settings.task == "spectrum") return spectrum_task(settings);
  if (settings.task == "derivatives") return derivatives_task(settings);
  return fit_task(settings);
}

/// Trains the teacher of a distillation where the file is not there yet; an interruption says how to go on with the
/// run folder, where that is possible. The first rank does it, the others wait.
void make_teacher_file(const Settings& settings, const fs::path& file, const std::string& resumable) {
  bool done = true;
  if (apps::is_first_rank() && !fs::exists(file)) {
    apps::Progress progress("teacher", settings.teacher_steps, settings.teacher_steps, settings.common.quiet);
    done = train_teacher(settings, file.string(), [&](std::int64_t step, double loss) {
      progress.step(step, step, loss);
      return !apps::interrupted();
    });
    progress.finish();
  }
  if (apps::from_first_rank(done) == 0) apps::stop_interrupted(app, resumable);
}

std::string title_of(const std::string& task) { return std::string(app) + " " + task; }

void show_help() {
  fmt::print("regression: functions with their derivatives.\n\n");
  for (const Command& command : commands) fmt::print("  regression {:<12} {}\n", command.name, command.description);
  fmt::print(
      "\nWithout a command: fit. --task NAME is another way to name it. `regression COMMAND --help` lists the options "
      "of one command; here are those of all.\n");
  for (const Command& command : commands) {
    fmt::print("\n");
    Settings settings;
    settings.task = command.name;
    set_defaults(settings);
    apps::OptionParser parser(title_of(settings.task), command.description, settings.common, use_of(settings.task));
    declare(parser, settings);
    try {
      parser.parse({"--help"});
    } catch (const apps::Finished&) {}
  }
  throw apps::Finished{};
}

}  // namespace

void run_command(const apps::Arguments& given) {
  apps::Arguments arguments = given;
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h")) show_help();
  Settings settings;
  settings.task = take_command(arguments);
  set_defaults(settings);
  apps::Options& common = settings.common;
  apps::OptionParser parser(title_of(settings.task), command_named(settings.task)->description, common,
                            use_of(settings.task));
  declare(parser, settings);
  parser.parse(arguments);
  follow(parser, settings);
  check(settings);
  settings.losses = common.loss_list();
  if (common.threads > 0) kernels::set_threads(static_cast<int>(common.threads));
  set_memory_limit(common.memory_limit << 20);

  Settings seeded = settings;
  seeded.common.seed = common.seed_list().front();
  const bool trains_teacher = settings.task == "distill" && settings.teacher.empty();
  const fs::path teacher_copy = fs::path(common.resume) / teacher_name;
  const bool goes_on_with_copy = !common.resume.empty() && fs::exists(teacher_copy);
  const fs::path given_teacher = goes_on_with_copy ? teacher_copy : fs::path(settings.teacher);
  Task task;
  if (settings.task == "distill") check_distillation(settings);
  if (trains_teacher) {
    task.losses = settings.losses;
  } else {
    task = make_task(seeded, given_teacher);
  }
  apps::Comparison comparison{
      .app = app, .losses = task.losses, .groups = task.groups, .test_columns = {"test_l2", "test_h1"}};
  apps::RunFolder folder(app, common, apps::places_of(comparison));
  folder.create();
  const auto teacher_of = [&](std::uint64_t seed) {
    if (!trains_teacher) return given_teacher;
    const bool several = common.seed_list().size() > 1;
    return (several ? folder.path() / fmt::format("seed{}", seed) : folder.path()) / teacher_name;
  };
  if (!settings.teacher.empty() && apps::is_first_rank() && !goes_on_with_copy) {
    // The run goes on without the file that was given, and whatever becomes of that one.
    apps::write_file_atomically(folder.path() / teacher_name, apps::read_file(settings.teacher, most_teacher_bytes));
  }
  if (trains_teacher) {
    make_teacher_file(seeded, teacher_of(seeded.common.seed), common.resume);
    task = make_task(seeded, teacher_of(seeded.common.seed));
  }
  const Length length = length_of(settings, task.train_points);
  const std::unique_ptr<Experiment> first = task.begin(task.groups[0], task.losses[0], common.resume.empty());
  apps::check_batch_parts(*first, common);
  nlohmann::json more{{"task", settings.task},
                      {"data_description", task.description},
                      {"train_count", task.train_points},
                      {"test_count", task.test_points},
                      {"sample_shape", {task.inputs}},
                      {"parameters", first->network().parameter_count()}};
  if (!common.data.empty()) more["data_checksum"] = checksum_of(common.data);
  folder.write_config(parser.config(), more);
  if (!common.quiet) {
    for (const std::string& notice : task.notices) fmt::print(stderr, "{}: note: {}\n", app, notice);
  }

  if (common.profile) profile::enable(true);
  std::map<fs::path, Picture> pictures;  // of the first seed's runs
  comparison.prepare = [&](std::uint64_t seed) {
    if (seed == seeded.common.seed) return;
    seeded.common.seed = seed;
    if (trains_teacher) make_teacher_file(seeded, teacher_of(seed), folder.path().string());
    task = make_task(seeded, teacher_of(seed));
  };
  comparison.begin = [&](const apps::Run& run) { return task.begin(run.group, run.loss, run.is_fresh(common)); };
  comparison.finish = [&](apps::Trainee& trainee, const apps::Run& run) {
    const Picture picture = static_cast<Experiment&>(trainee).picture();
    write_png(run.folder / "fit.png", picture);
    if (run.seed == common.seed_list().front()) pictures[run.folder] = picture;
  };
  comparison.adjust = [&](apps::TrainingPlan& plan) {
    plan.steps = length.total();
    plan.stop_at = settings.stop_at;
    if (length.lbfgs_steps > 0) plan.test_at = length.gradient_steps;
    if (settings.task == "derivatives") {
      plan.seconds_limit = 60 * settings.minutes / static_cast<double>(task.losses.size());
    }
  };
  const std::vector<apps::Run> runs = apps::compare_losses(comparison, common, folder);
  summarise(settings, task, folder.path(), runs, pictures);
  if (common.profile) fmt::print("{}", profile::table());
}

}  // namespace sg::regression
