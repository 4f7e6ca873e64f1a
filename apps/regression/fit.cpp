// The task `fit`: a network learns a function's values and derivatives.
#include <cmath>
#include <map>

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
      : Experiment(settings, std::move(loss), std::move(network), data->train_points.shape(0)),
        data_(std::move(data)),
        weights_(fit_weights(settings_, loss_, *data_)) {}

  Tensor loss(std::int64_t step, const data::BatchPart& part) override {
    if (part.count == 1) return fit_loss(settings_, loss_, *data_, weights_, function(), batch(step));
    const std::int64_t points = data_->train_points.shape(0);
    const Tensor all = batch(step);
    const std::int64_t count = all ? all.shape(0) : points;
    if (part.size(count) == 0) return {};
    const Tensor rows = slice(all ? all : arange(points, i64), 0, part.first(count), part.last(count));
    return apps::share_of_mean(fit_loss(settings_, loss_, *data_, weights_, function(), rows), part, count);
  }
  std::string why_not_in_parts(std::int64_t parts) const override {
    if (data_->grid || loss_.kind == "hs") return "the loss needs the whole grid in every step";
    return Experiment::why_not_in_parts(parts);
  }
  Tensor residuals() override { return fit_residuals(loss_, *data_, weights_, function()); }
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
    apps::Chart chart{"the test points, in the order of the data's values", "", "u", {}};
    chart.series = {{"data", {}, {}}, {loss_.name, {}, {}}};
    for (const std::size_t i : order) {
      for (apps::Series& series : chart.series) series.x.push_back(static_cast<double>(series.x.size()));
      chart.series[0].y.push_back(wanted[i]);
      chart.series[1].y.push_back(found[i]);
    }
    return {chart};
  }

  std::shared_ptr<const Dataset> data_;
  std::vector<double> weights_;
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
  for (const apps::Loss& loss : settings.losses) {
    options.order = std::max(options.order, order_of(loss));
    options.spectral = options.spectral || loss.kind == "hs";
  }
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

/// A task on these data; the data that a loss is trained on may depend on it.
Task task_on(const Settings& settings, std::int64_t hidden_layers,
             const std::function<std::shared_ptr<const Dataset>(const apps::Loss&)>& data_of) {
  const std::shared_ptr<const Dataset> data = data_of(settings.losses.front());
  Task task;
  task.losses = settings.losses;
  task.notices = data->notices;
  task.description = data->description;
  task.inputs = data->inputs;
  task.train_points = data->train_points.shape(0);
  task.test_points = data->test_points.shape(0);
  const std::vector<std::int64_t> sizes = sizes_for(settings, data->inputs, hidden_layers);
  const bool several = settings.net == "mlp" && settings.activations.size() > 1;
  if (several) task.groups = settings.activations;
  const auto network = [=](const std::string& group, bool fresh) {
    return make_network(settings, sizes, several ? group : settings.activations.front(), data->inputs,
                        settings.common.seed, fresh);
  };
  for (const std::string& group : task.groups)
    network(group, settings.common.resume.empty());  // so that bad names are found before the first run
  for (const apps::Loss& loss : settings.losses) check_fit_loss(settings, loss, *data_of(loss));
  task.begin = [=](const std::string& group, const apps::Loss& loss, bool fresh) {
    return std::make_unique<Fit>(settings, loss, data_of(loss), network(group, fresh));
  };
  return task;
}

}  // namespace

Task fit_task(const Settings& settings) {
  const auto data = std::make_shared<const Dataset>(make_dataset(dataset_options(settings)));
  return task_on(settings, 3, [=](const apps::Loss&) { return data; });
}

Task derivatives_task(const Settings& given) {
  Settings settings = given;
  settings.grid = true;
  settings.losses = {{"l2", "l2", 0}};
  std::map<std::string, std::shared_ptr<const Dataset>> data;
  const auto add = [&](const std::string& name, const std::string& estimator) {
    Settings own = settings;
    own.losses = {{"h1", "h1", 1}};
    own.derivatives = estimator;
    own.approximate = estimator == "exact" ? "target" : given.approximate;
    data[name] = std::make_shared<const Dataset>(make_dataset(dataset_options(own)));
  };
  add("l2", "exact");
  for (const char* estimator : {"exact", "fd2", "fd4", "chebyshev", "fourier"}) {
    const std::string name = std::string("h1-") + estimator;
    add(name, estimator);
    settings.losses.push_back({name, "h1", 1});
  }
  settings.derivatives = "exact";
  return task_on(settings, 4, [=](const apps::Loss& loss) { return data.at(loss.name); });
}

}  // namespace sg::regression
