// The task `distill`: a student matches a teacher's values and its Jacobian (Czarnecki et al. 2017).
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "apps/regression/experiment.h"
#include "apps/regression/network.h"
#include "apps/regression/random_points.h"
#include "engine/ops.h"
#include "losses/distillation.h"
#include "losses/sobolev.h"
#include "nn/optim/adam.h"
#include "nn/safetensors.h"

namespace sg::regression {

namespace {

/// What the students learn from: the teacher at the training and at the test points.
struct Lesson {
  std::shared_ptr<nn::Module> teacher;
  const Target* target;
  Tensor points, test_points;
  Tensors values, test_values;
};

class Distillation : public Experiment {
 public:
  Distillation(const Settings& settings, apps::Loss loss, std::shared_ptr<const Lesson> lesson,
               std::unique_ptr<nn::Module> student)
      : Experiment(settings, std::move(loss), std::move(student), lesson->points.shape(0)),
        lesson_(std::move(lesson)),
        weights_(order_weights(settings_.weights, lesson_->values, order_of(loss_))) {}

  Tensor loss(std::int64_t step, const data::BatchPart& part) override {
    const std::int64_t n = lesson_->points.shape(0);
    if (part.size(n) == 0) return {};
    const auto rows = [&](const Tensor& all) {
      return part.count == 1 ? all : slice(all, 0, part.first(n), part.last(n)).eval().detach();
    };
    Tensors values;
    for (int k = 0; k <= order_of(loss_); ++k) values.push_back(rows(lesson_->values[k]));
    return apps::share_of_mean(loss_on(step, rows(lesson_->points), values), part, n);
  }

  TestErrors test() override { return test_errors(function(), lesson_->test_points, lesson_->test_values); }

  Picture picture() override {
    const Target& target = *lesson_->target;
    const losses::Network teacher = [this](const Tensor& x) { return (*lesson_->teacher)(x); };
    if (target.inputs == 1) {
      return picture_1d(
          function(), [&](const Tensor& x) { return losses::derivatives(teacher, x, 2); }, target.first, target.last,
          loss_.name, settings_.dtype());
    }
    return picture_2d(function(), teacher, {target.first, target.first}, {target.last, target.last}, {"x", "y"},
                      loss_.name, settings_.dtype());
  }

 private:
  /// At points [N, d] where the teacher has the values and, for the orders above 0, these derivatives.
  Tensor loss_on(std::int64_t step, const Tensor& points, const Tensors& values) {
    const std::int64_t d = points.shape(1), count = settings_.projections;
    if (values.size() == 1 || count == 0) {
      return losses::sobolev(losses::derivatives(function(), points, static_cast<int>(values.size()) - 1), values,
                             weights_);
    }
    const Tensor directions = unit_directions(settings_.common.seed, step, count, d, settings_.dtype()).detach();
    const Tensor u = network()(points);
    // The teacher's gradient is known whole: [K, d] x [d, N].
    const Tensor teacher_along = unsqueeze(matmul(directions, transpose(values[1])), 2);
    return weights_[0] * losses::mse(u, values[0]) +
           weights_[1] *
               losses::projected_jacobian_matching(losses::jacobian_along(u, points, directions), teacher_along, d);
  }

