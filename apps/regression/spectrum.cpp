// The task `spectrum`: which frequencies a network learns first (Rahaman et al. 2019; Yu et al. 2023).
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "apps/regression/experiment.h"
#include "apps/regression/network.h"
#include "apps/regression/random_points.h"
#include "apps/regression/table.h"
#include "engine/ops.h"
#include "engine/random.h"

namespace sg::regression {

namespace {

using std::numbers::pi;

/// The sum over k = 1..K of sin(2 pi k x + phi_k) / k^p on [0, 1] with its derivatives.
struct Tones {
  std::vector<double> phase, amplitude;

  Tensors operator()(const Tensor& points) const {
    const std::vector<double> x = points.to_vector<double>();
    std::vector<double> u, first, second;
    for (const double at : x) {
      double sums[3] = {0, 0, 0};
      for (std::size_t i = 0; i < phase.size(); ++i) {
        const double w = 2 * pi * static_cast<double>(i + 1), angle = w * at + phase[i];
        sums[0] += amplitude[i] * std::sin(angle);
        sums[1] += amplitude[i] * w * std::cos(angle);
        sums[2] -= amplitude[i] * w * w * std::sin(angle);
      }
      u.push_back(sums[0]);
      first.push_back(sums[1]);
      second.push_back(sums[2]);
    }
    const Shape shape{points.shape(0), 1};
    return {tensor(u, shape, points.dtype()), tensor(first, shape, points.dtype()),
            tensor(second, shape, points.dtype())};
  }
};

class Spectrum : public Experiment {
 public:
  Spectrum(const Settings& settings, apps::Loss loss, std::shared_ptr<const Dataset> data,
           std::shared_ptr<const Tones> tones, std::unique_ptr<nn::Module> network)
      : Experiment(settings, std::move(loss), std::move(network), data->train_points.shape(0)),
        data_(std::move(data)),
        tones_(std::move(tones)),
        weights_(fit_weights(settings_, loss_, *data_)) {}

  std::string why_not_in_parts(std::int64_t) const override { return "a spectrum needs the whole grid in every step"; }
  Tensor loss(std::int64_t, const data::BatchPart&) override {
    return fit_loss(settings_, loss_, *data_, weights_, function());
  }
  TestErrors test() override { return test_errors(function(), data_->test_points, data_->test); }

  std::string figures_file() const override { return "spectrum.csv"; }
  std::vector<std::string> figure_names() const override {
    std::vector<std::string> names;
    for (std::size_t k = 1; k <= tones_->phase.size(); ++k) names.push_back(fmt::format("k{}", k));
    return names;
  }
  /// The residual's Fourier coefficient of each tone, in parts of the tone's own.
  std::vector<double> figures() override {
    const std::vector<double> r = (network()(data_->train_points) - data_->train[0]).to_vector<double>();
    const auto n = static_cast<std::int64_t>(r.size());
    std::vector<double> errors;
    for (std::int64_t k = 1; k <= static_cast<std::int64_t>(tones_->phase.size()); ++k) {
      std::complex<double> coefficient = 0;
      for (std::int64_t j = 0; j < n; ++j) {
        coefficient += r[j] * std::polar(1.0, -2 * pi * static_cast<double>(k * j % n) / static_cast<double>(n));
      }
      errors.push_back(2 * std::abs(coefficient) / (static_cast<double>(n) * tones_->amplitude[k - 1]));
    }
    return errors;
  }

  Picture picture() override { return picture_1d(function(), *tones_, 0, 1, loss_.name, settings_.dtype()); }

 private:
  std::shared_ptr<const Dataset> data_;
  std::shared_ptr<const Tones> tones_;
  std::vector<double> weights_;
};

}  // namespace

Task spectrum_task(const Settings& settings) {
  if (2 * settings.highest_frequency >= settings.points) {
    fail("--tones: {} tones need more than {} points: there are {}", settings.highest_frequency,
         2 * settings.highest_frequency, settings.points);
  }
  auto tones = std::make_shared<Tones>();
  Philox random(settings.common.seed, stream_of({static_cast<std::uint64_t>(Stream::phases)}));
  for (std::int64_t k = 1; k <= settings.highest_frequency; ++k) {
    tones->phase.push_back(2 * pi * random.uniform());
    tones->amplitude.push_back(std::pow(static_cast<double>(k), -settings.decay));
  }
  int order = 0;
  for (const apps::Loss& loss : settings.losses) order = std::max(order, order_of(loss));
  double largest = 0;  // of the sum's derivatives to that order
  for (std::int64_t k = 1; k <= settings.highest_frequency; ++k) {
    largest += tones->amplitude[k - 1] * std::pow(2 * pi * static_cast<double>(k), order);
  }
  if (!(largest <= largest_number(settings.dtype()))) {
    fail("--decay: {} with {} tones makes derivatives of order {} up to {:.3g}, too large for {}", settings.decay,
         settings.highest_frequency, order, largest, name_of(settings.dtype()));
  }
  auto data = std::make_shared<Dataset>();
  const std::int64_t n = settings.points;
  data->inputs = 1;
  data->train_points =
      cast(losses::grid_points(losses::Estimator::fourier, {{n, 0, 1}}, f64), settings.dtype()).detach();
  data->test_points = uniform_points(settings.common.seed, Stream::test_points, 100, 1, 0, 1, settings.dtype());
  data->train = (*tones)(data->train_points);
  data->test = (*tones)(data->test_points);
  data->test.resize(2);
  check_test_values(data->test, "spectrum");
  data->masks.resize(3);
  data->first = 0;
  data->last = 1;

  Task task;
  task.description = fmt::format("the sum of sin(2 pi k x + phi_k) / k^{:g} for k = 1..{} on [0, 1]", settings.decay,
                                 settings.highest_frequency);
  task.inputs = 1;
  task.train_points = n;
  task.test_points = 100;
  const std::vector<std::int64_t> sizes =
      settings.sizes.empty() ? std::vector<std::int64_t>{1, 64, 64, 64, 1} : settings.sizes;
  for (const apps::Loss& loss : settings.losses) check_fit_loss(settings, loss, *data);
  const auto network = [=](bool fresh) {
    return make_network(settings, sizes, settings.activations.front(), 1, settings.common.seed, fresh);
  };
  network(settings.common.resume.empty());
  task.losses = settings.losses;
  task.begin = [=](const std::string&, const apps::Loss& loss, bool fresh) {
    return std::make_unique<Spectrum>(settings, loss, data, tones, network(fresh));
  };
  return task;
}

}  // namespace sg::regression
