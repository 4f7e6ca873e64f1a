// The task `pinn`: a network solves a partial differential equation by its residual, in L2, H1 or H2 (Son et al. 2021).
#include <algorithm>
#include <cmath>

#include "apps/regression/equations.h"
#include "apps/regression/experiment.h"
#include "apps/regression/network.h"
#include "apps/regression/random_points.h"
#include "engine/autodiff.h"
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

// The plain sum: best for heat, Burgers and advection; balance by gradients is best for Poisson, whose source is large,
// and balance by size for none (apps/README.md has the table).
constexpr const char* default_rule = "plain";

constexpr const char* weights_name = "loss_weights";

class Pinn : public Experiment {
 public:
  Pinn(const Settings& settings, apps::Loss loss, std::shared_ptr<const Problem> problem,
       std::unique_ptr<nn::Module> network)
      : Experiment(settings, std::move(loss), std::move(network), settings.points), problem_(std::move(problem)) {
    find_weights();
  }

  Tensor loss(std::int64_t, const data::BatchPart& part) override {
    const int order = order_of(loss_);
    const std::int64_t inside = problem_->residual.interior.shape(0);
    const std::int64_t on_a_side =
        problem_->residual.traces.empty() ? inside : problem_->residual.traces[0].points.shape(0);
    const Tensors terms =
        losses::pinn_terms(part.count == 1 ? problem_->residual : residual_on(part), function(), order);
    Tensor loss;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const bool interior = i <= static_cast<std::size_t>(order);
      const double weight = part.count == 1 ? weights_[i] : weights_[i] * part.share(interior ? inside : on_a_side);
      const Tensor term = weight == 1 ? terms[i] : weight * terms[i];
      loss = loss ? loss + term : term;
    }
    return loss;
  }
  std::string why_not_in_parts(std::int64_t parts) const override {
    if (settings_.points < parts) return fmt::format("{} points are fewer", settings_.points);
    return Experiment::why_not_in_parts(parts);
  }
  Tensor residuals() override {
    return losses::pinn_residuals(problem_->residual, function(), order_of(loss_), weights_);
  }
  // The weights belong to the start, at which the network that goes on is no more.
  void add_to_checkpoint(nn::Training& training) override {
    Experiment::add_to_checkpoint(training);
    training.tensors.emplace_back(weights_name, tensor(weights_, {static_cast<std::int64_t>(weights_.size())}, f64));
  }
  void after_resume(nn::Training& training) override {
    const auto is_there = std::any_of(training.tensors.begin(), training.tensors.end(),
                                      [](const auto& named) { return named.first == weights_name; });
    if (is_there) weights_ = nn::numbers_of(training, weights_name, weights_.size(), "--resume");
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
  /// The weight of every part of the loss, from what the network is at the start: terms of a size (`size`), or with
  /// gradients of a norm (`gradient`, after Wang, Teng and Perdikaris 2021), in parts of the plain sum's.
  void find_weights() {
    const int order = order_of(loss_);
    const std::size_t interior = static_cast<std::size_t>(order) + 1;
    const Tensors terms = losses::pinn_terms(problem_->residual, function(), order);
    const std::vector<double> given = weight_list(settings_.weights, {"auto", "plain", "size", "gradient"});
    const std::string rule = settings_.weights == "auto" ? default_rule : settings_.weights;
    std::vector<double> sizes;
    for (const Tensor& term : terms) {
      if (rule == "gradient") {
        double squares = 0;
        for (const Tensor& part : grad(term, network().parameter_values(), {}, Unused::zeros)) {
          squares += sum(square(cast(part, f64))).item();
        }
        sizes.push_back(std::sqrt(squares));
      } else {
        sizes.push_back(rule == "size" ? term.item() : 1);
      }
    }
    const double largest = *std::max_element(sizes.begin(), sizes.end());
    for (std::size_t i = 0; i < terms.size(); ++i) {
      double weight = given.empty() ? largest / std::max(sizes[i], 1e-6 * largest) : given[i % interior];
      if (i >= interior) weight *= settings_.trace_weight;
      weights_.push_back(weight);
    }
  }

  /// The problem at the part's points inside and on each side.
  losses::PinnProblem residual_on(const data::BatchPart& part) const {
    const auto rows = [&](const Tensor& all) {
      return slice(all, 0, part.first(all.shape(0)), part.last(all.shape(0))).eval().detach();
    };
    losses::PinnProblem residual = problem_->residual;
    residual.interior = rows(residual.interior);
    for (losses::Trace& trace : residual.traces) trace.points = rows(trace.points);
    // There are fewer points on a side than inside, and a part may have none of them.
    std::erase_if(residual.traces, [](const losses::Trace& trace) { return trace.points.shape(0) == 0; });
    return residual;
  }

  std::shared_ptr<const Problem> problem_;
  std::vector<double> weights_;
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
  check_test_values(problem->test_values, "--equation " + settings.equation);

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
  const std::vector<double> given = weight_list(settings.weights, {"auto", "plain", "size", "gradient"});
  for (const apps::Loss& loss : settings.losses) {
    if (loss.kind == "hs") fail("--loss: {} is for fit and spectrum; a residual needs l2, h1 or h2", loss.name);
    check_weights(given, loss);
  }
  const auto network = [=](bool fresh) {
    return make_network(settings, sizes, settings.activations.front(), 2, settings.common.seed, fresh);
  };
  network(settings.common.resume.empty());
  task.losses = settings.losses;
  task.begin = [=](const std::string&, const apps::Loss& loss, bool fresh) {
    return std::make_unique<Pinn>(settings, loss, problem, network(fresh));
  };
  return task;
}

}  // namespace sg::regression
