// The task `pinn`: a network solves a partial differential equation by its residual, in L2, H1 or H2 (Son et al. 2021).
#include "apps/regression/equations.h"
#include "apps/regression/experiment.h"
#include "apps/regression/network.h"
#include "apps/regression/random_points.h"
#include "engine/ops.h"
#include "engine/random.h"

namespace sg::regression {

namespace {

struct Problem {
  EquationSetting setting;
  losses::PinnProblem residual;
  Tensor test_points;
  Tensors test_values;
};

class Pinn : public Experiment {
 public:
  Pinn(const Settings& settings, apps::Loss loss, std::shared_ptr<const Problem> problem,
       std::unique_ptr<nn::Module> network)
      : Experiment(std::move(network)), settings_(settings), loss_(std::move(loss)), problem_(std::move(problem)) {}

  Tensor loss(std::int64_t) override {
    return losses::pinn_loss(problem_->residual, function(), order_of(loss_), settings_.trace_weight);
  }
  TestErrors test() override { return test_errors(function(), problem_->test_points, problem_->test_values); }

  Picture picture() override {
    const EquationSetting& setting = problem_->setting;
    auto solution = [&](const Tensor& points) {
      const std::vector<double> p = points.to_vector<double>();
      std::vector<double> u;
      for (std::size_t i = 0; i < p.size(); i += 2) u.push_back(setting.solution(p[i], p[i + 1]).u);
      return tensor(u, {points.shape(0), 1}, points.dtype());
    };
    return picture_2d(function(), solution, setting.first, setting.last, setting.axes, loss_.name, settings_.dtype());
  }

 private:
  Settings settings_;
  apps::Loss loss_;
  std::shared_ptr<const Problem> problem_;
};

/// Uniform points on the rectangle whose columns run from first to last.
Tensor points_in(const Tensor& unit, const EquationSetting& setting) {
  const Tensor span = tensor({setting.last[0] - setting.first[0], setting.last[1] - setting.first[1]}, {1, 2}, f64);
  return unit * span + tensor({setting.first[0], setting.first[1]}, {1, 2}, f64);
}

}  // namespace

Task pinn_task(const Settings& settings) {
  auto problem = std::make_shared<Problem>();
  problem->setting = equation_setting(settings.equation, settings.coefficient);
  const EquationSetting& setting = problem->setting;
  losses::PinnProblem& residual = problem->residual;
  const std::uint64_t seed = settings.common.seed;
  residual.equation = setting.equation;
  residual.coefficient = setting.coefficient;
  residual.source = setting.source;
  residual.boundary_value = setting.boundary_value;
  residual.interior =
      cast(points_in(uniform_points(seed, Stream::interior, settings.points, 2, 0, 1, f64), setting), settings.dtype())
          .detach();
  const std::int64_t side_points = std::max<std::int64_t>(16, settings.points / 8);
  for (std::size_t i = 0; i < setting.sides.size(); ++i) {
    const EquationSetting::Side& side = setting.sides[i];
    Tensor unit =
        random_uniform({side_points, 2}, 0, 1, seed, stream_of({static_cast<std::uint64_t>(Stream::traces), i}), f64);
    const Tensor along = slice(unit, 1, 1 - side.fixed_axis, 2 - side.fixed_axis);
    const Tensor fixed = full({side_points, 1}, side.at_last ? 1 : 0, f64);
    unit = side.fixed_axis == 0 ? concat({fixed, along}, 1) : concat({along, fixed}, 1);
    residual.traces.push_back({cast(points_in(unit, setting), settings.dtype()).detach(), 1 - side.fixed_axis});
  }
  problem->test_points = picture_grid(setting.first, setting.last, 101, settings.dtype()).detach();
  std::vector<double> u, gradient;
  const std::vector<double> p = picture_grid(setting.first, setting.last, 101, f64).to_vector<double>();
  for (std::size_t i = 0; i < p.size(); i += 2) {
    const SolutionSample sample = setting.solution(p[i], p[i + 1]);
    u.push_back(sample.u);
    gradient.insert(gradient.end(), sample.gradient.begin(), sample.gradient.end());
  }
  const std::int64_t count = problem->test_points.shape(0);
  problem->test_values = {tensor(u, {count, 1}, settings.dtype()), tensor(gradient, {count, 2}, settings.dtype())};

  Task task;
  task.description = fmt::format("{}: {}", setting.name, setting.formula);
  if (setting.equation != losses::Equation::poisson) {
    task.description += fmt::format(", coefficient {:g}", setting.coefficient);
  }
  task.inputs = 2;
  task.train_points = settings.points;
  task.test_points = count;
  const std::vector<std::int64_t> sizes =
      settings.sizes.empty() ? std::vector<std::int64_t>{2, 64, 64, 64, 1} : settings.sizes;
  for (const apps::Loss& loss : settings.losses) {
    if (loss.kind == "hs") fail("--loss: {} is for --task fit and spectrum; a residual needs l2, h1 or h2", loss.name);
    auto make = [=] { return make_network(settings, sizes, settings.activations.front(), 2, settings.common.seed); };
    make();
    task.runs.push_back({"", loss.name, [=] { return std::make_unique<Pinn>(settings, loss, problem, make()); }});
  }
  return task;
}

}  // namespace sg::regression
