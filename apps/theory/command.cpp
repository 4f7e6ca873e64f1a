// Command: options, the order of work, and the run folder.
#include "apps/theory/command.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/common/files.h"
#include "apps/common/run_folder.h"
#include "apps/theory/experiments.h"
#include "engine/kernels/parallel.h"
#include "engine/profile.h"

namespace sg::theory {

namespace {

constexpr const char* app = "theory";

void declare(apps::OptionParser& parser, Settings& s) {
  using apps::at_least, apps::between, apps::more_than;
  using Integer = std::int64_t;
  parser.add_positional("EXPERIMENT", s.experiments,
                        "linear, flow, hessian, relu2, nodes, toeplitz or sgd; none: all of them", false);
  parser.add_path("--out", s.common.out, "run folder; empty: runs/<app>-<date>-<time>");
  parser.add_flag("--overwrite", s.common.overwrite, "replace the run in the folder of --out");
  parser.add("--seed", s.common.seed, "seed of everything random");
  parser.add("--threads", s.common.threads, "threads; 0: all cores", between<Integer>(0, 1024));
  parser.add_flag("--profile", s.common.profile, "at the end, time, calls, FLOPs and bytes by primitive");
  parser.add_flag("--quiet", s.common.quiet, "no progress; one line at the end");
  parser.add("--tolerance", s.tolerance, "error of a step of the flows, relative to 1 + |element|",
             between<double>(1e-13, 1e-2));
  parser.add("--spectrum", s.spectrum, "linear: the eigenvalues of X'X");
  parser.add("--lambda", s.lambda, "linear: weight of the derivatives in H", more_than<double>(0));
  parser.add("--noise", s.noise, "linear: standard deviation of the labels' noise", more_than<double>(0));
  parser.add("--draws", s.draws, "linear: draws of the noise", between<Integer>(100, 10'000'000));
  parser.add("--starts", s.starts, "flow, relu2: starting points in the fan", between<Integer>(2, 64));
  parser.add("--time", s.time, "flow, relu2: length of the flows", between<double>(1, 1000));
  parser.add("--grid", s.grid, "hessian, relu2: points along each axis", between<Integer>(5, 500));
  parser.add("--node-counts", s.node_counts, "nodes: the values of K");
  parser.add("--toeplitz-size", s.toeplitz_size, "toeplitz: K", between<Integer>(2, 32));
  parser.add("--batch-size", s.batch_size, "sgd: fresh samples a step", between<Integer>(1, 100'000));
  parser.add("--dimension", s.dimension, "sgd: dimension of the samples; at least --nodes", between<Integer>(2, 1000));
  parser.add("--nodes", s.nodes, "sgd: K of the wider students", between<Integer>(2, 1000));
  parser.add("--steps", s.steps, "sgd: steps", between<Integer>(10, 1'000'000));
  parser.add("--seeds", s.seeds, "sgd: runs, side by side", between<Integer>(3, 1000));
  parser.add("--lr", s.lr, "sgd: learning rate", more_than<double>(0));
}

const Experiment* experiment_named(const std::string& name) {
  for (const Experiment& experiment : experiments()) {
    if (name == experiment.name) return &experiment;
  }
  return nullptr;
}

void check(Settings& s) {
  std::string names;
  for (const Experiment& experiment : experiments()) {
    names += (names.empty() ? "" : ", ") + std::string(experiment.name);
  }
  for (const std::string& name : s.experiments) {
    if (!experiment_named(name)) fail("{}: no such experiment; there are {}", name, names);
  }
  if (s.experiments.empty()) {
    for (const Experiment& experiment : experiments()) s.experiments.push_back(experiment.name);
  }
  for (std::size_t i = 0; i < s.experiments.size(); ++i) {
    if (std::find(s.experiments.begin(), s.experiments.begin() + i, s.experiments[i]) != s.experiments.begin() + i) {
      fail("{}: is there twice", s.experiments[i]);
    }
  }
  if (s.spectrum.size() < 2 || s.spectrum.size() > 500) {
    fail("--spectrum: {} eigenvalues; from 2 to 500 are needed", s.spectrum.size());
  }
  for (const double value : s.spectrum) {
    if (!(value >= 1e-6 && value <= 1e6)) fail("--spectrum: {} is not between 1e-6 and 1e6", value);
  }
  if (s.node_counts.empty() || s.node_counts.size() > 8) {
    fail("--node-counts: {} values; from 1 to 8 are needed", s.node_counts.size());
  }
  for (std::size_t i = 0; i < s.node_counts.size(); ++i) {
    if (s.node_counts[i] < 2 || s.node_counts[i] > 1000) {
      fail("--node-counts: {} is not between 2 and 1000", s.node_counts[i]);
    }
    if (std::find(s.node_counts.begin(), s.node_counts.begin() + i, s.node_counts[i]) != s.node_counts.begin() + i) {
      fail("--node-counts: {} is there twice", s.node_counts[i]);
    }
  }
  const auto runs = [&](const char* name) {
    return std::find(s.experiments.begin(), s.experiments.end(), name) != s.experiments.end();
  };
  const auto samples = static_cast<std::int64_t>(s.spectrum.size()) + 8;
  if (runs("linear") && s.draws * samples > 200'000'000) {
    fail("--draws: {} draws of {} labels are more than 2e8 numbers", s.draws, samples);
  }
  const bool sgd = runs("sgd");
  if (sgd && s.nodes > s.dimension) {
    fail("--nodes: {} orthonormal nodes do not fit into --dimension {}", s.nodes, s.dimension);
  }
  if (sgd && s.batch_size * s.dimension * s.seeds > 200'000'000) {
    fail("--batch-size: {} samples of {} numbers for {} seeds a step are more than 2e8 numbers", s.batch_size,
         s.dimension, s.seeds);
  }
}

std::string show_file(const Experiment& experiment) {
  return fmt::format("  {}.csv: {}\n", experiment.name, experiment.columns);
}

}  // namespace

const std::vector<Experiment>& experiments() {
  static const std::vector<Experiment> all{
      {"linear", "S1, a linear model",
       "quantity (spectrum, contraction, error), index (eigenvalue, step, draw count), l2, h1 measured, and predicted",
       run_linear},
      {"flow", "S2, one ReLU node", "gradient, start, t, w1, w2, v = |w - w*|^2 / 2, bound on v, l2's own, theta",
       run_flow},
      {"hessian", "S3, condition numbers",
       "theta, ratio = |w| / |w*|, kappa_l, kappa_h by the engine, and by the formulas", run_hessian},
      {"relu2", "S4, one squared ReLU node", "loss (l2, h1, h2), start, t, w1, w2, v", run_relu2},
      {"nodes", "S5, K nodes", "k, loss, start, t, x, y", run_nodes},
      {"toeplitz", "S6, a Toeplitz start", "loss, flow (linear, full), t, then T = (t_1 - 1, t_2, ..., t_K)",
       run_toeplitz},
      {"sgd", "S7, SGD on samples",
       "setting, loss, step, time = step * lr, median and quartiles of |W - W*|^2 over seeds, the flow's median",
       run_sgd},
  };
  return all;
}

void run_command(const apps::Arguments& arguments) {
  using Clock = std::chrono::steady_clock;
  Settings settings;
  apps::OptionParser parser(
      app,
      "Theorems of Sobolev acceleration (Oh, Lyu and Son, arXiv 2509.19773), computed, simulated and drawn in f64.");
  declare(parser, settings);
  std::string files =
      "The run folder holds config.json, report.html, summary.csv (every statement: predicted, measured), and a CSV "
      "file an experiment:\n";
  for (const Experiment& experiment : experiments()) files += show_file(experiment);
  parser.footer(files);
  parser.parse(arguments);
  check(settings);
  if (settings.common.threads > 0) kernels::set_threads(static_cast<int>(settings.common.threads));

  apps::RunFolder folder(app, settings.common, {});
  folder.create();
  folder.write_config(parser.config(), {{"experiments", settings.experiments}});
  if (settings.common.profile) profile::enable(true);

  const auto start = Clock::now();
  const auto seconds_since = [](Clock::time_point from) {
    return std::chrono::duration<double>(Clock::now() - from).count();
  };
  std::vector<Claim> claims;
  std::vector<Section> sections;
  for (const std::string& name : settings.experiments) {
    if (apps::interrupted()) apps::stop_interrupted(app, "");
    const Experiment& experiment = *experiment_named(name);
    const auto begin = Clock::now();
    sections.push_back(experiment.run(settings));
    const Section& section = sections.back();
    apps::write_file_atomically(folder.path() / (name + ".csv"), section.csv());
    folder.keep();
    claims.insert(claims.end(), section.claims().begin(), section.claims().end());
    if (!settings.common.quiet) {
      fmt::print(stderr, "{}: {} ({}): {:.1f} s\n", app, name, experiment.subject, seconds_since(begin));
    }
  }
  if (apps::interrupted()) apps::stop_interrupted(app, "");
  apps::write_file_atomically(folder.path() / "summary.csv", claims_csv(claims));

  const auto failed = std::count_if(claims.begin(), claims.end(), [](const Claim& claim) { return !claim.holds(); });
  const std::string verdict = failed == 0 ? fmt::format("All {} statements hold.", claims.size())
                                          : fmt::format("{} of {} statements do not hold.", failed, claims.size());
  apps::Report report("The theorems of Sobolev acceleration",
                      verdict +
                          " Training on values and derivatives (H1) converges faster, in the distance to the teacher "
                          "itself, than training on values "
                          "alone (L2): here each theorem that says so is computed by differentiating closed forms, "
                          "simulated as a flow, and drawn.");
  report.paragraph(
      "Student g(x; w), teacher w*, inputs x ~ N(0, I). L = 1/2 E (g - g*)², J = 1/2 E |∇g - ∇g*|², H = L + J; a flow "
      "is dw/dt = -grad. "
      "All in f64; dashed lines are L2, solid ones H1. Source: Oh, Lyu and Son, Sobolev acceleration for neural "
      "networks (arXiv 2509.19773); Tian 2017. "
      "Where their print differs from the mathematics as checked here, both are named.");
  for (const Section& section : sections) section.write(report);
  if (sections.size() > 1) {
    report.heading("All statements");
    report.table(claims_table(claims), "The same rows as summary.csv");
  }
  report.write(folder.path());

  if (!settings.common.quiet) fmt::print("{}\n", claims_table(claims).to_text());
  fmt::print("{} {:.1f} s. Report: {}\n", verdict, seconds_since(start), (folder.path() / "report.html").string());
  if (settings.common.profile) fmt::print("{}", profile::table());
}

}  // namespace sg::theory
