// The task `fit`: a network learns a function's values and derivatives.
#include <cmath>

#include "apps/regression/experiment.h"
#include "apps/regression/network.h"
#include "apps/regression/random_points.h"
#include "engine/ops.h"

namespace sg::regression {

namespace {

class Fit : public Experiment {
 public:
  Fit(const Settings& settings, apps::Loss loss, std::shared_ptr<const Dataset> data,
      std::unique_ptr<nn::Module> network)
      : Experiment(std::move(network)), settings_(settings), loss_(std::move(loss)), data_(std::move(data)) {}

  Tensor loss(std::int64_t step) override { return fit_loss(settings_, loss_, *data_, function(), batch(step)); }
  TestErrors test() override { return test_errors(function(), data_->test_points, data_->test); }

  Picture picture() override {
    const Target* target = settings_.common.data.empty() ? &target_named(settings_.target) : nullptr;
    if (data_->inputs == 1) {
      auto exact = [&](const Tensor& x) { return target_derivatives(*target, x); };
      return picture_1d(function(), target ? std::function<Tensors(const Tensor&)>(exact) : nullptr, data_->first,
                        data_->last, loss_.name, settings_.dtype());
    }
    if (target) {
      return picture_2d(
          function(), [&](const Tensor& x) { return target_derivatives(*target, x)[0]; }, {data_->first, data_->first},
          {data_->last, data_->last}, {"x", "y"}, loss_.name, settings_.dtype());
    }
    return test_points_picture();
  }

 private:
  /// The rows of a step's batch; undefined for all of them.
  Tensor batch(std::int64_t step) {
    const std::int64_t count = data_->train_points.shape(0), size = settings_.batch_size(count);
    if (size == 0) return {};
    const std::int64_t batches = (count + size - 1) / size, epoch = step / batches, number = step % batches;
    if (epoch != order_epoch_) {
      order_ = settings_.common.shuffle ? permutation(settings_.common.seed, Stream::batches, count, epoch)
                                        : std::vector<std::int64_t>();
      order_epoch_ = epoch;
    }
    std::vector<std::int64_t> rows;
    for (std::int64_t i = number * size; i < std::min(count, (number + 1) * size); ++i) {
      rows.push_back(order_.empty() ? i : order_[i]);
    }
    return tensor(rows, {static_cast<std::int64_t>(rows.size())});
  }

  /// Of a table: the test rows in the order of their values, and what the network says there.
  Picture test_points_picture() {
    const std::vector<double> wanted = data_->test[0].to_vector<double>(),
                              found = function()(data_->test_points).to_vector<double>();
    std::vector<std::size_t> order(wanted.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return wanted[a] < wanted[b]; });
    Panel panel{"u at the test points, in the order of the data's values",
                {},
                {{"data", {}, {170, 170, 170}, 6, {}}, {loss_.name, {}, curve_color(1), 2, {}}},
                {},
                false};
    for (const std::size_t i : order) {
      panel.x.push_back(static_cast<double>(panel.x.size()));
      panel.curves[0].y.push_back(wanted[i]);
      panel.curves[1].y.push_back(found[i]);
    }
    return {{panel}, {}};
  }

  Settings settings_;
  apps::Loss loss_;
  std::shared_ptr<const Dataset> data_;
  std::int64_t order_epoch_ = -1;
  std::vector<std::int64_t> order_;
};

DatasetOptions dataset_options(const Settings& settings) {
  DatasetOptions options;
  if (settings.common.data.empty()) {
    options.target = &target_named(settings.target);
  } else {
    options.file = settings.common.data;
  }
  options.points = settings.points;
  options.grid = settings.grid;
  if (settings.derivatives != "exact") options.estimator = losses::estimator_named(settings.derivatives);
  options.estimate_both = settings.approximate == "both";
  if (options.estimate_both && !options.estimator) {
    fail("--approximate both: needs an estimator: --derivatives fd2, fd4, chebyshev or fourier");
  }
  for (const apps::Loss& loss : settings.losses) options.order = std::max(options.order, order_of(loss));
  options.limit_train = settings.common.limit_train;
  options.limit_test = settings.common.limit_test;
  options.test_fraction = settings.test_fraction;
  options.seed = settings.common.seed;
  options.dtype = settings.dtype();
  return options;
}

std::vector<std::int64_t> sizes_for(const Settings& settings, std::int64_t inputs, std::int64_t hidden_layers) {
  if (!settings.sizes.empty()) return settings.sizes;
  std::vector<std::int64_t> sizes{inputs};
  sizes.insert(sizes.end(), hidden_layers, 64);
  sizes.push_back(1);
  return sizes;
}

Task task_on(const Settings& settings, const std::shared_ptr<const Dataset>& data, std::int64_t hidden_layers,
             const std::string& run_name) {
  Task task;
  task.notices = data->notices;
  task.description = data->description;
  task.inputs = data->inputs;
  task.train_points = data->train_points.shape(0);
  task.test_points = data->test_points.shape(0);
  const std::vector<std::int64_t> sizes = sizes_for(settings, data->inputs, hidden_layers);
  const bool several = settings.net == "mlp" && settings.activations.size() > 1;
  const std::vector<std::string> activations =
      settings.net == "mlp" ? settings.activations : std::vector<std::string>{settings.net};
  for (const std::string& activation : activations) {
    make_network(settings, sizes, activation, data->inputs,
                 settings.common.seed);  // so that bad names are found before the first run
    for (const apps::Loss& loss : settings.losses) {
      check_fit_loss(settings, loss, *data);
      task.runs.push_back({several ? activation : "", run_name.empty() ? loss.name : run_name, [=] {
                             return std::make_unique<Fit>(
                                 settings, loss, data,
                                 make_network(settings, sizes, activation, data->inputs, settings.common.seed));
                           }});
    }
  }
  return task;
}

}  // namespace

Task fit_task(const Settings& settings) {
  return task_on(settings, std::make_shared<const Dataset>(make_dataset(dataset_options(settings))), 3, "");
}

Task derivatives_task(const Settings& given) {
  Settings settings = given;
  settings.grid = true;
  settings.losses = {{"l2", "l2", 0}};
  settings.derivatives = "exact";
  settings.approximate = "target";
  Task all = task_on(settings, std::make_shared<const Dataset>(make_dataset(dataset_options(settings))), 4, "l2");
  for (const char* estimator : {"exact", "fd2", "fd4", "chebyshev", "fourier"}) {
    settings.losses = {{"h1", "h1", 1}};
    settings.derivatives = estimator;
    settings.approximate = settings.derivatives == "exact" ? "target" : given.approximate;
    Task task = task_on(settings, std::make_shared<const Dataset>(make_dataset(dataset_options(settings))), 4,
                        std::string("h1-") + estimator);
    all.runs.insert(all.runs.end(), task.runs.begin(), task.runs.end());
  }
  return all;
}

}  // namespace sg::regression
