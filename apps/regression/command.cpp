// Command: options, defaults and the order of work of the binary.
#include "apps/regression/command.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/common/options.h"
#include "apps/common/progress.h"
#include "apps/common/run_folder.h"
#include "apps/regression/experiment.h"
#include "apps/regression/summary.h"
#include "apps/regression/targets.h"
#include "apps/regression/train.h"
#include "engine/kernels/parallel.h"
#include "engine/profile.h"
#include "engine/recompute.h"
#include "nn/activation.h"

namespace sg::regression {

namespace {

namespace fs = std::filesystem;

constexpr const char* app = "regression";

void declare(apps::OptionParser& parser, Settings& s) {
  using apps::at_least, apps::between, apps::more_than, apps::one_of;
  using Integer = std::int64_t;
  std::vector<std::string> names;
  for (const Target& target : targets()) names.push_back(target.name);
  parser.add("--task", s.task, "fit, distill, pinn, spectrum or derivatives",
             one_of({"fit", "distill", "pinn", "spectrum", "derivatives"}));
  parser.add("--target", s.target, "waves2d, chirp, twotone, envelope or ackley", one_of(names));
  parser.add("--weights", s.weights, "weights of the orders 0, 1, 2 in the loss; empty: all 1");
  parser.add("--net", s.net, "mlp, fourier or siren", one_of({"mlp", "fourier", "siren"}));
  parser.add("--sizes", s.sizes, "the mlp's layers, such as 1,64,64,64,1; empty: the task's own");
  parser.add("--activation", s.activations, "the mlp's activation; a comma list (fit only) trains one network each");
  parser.add("--siren-init", s.siren_init, "default or sitzmann (with --omega0)", one_of({"default", "sitzmann"}));
  parser.add("--omega0", s.omega0, "frequency of the siren's layers under --siren-init sitzmann", more_than<double>(0));
  parser.add("--points", s.points, "training points: uniform random in 2-D, regular in 1-D",
             between<Integer>(4, 10'000'000));
  parser.add_flag("--grid", s.grid, "a regular grid in 2-D too, of about --points points");
  parser.add("--derivatives", s.derivatives, "exact, or estimated on a grid: fd2, fd4, chebyshev or fourier",
             one_of({"exact", "fd2", "fd4", "chebyshev", "fourier"}));
  parser.add("--approximate", s.approximate, "whose derivatives are estimated: target or both",
             one_of({"target", "both"}));
  parser.add("--test-fraction", s.test_fraction, "part of the rows of --data that is kept for testing",
             between<double>(0, 1));
  parser.add("--optimizer", s.optimizer, "adam, sgd, lbfgs or adam+lbfgs",
             one_of({"adam", "sgd", "lbfgs", "adam+lbfgs"}));
  parser.add("--lbfgs-steps", s.lbfgs_steps, "iterations of L-BFGS", at_least<Integer>(1), apps::OnResume::anew);
  parser.add("--lbfgs-history", s.lbfgs_history, "pairs that L-BFGS remembers", between<Integer>(1, 1000));
  parser.add("--lbfgs-lr", s.lbfgs_lr, "first trial step length of L-BFGS", more_than<double>(0));
  parser.add("--stop-at", s.stop_at, "stops when test_l2 falls below this; 0: never", at_least<double>(0));
  parser.add("--equation", s.equation, "pinn: heat, burgers, poisson or advection",
             one_of({"heat", "burgers", "poisson", "advection"}));
  parser.add("--coefficient", s.coefficient, "pinn: diffusivity, viscosity or speed; 0: the equation's own");
  parser.add("--trace-weight", s.trace_weight, "pinn: weight of the initial and boundary terms", at_least<double>(0));
  parser.add("--teacher", s.teacher, "distill: the teacher's weights; empty: one is trained first");
  parser.add("--teacher-sizes", s.teacher_sizes, "distill: the teacher's layers; empty: d,64,64,64,1");
  parser.add("--teacher-steps", s.teacher_steps, "distill: steps of the teacher's training", at_least<Integer>(1));
  parser.add("--projections", s.projections, "distill: random directions a step; 0: the whole Jacobian",
             between<Integer>(0, 4096));
  parser.add("--tones", s.highest_frequency, "spectrum: the highest frequency K", between<Integer>(1, 4096));
  parser.add("--decay", s.decay, "spectrum: p of the amplitudes 1 / k^p", between<double>(-8, 8));
  parser.add("--minutes", s.minutes, "derivatives: minutes of training, shared by the runs", more_than<double>(0));
}

/// What a task has for defaults of its own, where the command line says nothing.
void take_task_defaults(const apps::OptionParser& parser, Settings& s) {
  // What one way of counting says gives way to the other one when that is all the command line has.
  if (parser.given("--epochs") && !parser.given("--steps")) s.common.steps = 0;
  if (parser.given("--eval-every") && !parser.given("--eval-steps")) s.common.eval_steps = 0;
  if (s.optimizer == "lbfgs" && parser.given("--steps") && s.common.steps > 0 && !parser.given("--lbfgs-steps")) {
    s.lbfgs_steps = s.common.steps;
  }
  if (!s.common.resume.empty()) return;  // the run's own options are all there
  auto unless_given = [&](const char* name, auto& value, auto own) {
    if (!parser.given(name)) value = own;
  };
  if (s.task != "fit") {
    unless_given("--activation", s.activations, std::vector<std::string>{s.task == "spectrum" ? "sine" : "tanh"});
  }
  if (s.task == "fit" && (parser.given("--target") || parser.given("--data"))) {
    unless_given("--activation", s.activations, std::vector<std::string>{"tanh"});
  }
  if (s.task == "distill") {
    unless_given("--lr", s.common.lr, 1e-3);
    unless_given("--loss", s.common.losses, std::vector<std::string>{"l2", "h1"});
  }
  if (s.task == "pinn") {
    unless_given("--lr", s.common.lr, 1e-3);
    if (s.common.steps > 0) unless_given("--steps", s.common.steps, std::int64_t{2000});
  }
  if (s.task == "spectrum") {
    unless_given("--lr", s.common.lr, 1e-3);
    if (s.common.steps > 0) unless_given("--steps", s.common.steps, std::int64_t{2000});
    if (s.common.eval_steps > 0) unless_given("--eval-steps", s.common.eval_steps, std::int64_t{10});
  }
  if (s.task == "derivatives") {
    unless_given("--target", s.target, std::string("ackley"));
    unless_given("--points", s.points, std::int64_t{10000});
    if (s.common.steps > 0) unless_given("--steps", s.common.steps, std::int64_t{1'000'000});
  }
}

void check(const Settings& s) {
  for (const std::string& name : s.activations) nn::activation(name);
  if (s.activations.empty()) fail("--activation: at least one is needed");
  if (s.task != "fit" && s.activations.size() > 1) fail("--activation: a list is for --task fit; {} takes one", s.task);
  if (s.task != "fit" && s.task != "derivatives" && s.derivatives != "exact") fail("--derivatives: is for --task fit");
  if (s.task != "fit" && s.task != "derivatives") {
    if (!s.common.data.empty()) fail("--data: is for --task fit; {} has data of its own", s.task);
    if (s.common.limit_train > 0 || s.common.limit_test > 0) {
      fail("--limit-train, --limit-test: are for --task fit; {} has --points", s.task);
    }
    if (s.common.batch_size < s.points) fail("--batch-size: --task {} takes all points in every step", s.task);
  }
  for (const double weight : s.weights) {
    if (!(weight >= 0)) fail("--weights: {} is negative", weight);
  }
  if (s.weights.size() > 3) fail("--weights: {} weights for the three orders 0, 1, 2", s.weights.size());
  if (s.task == "derivatives" && s.common.losses != std::vector<std::string>{"l2", "h1", "h2"}) {
    fail("--loss: the task derivatives has its own runs, l2 and h1 with each estimator");
  }
}

Task make_task(const Settings& settings, const fs::path& teacher) {
  if (settings.task == "distill") return distill_task(settings, teacher.string());
  if (settings.task == "pinn") return pinn_task(settings);
  if (settings.task == "spectrum") return spectrum_task(settings);
  if (settings.task == "derivatives") return derivatives_task(settings);
  return fit_task(settings);
}

/// The runs' places among each other: subfolders where there is more than one.
apps::Loss place_of(const Run& run) { return {run.group.empty() ? run.loss : run.group + "/" + run.loss, run.loss, 0}; }

}  // namespace

void run_command(const apps::Arguments& arguments) {
  Settings settings;
  apps::Options& common = settings.common;
  common.losses = {"l2", "h1", "h2"};
  common.steps = 8000;
  common.batch_size = 1 << 24;  // all points
  common.lr = 1e-4;
  common.eval_steps = 100;
  apps::OptionParser parser(
      app, "Learns functions with their derivatives (Sobolev training); --task names other experiments.", common);
  declare(parser, settings);
  parser.footer(
      "--data takes a CSV file with columns x1..xd,u[,u_x1..u_xd[,u_x1x1..]]; --batch-size takes all points where it "
      "is larger.\n"
      "--lr defaults to 1e-3 in distill, pinn and spectrum; --steps to 2000 in pinn and spectrum; --activation to tanh "
      "(sine in\nspectrum) for whatever is not the default fit.");
  parser.parse(arguments);
  take_task_defaults(parser, settings);
  if (!settings.teacher.empty()) settings.teacher = fs::absolute(settings.teacher).lexically_normal().string();
  check(settings);
  settings.losses = common.loss_list();
  if (common.threads > 0) kernels::set_threads(static_cast<int>(common.threads));
  set_memory_limit(common.memory_limit << 20);

  if (settings.task == "distill") check_distillation(settings);
  const bool trains_teacher = settings.task == "distill" && settings.teacher.empty();
  Task task;
  if (!trains_teacher) task = make_task(settings, settings.teacher);
  std::vector<apps::Loss> places;
  if (trains_teacher) {
    places = settings.losses;
  } else {
    for (const Run& run : task.runs) places.push_back(place_of(run));
  }
  apps::RunFolder folder(app, common, places);
  folder.create();
  if (trains_teacher) {
    const fs::path teacher = folder.path() / "teacher.safetensors";
    if (common.resume.empty() || !fs::exists(teacher)) {
      apps::Progress progress("teacher", settings.teacher_steps, settings.teacher_steps, common.quiet);
      const bool done = train_teacher(settings, teacher.string(), [&](std::int64_t step, double loss) {
        progress.step(step, step, loss);
        return !apps::interrupted();
      });
      progress.finish();
      if (!done) apps::stop_interrupted(app, "");
    }
    task = make_task(settings, teacher);
  }
  const Length length = length_of(settings, task.train_points);
  const std::int64_t parameters = task.runs.front().begin()->network().parameter_count();  // the same for all of them
  nlohmann::json more{{"data_description", task.description},
                      {"train_count", task.train_points},
                      {"test_count", task.test_points},
                      {"sample_shape", {task.inputs}},
                      {"parameters", parameters}};
  folder.write_config(parser.config(), more);
  folder.keep();
  if (!common.quiet) {
    for (const std::string& notice : task.notices) fmt::print(stderr, "{}: note: {}\n", app, notice);
  }

  if (common.profile) profile::enable(true);
  std::vector<FinishedRun> finished;
  for (const Run& run : task.runs) {
    if (apps::interrupted()) apps::stop_interrupted(app, folder.path().string());
    const apps::Loss place = place_of(run);
    const std::unique_ptr<Experiment> experiment = run.begin();
    Place where{app, folder.path(), folder.folder_of(place), place.name, task.figures_file, 0};
    if (settings.task == "derivatives") {
      where.seconds_limit = 60 * settings.minutes / static_cast<double>(task.runs.size());
    }
    const Outcome outcome = train(settings, *experiment, length, where);
    finished.push_back({run.group, run.loss, where.folder, outcome, apps::read_metrics(where.folder / "metrics.csv")});
  }
  summarise(settings, task, folder.path(), finished);
  if (common.profile) fmt::print("{}", profile::table());
}

}  // namespace sg::regression