  std::shared_ptr<const Lesson> lesson_;
  std::vector<double> weights_;
};

std::vector<std::int64_t> teacher_sizes(const Settings& settings, std::int64_t inputs) {
  return settings.teacher_sizes.empty() ? std::vector<std::int64_t>{inputs, 64, 64, 64, 1} : settings.teacher_sizes;
}

std::unique_ptr<nn::Module> make_teacher(const Settings& settings, std::int64_t inputs) {
  // Another seed than the students', so that none begins at the teacher's own start.
  return make_network(settings, teacher_sizes(settings, inputs), settings.activations.front(), inputs,
                      settings.common.seed + 1000003, false);
}

std::vector<std::int64_t> student_sizes(const Settings& settings, std::int64_t inputs) {
  return settings.sizes.empty() ? std::vector<std::int64_t>{inputs, 32, 32, 1} : settings.sizes;
}

}  // namespace

void check_distillation(const Settings& settings) {
  const std::int64_t d = target_named(settings.target).inputs;
  const std::vector<std::int64_t> sizes = student_sizes(settings, d), teacher = teacher_sizes(settings, d);
  make_teacher(settings, d);
  make_network(settings, sizes, settings.activations.front(), d, settings.common.seed, settings.common.resume.empty());
  if (settings.net == "mlp") {
    const auto widest = [](const std::vector<std::int64_t>& s) {
      return s.size() > 2 ? *std::max_element(s.begin() + 1, s.end() - 1) : 1;
    };
    if (sizes.size() >= teacher.size() && widest(sizes) >= widest(teacher)) {
      fail("--sizes: the student {} has to be smaller than the teacher {}", fmt::join(sizes, ","),
           fmt::join(teacher, ","));
    }
  }
  for (const apps::Loss& loss : settings.losses) {
    if (loss.kind == "hs") {
      fail("--loss: {} is for fit and spectrum; distillation needs l2, h1 or h2", loss.name);
    }
    if (loss.kind == "h2" && settings.projections > 0) {
      fail("--projections: are of the Jacobian: needs --loss l2 or h1, not h2");
    }
    check_weights(weight_list(settings.weights, {"auto"}), loss);
  }
}

bool train_teacher(const Settings& settings, const std::string& file,
                   const std::function<bool(std::int64_t, double)>& report) {
  const Target& target = target_named(settings.target);
  const std::unique_ptr<nn::Module> teacher = make_teacher(settings, target.inputs);
  const Tensor points =
      target.inputs == 1
          ? reshape(linspace(target.first, target.last, settings.points, settings.dtype()), {settings.points, 1})
          : uniform_points(settings.common.seed, Stream::train_points, settings.points, target.inputs, target.first,
                           target.last, settings.dtype());
  Tensors values = target_derivatives(target, points);
  values.resize(2);
  nn::Adam optimizer(*teacher, {.learning_rate = 1e-3});
  for (std::int64_t step = 1; step <= settings.teacher_steps; ++step) {
    // The rate falls to a hundredth, so that the teacher comes to rest.
    optimizer.set_learning_rate(
        1e-3 * std::pow(0.01, static_cast<double>(step - 1) / static_cast<double>(settings.teacher_steps)));
    const Tensor loss =
        optimizer.minimise(losses::sobolev(losses::derivatives(as_function(*teacher), points, 1), values));
    if (!report(step, loss.item())) return false;
  }
  nn::save_safetensors(file, teacher->state());
  return true;
}

Task distill_task(const Settings& settings, const std::string& teacher_file) {
  check_distillation(settings);
  const Target& target = target_named(settings.target);
  const std::int64_t d = target.inputs;
  auto lesson = std::make_shared<Lesson>();
  lesson->target = &target;
  lesson->teacher = make_teacher(settings, d);
  nn::load_weights(*lesson->teacher, teacher_file, "--teacher");
  const std::vector<std::int64_t> sizes = student_sizes(settings, d);
  lesson->points =
      d == 1 ? reshape(linspace(target.first, target.last, settings.points, settings.dtype()), {settings.points, 1})
             : uniform_points(settings.common.seed, Stream::train_points, settings.points, d, target.first, target.last,
                              settings.dtype());
  lesson->test_points = uniform_points(settings.common.seed, Stream::test_points, d == 1 ? 100 : 10000, d, target.first,
                                       target.last, settings.dtype());
  int order = 0;
  Task task;
  for (const apps::Loss& loss : settings.losses) order = std::max(order, order_of(loss));
  lesson->values = losses::derivatives(as_function(*lesson->teacher), lesson->points, order);
  lesson->test_values = losses::derivatives(as_function(*lesson->teacher), lesson->test_points, 1);
  for (Tensors* values : {&lesson->values, &lesson->test_values}) {
    for (Tensor& value : *values) value = value.detach();
  }
  // A given teacher is known by its own name, though a run that goes on reads its copy in the folder.
  const std::string& name = settings.teacher.empty() ? teacher_file : settings.teacher;
  check_test_values(lesson->test_values, name);
  task.description = fmt::format("a teacher {} of {}", name, target.name);
  task.inputs = d;
  task.train_points = lesson->points.shape(0);
  task.test_points = lesson->test_points.shape(0);
  task.losses = settings.losses;
  task.begin = [=](const std::string&, const apps::Loss& loss, bool fresh) {
    return std::make_unique<Distillation>(
        settings, loss, lesson,
        make_network(settings, sizes, settings.activations.front(), d, settings.common.seed, fresh));
  };
  return task;
}

}  // namespace sg::regression
