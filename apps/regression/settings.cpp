// Settings: the options of each command, their defaults, and what they mean for each other.
#include "apps/regression/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "apps/regression/targets.h"
#include "nn/activation.h"

namespace sg::regression {

apps::CommonUse use_of(const std::string& task) {
  const bool fits = task == "fit" || task == "derivatives";
  // No table is at once on the grids of all estimators, which `derivatives` compares.
  return {.data = task == "fit"
                      ? "your own table: a CSV file with columns x1..xd,u[,u_x1..u_xd[,u_x1x1..]]; empty: --target"
                      : "",
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
  if (task == "fit") {
    parser.add("--test-fraction", s.test_fraction,
               "part of the rows of --data that is kept for testing; 0: the training points are the test points, as "
               "they are under a loss hs unless this is given",
               between<double>(0, 1));
    parser.add("--derivatives", s.derivatives, "exact, or estimated on a grid: fd2, fd4, chebyshev or fourier",
               one_of({"exact", "fd2", "fd4", "chebyshev", "fourier"}));
  }
  if (fits) {
    parser.add("--approximate", s.approximate, "whose derivatives are estimated: target or both",
               one_of({"target", "both"}));
  }
  if (task == "pinn") {
    parser.add("--equation", s.equation, "heat, burgers, poisson or advection",
               one_of({"heat", "burgers", "poisson", "advection"}));
    parser.add("--coefficient", s.coefficient, "diffusivity, viscosity or speed; 0: the equation's own",
               between<double>(-1e6, 1e6));
  }
  if (task == "distill") {
    parser.add_path("--teacher", s.teacher, "the teacher's weights; empty: one is trained first");
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
               between<double>(0, most_weight));
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
  parser.add("--omega0", s.omega0, "frequency of the siren's layers under --siren-init sitzmann",
             between<double>(1e-3, 1e6));
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
  if (task == "fit") {
    parser.footer(
        "--batch-size takes all points where it is larger, and a step is an epoch then; --activation is tanh when "
        "--target or --data is given.");
  }
}

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

namespace {

bool has_loss(const Settings& s, const std::vector<std::string>& kinds) {
  const std::vector<apps::Loss> losses = s.common.loss_list();
  return std::any_of(losses.begin(), losses.end(), [&](const apps::Loss& loss) {
    return std::find(kinds.begin(), kinds.end(), loss.kind) != kinds.end();
  });
}

/// Throws for an option of this program on the command line that would do nothing. For one of those that all trainers
/// have, which others may pass to each of them alike, there is a note.
void refuse_unused(const apps::OptionParser& parser, const Settings& s) {
  const auto refuse = [&](const std::vector<std::string>& options, const std::string& why) {
    for (const std::string& option : options) {
      if (parser.given(option)) fail("{}: {}", option, why);
    }
  };
  const auto note = [&](const std::vector<std::string>& options, const std::string& why) {
    for (const std::string& option : options) {
      if (parser.given(option) && !s.common.quiet) {
        fmt::print(stderr, "regression: note: {} {}: it does nothing here\n", option, why);
      }
    }
  };
  if (s.common.data.empty()) {
    refuse({"--test-fraction"}, "is of the rows of --data, which is not given");
  } else {
    refuse({"--target", "--points", "--grid"}, "--data has points and values of its own");
  }
  if (s.task == "fit" && s.derivatives == "exact") {
    refuse({"--approximate"}, "needs an estimator: --derivatives fd2, fd4, chebyshev or fourier");
  }
  if (s.approximate == "both" && s.test_fraction > 0) {
    refuse({"--test-fraction"}, "--approximate both needs the whole grid and tests on the training points");
  }
  if (!has_loss(s, {"hs"})) {
    note({"--hs-frequencies", "--hs-length"}, "is of the loss hs, which is not in --loss");
  }
  const std::vector<std::string>& names = s.common.losses;
  if (std::find(names.begin(), names.end(), "hs") == names.end()) {
    note({"--s"}, "is the order of the loss hs, which is not in --loss (hs0.5 names its own)");
  }
  if (!has_loss(s, {"l2", "h1", "h2"})) {
    refuse({"--weights"}, "are of the losses l2, h1 and h2; --loss has none of them");
  }
  if (s.task == "distill" && !has_loss(s, {"h1"})) {
    refuse({"--projections"}, "are of the loss h1, which is not in --loss");
  }
  if (s.equation == "poisson") refuse({"--coefficient"}, "the equation poisson has none");
  if (!s.teacher.empty()) refuse({"--teacher-steps"}, "--teacher is trained already");

  if (s.net != "mlp") {
    refuse({"--sizes", "--activation", "--teacher-sizes"}, fmt::format("is of --net mlp, not of {}", s.net));
  }
  if (s.net != "siren") refuse({"--siren-init", "--omega0"}, fmt::format("is of --net siren, not of {}", s.net));
  if (s.siren_init != "sitzmann") refuse({"--omega0"}, "is of --siren-init sitzmann, not of default");

  const bool lbfgs = s.optimizer == "lbfgs", lm = s.optimizer == "lm";
  if (!lbfgs && s.optimizer != "adam+lbfgs") {
    refuse({"--lbfgs-steps", "--lbfgs-history", "--lbfgs-lr"},
           fmt::format("is of --optimizer lbfgs and adam+lbfgs, not of {}", s.optimizer));
  }
  if (!lm) refuse({"--lm-steps", "--lm-damping"}, fmt::format("is of --optimizer lm, not of {}", s.optimizer));
  if (lbfgs || lm) {
    note({"--lr", "--warmup-steps", "--cosine-steps", "--epochs", "--shuffle"},
         fmt::format("is of --optimizer adam, sgd and adam+lbfgs, not of {}", s.optimizer));
  }
  if ((lbfgs || lm) && parser.given("--steps") && s.common.steps == 0) {
    refuse({"--steps"}, fmt::format("0 counts by epochs, which --optimizer {} does not", s.optimizer));
  }
  const std::string own_steps = lbfgs ? "--lbfgs-steps" : "--lm-steps";
  if ((lbfgs || lm) && parser.given("--steps") && parser.given(own_steps)) {
    note({"--steps"}, fmt::format("is said by {} under --optimizer {}", own_steps, s.optimizer));
  }
}

}  // namespace

void follow(const apps::OptionParser& parser, Settings& s) {
  refuse_unused(parser, s);
  if (s.optimizer == "lbfgs" && parser.given("--steps") && s.common.steps > 0 && !parser.given("--lbfgs-steps")) {
    s.lbfgs_steps = s.common.steps;
  }
  if (s.optimizer == "lm" && parser.given("--steps") && s.common.steps > 0 && !parser.given("--lm-steps")) {
    s.lm_steps = s.common.steps;
  }
  if (!s.common.resume.empty()) return;  // the run's own options are all there
  if (!s.common.data.empty() && has_loss(s, {"hs"}) && s.approximate != "both") {
    if (parser.given("--test-fraction") && s.test_fraction > 0) {
      fail(
          "--test-fraction: {} takes rows out of the regular grid that a loss hs needs; 0 tests on the training points",
          s.test_fraction);
    }
    s.test_fraction = 0;
  }
  const bool chosen = parser.given("--target") || parser.given("--data");
  if (s.task == "fit" && chosen && !parser.given("--activation")) s.activations = {"tanh"};
}

void check(const Settings& s) {
  if (s.common.overwrite && !s.common.out.empty()) {
    for (const std::string& file : {s.common.data, s.common.init, s.teacher}) {
      if (!file.empty() && *std::filesystem::path(file).lexically_relative(s.common.out).begin() != "..") {
        fail("--overwrite: would remove {}, which the run needs; move it elsewhere or choose another --out", file);
      }
    }
  }
  try {
    for (const std::string& name : s.activations) nn::activation(name);
  } catch (const Error& error) {
    fail("--{}", error.what());
  }
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

}  // namespace sg::regression
