// Command: the commands, their options and defaults, and the order of work.
#include "apps/regression/command.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/common/json_values.h"
#include "apps/common/options.h"
#include "apps/common/progress.h"
#include "apps/common/ranks.h"
#include "apps/common/run_folder.h"
#include "apps/regression/experiment.h"
#include "apps/regression/summary.h"
#include "apps/regression/targets.h"
#include "engine/kernels/parallel.h"
#include "engine/profile.h"
#include "engine/recompute.h"
#include "nn/activation.h"

namespace sg::regression {

namespace {

namespace fs = std::filesystem;

constexpr const char* app = "regression";

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

/// The value of an option among the arguments, which it may be taken out of.
std::optional<std::string> value_of(apps::Arguments& arguments, const std::string& option, bool take) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
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

apps::CommonUse use_of(const std::string& task) {
  const bool fits = task == "fit" || task == "derivatives";
  return {
      .data = fits ? "your own table: a CSV file with columns x1..xd,u[,u_x1..u_xd[,u_x1x1..]]; empty: --target" : "",
      .limits = fits,
      .batches = fits,
      .losses = task != "derivatives",
      .spectral = task == "fit" || task == "spectrum"};
}

void declare(apps::OptionParser& parser, Settings& s) {
  using apps::at_least, apps::between, apps::more_than, apps::one_of;
  using Integer = std::int64_t;
  const std::string& task = s.task;
  const bool fits = task == "fit" || task == "derivatives";
  parser.group("Problem");
  if (fits || task == "distill") {
    std::vector<std::string> names;
    for (const Target& target : targets()) names.push_back(target.name);
    parser.add("--target", s.target, "waves2d, chirp, twotone, envelope or ackley", one_of(names));
  }
  parser.add("--points", s.points,
             fits || task == "distill" ? "training points: uniform random in 2-D, regular in 1-D" : "training points",
             between<Integer>(4, 10'000'000));
  if (task == "fit") parser.add_flag("--grid", s.grid, "a regular grid in 2-D too, of about --points points");
  if (fits) {
    parser.add("--test-fraction", s.test_fraction, "part of the rows of --data that is kept for testing",
               between<double>(0, 1));
    if (task == "fit") {
      parser.add("--derivatives", s.derivatives, "exact, or estimated on a grid: fd2, fd4, chebyshev or fourier",
                 one_of({"exact", "fd2", "fd4", "chebyshev", "fourier"}));
    }
    parser.add("--approximate", s.approximate, "whose derivatives are estimated: target or both",
               one_of({"target", "both"}));
  }
  if (task == "pinn") {
    parser.add("--equation", s.equation, "heat, burgers, poisson or advection",
               one_of({"heat", "burgers", "poisson", "advection"}));
    parser.add("--coefficient", s.coefficient, "diffusivity, viscosity or speed; 0: the equation's own");
  }
  if (task == "distill") {
    parser.add("--teacher", s.teacher, "the teacher's weights; empty: one is trained first");
    parser.add("--teacher-sizes", s.teacher_sizes, "the teacher's layers; empty: d,64,64,64,1");
    parser.add("--teacher-steps", s.teacher_steps, "steps of the teacher's training", at_least<Integer>(1));
    parser.add("--projections", s.projections, "random directions a step; 0: the whole Jacobian",
               between<Integer>(0, 4096));
  }
  if (task == "spectrum") {
    parser.add("--tones", s.highest_frequency, "the highest frequency K", between<Integer>(1, 4096));
    parser.add("--decay", s.decay, "p of the amplitudes 1 / k^p", between<double>(-8, 8));
  }
  if (task == "derivatives") {
    parser.add("--minutes", s.minutes, "minutes of training, shared by the runs of a seed", more_than<double>(0));
  }
  parser.group("Weights of the loss");
  if (task == "pinn") {
    parser.add("--weights", s.weights,
               "of the orders 0, 1, 2 (1,1,1 is the plain sum), or how all parts, residual and traces by order, are "
               "balanced at the start: size, by what they are; gradient, by their gradients' norms (Wang et al. 2021); "
               "plain: not; auto: plain");
    parser.add("--trace-weight", s.trace_weight, "weight of the initial and boundary terms besides",
               at_least<double>(0));
  } else {
    parser.add("--weights", s.weights,
               "of the orders 0, 1, 2 (1,1,1 is the plain sum), or auto: 1, 1, m1 / m2 for mk the mean square of the "
               "target's derivatives of order k over the training points");
  }
  parser.group("Network");
  parser.add("--net", s.net, "mlp, fourier or siren", one_of({"mlp", "fourier", "siren"}));
  parser.add("--sizes", s.sizes, "the mlp's layers, such as 1,64,64,64,1; empty: the command's own");
  parser.add("--activation", s.activations,
             task == "fit" ? "the mlp's activation; a comma list trains one network each" : "the mlp's activation");
  parser.add("--siren-init", s.siren_init, "default or sitzmann (with --omega0)", one_of({"default", "sitzmann"}));
  parser.add("--omega0", s.omega0, "frequency of the siren's layers under --siren-init sitzmann", more_than<double>(0));
  parser.group("Optimiser");
  parser.add("--optimizer", s.optimizer,
             "adam, sgd, lbfgs, adam+lbfgs, or lm (Levenberg-Marquardt: fit and pinn with l2, h1 and h2; best in f64)",
             one_of({"adam", "sgd", "lbfgs", "adam+lbfgs", "lm"}));
  parser.add("--lbfgs-steps", s.lbfgs_steps, "iterations of L-BFGS", at_least<Integer>(1), apps::OnResume::anew);
  parser.add("--lbfgs-history", s.lbfgs_history, "pairs that L-BFGS remembers", between<Integer>(1, 1000));
  parser.add("--lbfgs-lr", s.lbfgs_lr, "first trial step length of L-BFGS", more_than<double>(0));
  parser.add("--lm-steps", s.lm_steps, "steps of Levenberg-Marquardt", at_least<Integer>(1), apps::OnResume::anew);
  parser.add("--lm-damping", s.lm_damping,
             "damping of Levenberg-Marquardt's first step, relative to the curvature along the gradient",
             more_than<double>(0));
  parser.add("--stop-at", s.stop_at, "stops when test_l2 falls below this; 0: never", at_least<double>(0));
}

/// What a command has for defaults of its own.
void set_defaults(Settings& s) {
  apps::Options& common = s.common;
  common.losses = {"l2", "h1", "h2"};
  common.steps = 8000;
  common.batch_size = 1 << 24;  // all points
  common.lr = 1e-4;
  common.eval_steps = 100;
  if (s.task != "fit") s.activations = {s.task == "spectrum" ? "sine" : "tanh"};
  if (s.task == "distill" || s.task == "pinn" || s.task == "spectrum") common.lr = 1e-3;
  if (s.task == "distill") common.losses = {"l2", "h1"};
  if (s.task == "pinn" || s.task == "spectrum") common.steps = 2000;
  if (s.task == "spectrum") common.eval_steps = 10;
  if (s.task == "derivatives") {
    common.losses = {"l2", "h1"};
    common.steps = 1'000'000;
    s.target = "ackley";
    s.points = 10000;
  }
}

/// What some options mean for others that are not on the command line.
void follow(const apps::OptionParser& parser, Settings& s) {
  if (s.optimizer == "lbfgs" && parser.given("--steps") && s.common.steps > 0 && !parser.given("--lbfgs-steps")) {
    s.lbfgs_steps = s.common.steps;
  }
  if (s.optimizer == "lm" && parser.given("--steps") && s.common.steps > 0 && !parser.given("--lm-steps")) {
    s.lm_steps = s.common.steps;
  }
  if (!s.common.resume.empty()) return;  // the run's own options are all there
  const bool chosen = parser.given("--target") || parser.given("--data");
  if (s.task == "fit" && chosen && !parser.given("--activation")) s.activations = {"tanh"};
}

void check(const Settings& s) {
  for (const std::string& name : s.activations) nn::activation(name);
  if (s.optimizer == "lm") {
    if (s.task == "distill" || s.task == "spectrum") fail("--optimizer lm: is for fit and pinn, not for {}", s.task);
    for (const apps::Loss& loss : s.common.loss_list()) {
      if (loss.kind == "hs") fail("--optimizer lm: takes the losses l2, h1 and h2, not {}", loss.name);
    }
  }
  if (s.activations.empty()) fail("--activation: at least one is needed");
  if (s.task != "fit" && s.activations.size() > 1) fail("--activation: a list is for fit; {} takes one", s.task);
  for (std::size_t i = 0; i < s.activations.size(); ++i) {
    if (std::find(s.activations.begin(), s.activations.begin() + i, s.activations[i]) != s.activations.begin() + i) {
      fail("--activation: {} is there twice", s.activations[i]);
    }
  }
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

void show_help() {
  fmt::print("regression: functions with their derivatives.\n\n");
  for (const Command& command : commands) fmt::print("  regression {:<12} {}\n", command.name, command.description);
  fmt::print(
      "\nWithout a command: fit. --task NAME is another way to name it. `regression COMMAND --help` lists a "
      "command's options.\n");
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
  apps::OptionParser parser(std::string(app) + " " + settings.task, command_named(settings.task)->description, common,
                            use_of(settings.task));
  declare(parser, settings);
  if (settings.task == "fit") {
    parser.footer(
        "--batch-size takes all points where it is larger; --activation is tanh when --target or --data is "
        "given.");
  }
  parser.parse(arguments);
  follow(parser, settings);
  if (!settings.teacher.empty()) settings.teacher = fs::absolute(settings.teacher).lexically_normal().string();
  check(settings);
  settings.losses = common.loss_list();
  if (common.threads > 0) kernels::set_threads(static_cast<int>(common.threads));
  set_memory_limit(common.memory_limit << 20);

  Settings seeded = settings;
  seeded.common.seed = common.seed_list().front();
  const bool trains_teacher = settings.task == "distill" && settings.teacher.empty();
  Task task;
  if (settings.task == "distill") check_distillation(settings);
  if (trains_teacher) {
    task.losses = settings.losses;
  } else {
    task = make_task(seeded, settings.teacher);
  }
  apps::Comparison comparison{
      .app = app, .losses = task.losses, .groups = task.groups, .test_columns = {"test_l2", "test_h1"}};
  apps::RunFolder folder(app, common, apps::places_of(comparison));
  folder.create();
  const auto teacher_of = [&](std::uint64_t seed) {
    if (!trains_teacher) return fs::path(settings.teacher);
    const bool several = common.seed_list().size() > 1;
    return (several ? folder.path() / fmt::format("seed{}", seed) : folder.path()) / "teacher.safetensors";
  };
  if (trains_teacher) {
    make_teacher_file(seeded, teacher_of(seeded.common.seed), common.resume);
    task = make_task(seeded, teacher_of(seeded.common.seed));
  }
  const Length length = length_of(settings, task.train_points);
  const std::unique_ptr<Experiment> first = task.begin(task.groups[0], task.losses[0]);
  apps::check_batch_parts(*first, common);
  nlohmann::json more{{"task", settings.task},
                      {"data_description", task.description},
                      {"train_count", task.train_points},
                      {"test_count", task.test_points},
                      {"sample_shape", {task.inputs}},
                      {"parameters", first->network().parameter_count()}};
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
  comparison.begin = [&](const apps::Run& run) { return task.begin(run.group, run.loss); };
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
