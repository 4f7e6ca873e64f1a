// Dataset: points, values and derivatives for training and testing.
#include "apps/regression/dataset.h"

#include <algorithm>
#include <array>
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

/// How many points an axis of the estimator's grid has at least.
std::int64_t least_points(losses::Estimator estimator) {
  return estimator == losses::Estimator::fd2 ? 4 : estimator == losses::Estimator::fd4 ? 6 : 2;
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
    const losses::Estimator estimator = options.estimator.value_or(losses::Estimator::fd2);
    if (side < least_points(estimator)) {
      fail("--points: {} make a grid of {} an axis; at least {} are needed", options.points, side,
           least_points(estimator));
    }
    data.train_points = losses::grid_points(estimator, axes, f64);
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
    if (n < least_points(estimator)) {
      fail("{}: x{} has {}; to estimate derivatives along it at least {} are needed", path, i + 1,
           apps::counted(n, "value"), least_points(estimator));
    }
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

/// The columns that a table lacks of an order, a mixed derivative once: `u_x1, u_x2 and 7 more`.
std::string missing_columns(const Table& table, int order) {
  const std::int64_t d = table.inputs;
  std::vector<std::string> names;
  for (std::size_t c = 0; c < table.present[order].size(); ++c) {
    const auto component = static_cast<std::int64_t>(c);
    const bool comes_again = order == 2 && component / d > component % d;
    if (!table.present[order][c] && !comes_again) names.push_back(column_name(order, component, d));
  }
  constexpr std::size_t shown = 6;
  if (names.size() <= shown) return apps::join(names, ", ");
  const std::size_t more = names.size() - shown;
  names.resize(shown);
  return fmt::format("{} and {} more", apps::join(names, ", "), more);
}

/// The table's derivatives, an order each, in place of those that the table does not have (with `estimate_both` of all)
/// the estimator's; empty where nothing is estimated. `rows` are in the order of the grid.
std::array<std::vector<double>, 3> estimated_derivatives(const DatasetOptions& options, const Table& table,
                                                         const std::vector<std::int64_t>& rows,
                                                         const std::vector<losses::GridAxis>& axes) {
  std::array<std::vector<double>, 3> estimated;
  const losses::GridDerivatives grid(*options.estimator, axes, f64);
  const Tensors all = grid(rows_of(table.derivatives[0], 1, rows), options.order);
  for (int order = 1; order <= options.order; ++order) {
    const std::int64_t components = order == 1 ? table.inputs : table.inputs * table.inputs;
    const std::vector<double> in_grid = all[order].to_vector<double>();
    estimated[order] = table.has_any(order) ? table.derivatives[order] : std::vector<double>(table.rows * components);
    for (std::int64_t place = 0; place < table.rows; ++place) {
      for (std::int64_t c = 0; c < components; ++c) {
        const double value = in_grid[place * components + c];
        if (!(std::abs(value) <= largest_number(options.dtype))) {
          fail("{}: the derivative {} that is estimated at a point is {}, too large for {}: needs other units{}",
               options.file, column_name(order, c, table.inputs), value, name_of(options.dtype),
               options.dtype == f32 ? " or --dtype f64" : "");
        }
        // On both sides an estimate has to stand against an estimate.
        if (!table.present[order][c] || options.estimate_both) estimated[order][rows[place] * components + c] = value;
      }
    }
  }
  return estimated;
}

/// Takes rows for testing out of `train`, whose order the others keep.
std::vector<std::int64_t> take_test_rows(const DatasetOptions& options, std::int64_t rows,
                                         std::vector<std::int64_t>& train) {
  const auto count = static_cast<std::int64_t>(std::llround(options.test_fraction * static_cast<double>(rows)));
  if (count < 1 || count >= rows) {
    fail(
        "{}: --test-fraction {} leaves {} of {} rows for testing; needs at least 1 and fewer than all, or "
        "--test-fraction 0, which tests on the training points",
        options.file, options.test_fraction, count, rows);
  }
  const std::vector<std::int64_t> shuffled = permutation(options.seed, Stream::test_points, rows);
  std::vector<std::int64_t> test(shuffled.begin(), shuffled.begin() + count);
  std::sort(test.begin(), test.end());
  std::erase_if(train, [&](std::int64_t row) { return std::binary_search(test.begin(), test.end(), row); });
  return test;
}

void from_file(const DatasetOptions& options, Dataset& data, std::vector<losses::GridAxis>& axes) {
  const Table table = read_table(options.file, options.dtype);
  const std::int64_t d = table.inputs;
  data.inputs = d;
  data.description =
      fmt::format("{} ({}, {})", options.file, apps::counted(table.rows, "row"), apps::counted(d, "input"));
  if (const std::int64_t merged = options.dtype == f32 ? merged_points(table) : 0; merged > 0) {
    data.notices.push_back(
        fmt::format("{}: in f32 {} cannot be told from another; --dtype f64, or a smaller offset, keeps them apart",
                    options.file, apps::counted(merged, "point")));
  }

  std::vector<std::int64_t> train(table.rows), test;
  std::iota(train.begin(), train.end(), 0);
  if (options.estimator) {
    train = grid_order(table, *options.estimator, options.file, axes);
  } else if (options.spectral && d == 1) {
    std::stable_sort(train.begin(), train.end(),
                     [&](std::int64_t a, std::int64_t b) { return table.points[a] < table.points[b]; });
  }
  std::array<std::vector<double>, 3> estimated;
  if (options.estimator) estimated = estimated_derivatives(options, table, train, axes);
  if (options.estimator && options.estimate_both) {
    test = train;
    data.notices.push_back("the estimator on both sides needs the whole grid: the test points are the training points");
  } else if (options.test_fraction == 0) {
    test = train;
    data.notices.push_back(options.spectral
                               ? "the loss hs needs the whole grid: the test points are the training points"
                               : "--test-fraction 0: the test points are the training points");
  } else {
    test = take_test_rows(options, table.rows, train);
  }
  data.train_points = rows_of(table.points, d, train);
  data.test_points = rows_of(table.points, d, test);
  data.train.push_back(rows_of(table.derivatives[0], 1, train));
  data.test.push_back(rows_of(table.derivatives[0], 1, test));
  for (int order = 1; order <= 2; ++order) {
    const std::int64_t components = order == 1 ? d : d * d;
    const auto is_known = [&](int k) { return !estimated[k].empty() || table.has_any(k); };
    const bool is_whole = !estimated[order].empty() || table.has_all(order);
    if (!is_whole && order <= options.order) {
      data.notices.push_back(fmt::format("{} has no {}, which the losses leave out{}", options.file,
                                         missing_columns(table, order),
                                         d <= 2 ? " (--derivatives estimates derivatives on a grid)" : ""));
    }
    if (!is_known(order) && (order == 2 || !is_known(2))) break;
    // An order of which nothing is known, below one of which something is, counts with the weight 0.
    const std::vector<double> values = !estimated[order].empty() ? estimated[order]
                                       : table.has_any(order)    ? table.derivatives[order]
                                                                 : std::vector<double>(table.rows * components);
    data.train.push_back(rows_of(values, components, train));
    if (!is_whole) {
      std::vector<double> mask;
      for (const bool present : table.present[order]) mask.push_back(present ? 1 : 0);
      data.masks[order] = tensor(mask, {1, components}, options.dtype);
    }
    if (order == 1 && is_whole) data.test.push_back(rows_of(values, components, test));
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
  check_test_values(data.test, options.target ? options.target->name : options.file);
  return data;
}

void check_test_values(Tensors& values, const std::string& where) {
  for (std::size_t order = 0; order < values.size(); ++order) {
    const double size = norm(values[order]).item();
    if (order > 0 && size == 0) {
      values.resize(order);
      return;
    }
    if (!(size > 0 && std::isfinite(size))) {
      fail("{}: the {} at the {} test points have the norm {} in {}: no relative error can be measured there", where,
           order == 0 ? "values u" : "first derivatives", values[order].shape(0), size, name_of(values[order].dtype()));
    }
  }
}

}  // namespace sg::regression
