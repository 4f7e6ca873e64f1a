// Dataset: points, values and derivatives for training and testing.
#include "apps/regression/dataset.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "apps/common/values.h"
#include "apps/regression/random_points.h"
#include "apps/regression/table.h"
#include "engine/ops.h"

namespace sg::regression {

namespace {

std::int64_t points_an_axis(std::int64_t points, std::int64_t inputs) {
  return inputs == 1 ? points : std::llround(std::sqrt(static_cast<double>(points)));
}

/// All of it in f64: what estimators lose in f32 is more than their error.
void from_target(const DatasetOptions& options, Dataset& data, std::vector<losses::GridAxis>& axes) {
  const Target& target = *options.target;
  const std::int64_t d = target.inputs, side = points_an_axis(options.points, d);
  data.inputs = d;
  data.first = target.first;
  data.last = target.last;
  axes.assign(d, {side, target.first, target.last});
  if (options.estimator || options.grid || d == 1) {
    data.train_points = losses::grid_points(options.estimator.value_or(losses::Estimator::fd2), axes, f64);
    data.train = target_derivatives(target, data.train_points);
    if (options.estimator) data.train = losses::GridDerivatives(*options.estimator, axes, f64)(data.train[0], 2);
  } else {
    data.train_points =
        uniform_points(options.seed, Stream::train_points, options.points, d, target.first, target.last, f64);
    data.train = target_derivatives(target, data.train_points);
  }
  const std::int64_t test_count = d == 1 ? 100 : 10000;
  data.test_points = uniform_points(options.seed, Stream::test_points, test_count, d, target.first, target.last, f64);
  data.test = target_derivatives(target, data.test_points);
  data.test.resize(2);
  data.description = target.formula;
}

/// The rows in the order of the estimator's grid; throws when they are not such a grid.
std::vector<std::int64_t> grid_order(const Table& table, losses::Estimator estimator, const std::string& path,
                                     std::vector<losses::GridAxis>& axes) {
  const std::int64_t d = table.inputs;
  if (d > 2) fail("{}: derivatives are estimated in one and two dimensions only, not in {}", path, d);
  std::vector<std::vector<double>> coordinates(d);
  for (std::int64_t i = 0; i < d; ++i) {
    std::vector<double> all;
    for (std::int64_t row = 0; row < table.rows; ++row) all.push_back(table.points[row * d + i]);
    std::sort(all.begin(), all.end());
    const double tolerance = 1e-6 * (all.back() - all.front()) / static_cast<double>(table.rows);
    for (const double x : all) {
      if (coordinates[i].empty() || x - coordinates[i].back() > tolerance) coordinates[i].push_back(x);
    }
    const auto n = static_cast<std::int64_t>(coordinates[i].size());
    double first = coordinates[i].front(), last = coordinates[i].back();
    if (n < 2) fail("{}: x{} has only one value; derivatives along it cannot be estimated", path, i + 1);
    // A periodic grid's last point is one step before the period's end.
    if (estimator == losses::Estimator::fourier) last += (last - first) / static_cast<double>(n - 1);
    const std::vector<double> wanted = losses::estimator_points(estimator, n, first, last);
    for (std::int64_t k = 0; k < n; ++k) {
      if (std::abs(coordinates[i][k] - wanted[k]) > 1e-4 * (last - first) / static_cast<double>(n)) {
        fail("{}: x{} is not on the grid that the estimator needs: {} stands where {} should", path, i + 1,
             coordinates[i][k], wanted[k]);
      }
    }
    axes.push_back({n, first, last});
  }
  std::int64_t expected = 1;
  for (const losses::GridAxis& axis : axes) expected *= axis.n;
  if (expected != table.rows) fail("{}: {} rows are not a whole grid of {} points", path, table.rows, expected);
  std::vector<std::int64_t> order(table.rows, -1);
  for (std::int64_t row = 0; row < table.rows; ++row) {
    std::int64_t place = 0;
    for (std::int64_t i = 0; i < d; ++i) {
      const auto& c = coordinates[i];
      const double x = table.points[row * d + i];
      auto at = std::lower_bound(c.begin(), c.end(), x);
      if (at == c.end() || (at != c.begin() && x - *(at - 1) < *at - x)) --at;
      place = place * static_cast<std::int64_t>(c.size()) + (at - c.begin());
    }
    if (order[place] >= 0) fail("{}: rows {} and {} have the same point", path, order[place] + 2, row + 2);
    order[place] = row;
  }
  return order;
}

Tensor rows_of(const std::vector<double>& values, std::int64_t components, const std::vector<std::int64_t>& rows) {
  std::vector<double> chosen;
  for (const std::int64_t row : rows) {
    chosen.insert(chosen.end(), values.begin() + row * components, values.begin() + (row + 1) * components);
  }
  return tensor(chosen, {static_cast<std::int64_t>(rows.size()), components}, f64);
}

void from_file(const DatasetOptions& options, Dataset& data, std::vector<losses::GridAxis>& axes) {
  const Table table = read_table(options.file);
  const std::int64_t d = table.inputs;
  data.inputs = d;
  data.description = fmt::format("{} ({} rows, {})", options.file, table.rows, apps::counted(d, "input"));

  std::vector<std::int64_t> train(table.rows), test;
  std::iota(train.begin(), train.end(), 0);
  if (options.estimator) train = grid_order(table, *options.estimator, options.file, axes);
  const bool whole_grid = options.estimator && options.estimate_both;
  if (!whole_grid) {
    // Every row's place in a shuffled order says whether it is for testing; the others keep their order.
    const std::vector<std::int64_t> shuffled = permutation(options.seed, Stream::test_points, table.rows);
    const auto count = static_cast<std::int64_t>(std::llround(options.test_fraction * static_cast<double>(table.rows)));
    if (count < 1 || count >= table.rows) {
      fail("{}: a test fraction of {} leaves {} of {} rows for testing; needs at least 1 and fewer than all",
           options.file, options.test_fraction, count, table.rows);
    }
    test.assign(shuffled.begin(), shuffled.begin() + count);
    std::sort(test.begin(), test.end());
  } else {
    test = train;
    data.notices.push_back("the estimator on both sides needs the whole grid: the test points are the training points");
  }

  std::vector<double> estimated[3];
  bool known[3] = {true, table.has_any(1), table.has_any(2)};
  if (options.estimator) {
    const losses::GridDerivatives grid(*options.estimator, axes, f64);
    const Tensors all = grid(rows_of(table.derivatives[0], 1, train), options.order);
    for (int order = 1; order <= options.order; ++order) {
      const std::int64_t components = order == 1 ? d : d * d;
      const std::vector<double> in_grid = all[order].to_vector<double>();
      estimated[order] = table.has_any(order) ? table.derivatives[order] : std::vector<double>(table.rows * components);
      for (std::int64_t place = 0; place < table.rows; ++place) {
        for (std::int64_t c = 0; c < components; ++c) {
          // On both sides an estimate has to stand against an estimate.
          if (!table.present[order][c] || options.estimate_both) {
            estimated[order][train[place] * components + c] = in_grid[place * components + c];
          }
        }
      }
      known[order] = true;
    }
  }
  if (!whole_grid) {
    std::vector<std::int64_t> kept;
    std::vector<bool> held_out(table.rows);
    for (const std::int64_t row : test) held_out[row] = true;
    for (std::int64_t row = 0; row < table.rows; ++row) {
      if (!held_out[row]) kept.push_back(row);
    }
    train = kept;
  }
  data.train_points = rows_of(table.points, d, train);
  data.test_points = rows_of(table.points, d, test);
  data.train.push_back(rows_of(table.derivatives[0], 1, train));
  data.test.push_back(rows_of(table.derivatives[0], 1, test));
  data.masks.resize(3);
  for (int order = 1; order <= 2; ++order) {
    const std::int64_t components = order == 1 ? d : d * d;
    const bool is_estimated = !estimated[order].empty();
    if (!known[order]) {
      if (order <= options.order) {
        data.notices.push_back(fmt::format(
            "{} has no derivatives of order {}: the losses leave them out (estimate them with --derivatives)",
            options.file, order));
      }
      break;
    }
    const std::vector<double>& values = is_estimated ? estimated[order] : table.derivatives[order];
    data.train.push_back(rows_of(values, components, train));
    if (!is_estimated && !table.has_all(order)) {
      std::vector<double> mask;
      for (const bool present : table.present[order]) mask.push_back(present ? 1 : 0);
      data.masks[order] = tensor(mask, {1, components}, options.dtype);
      data.notices.push_back(fmt::format("{} has only some derivatives of order {}: the losses leave the others out",
                                         options.file, order));
    }
    if (order == 1 && (is_estimated || table.has_all(1))) data.test.push_back(rows_of(values, components, test));
  }
  const auto [low, high] = std::minmax_element(table.points.begin(), table.points.end());
  data.first = *low;
  data.last = *high;
}

void limit(Tensor& points, Tensors& values, std::int64_t count) {
  if (count <= 0 || count >= points.shape(0)) return;
  points = slice(points, 0, 0, count);
  for (Tensor& value : values) value = slice(value, 0, 0, count);
}

}  // namespace

Dataset make_dataset(const DatasetOptions& options) {
  if (options.order > 2) fail("dataset: derivatives are known to order 2, not {}", options.order);
  Dataset data;
  data.masks.resize(3);
  std::vector<losses::GridAxis> axes;
  if (options.target) {
    from_target(options, data, axes);
  } else {
    from_file(options, data, axes);
  }
  if (options.estimator && options.estimate_both) {
    if (options.limit_train > 0 && options.limit_train < data.train_points.shape(0)) {
      fail("--limit-train {} cuts the grid of {} points that the estimator needs", options.limit_train,
           data.train_points.shape(0));
    }
    data.grid.emplace(*options.estimator, axes, options.dtype);
  }
  limit(data.train_points, data.train, options.limit_train);
  limit(data.test_points, data.test, options.limit_test);
  data.train.resize(std::min<std::size_t>(data.train.size(), options.order + 1));
  // Computed here once, and not again in every step.
  for (Tensor* t : {&data.train_points, &data.test_points}) *t = cast(*t, options.dtype).detach();
  for (Tensors* all : {&data.train, &data.test}) {
    for (Tensor& t : *all) t = cast(t, options.dtype).detach();
  }
  return data;
}

}  // namespace sg::regression
