// Dataset: the points, values and derivatives that a network is fitted to and tested on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/regression/targets.h"
#include "losses/derivatives.h"

namespace sg::regression {

/// Which data, as the options say.
struct DatasetOptions {
  const Target* target = nullptr;  // or a file:
  std::string file;
  std::int64_t points = 1000;
  bool grid = false;                           // a regular grid rather than random points in 2-D
  std::optional<losses::Estimator> estimator;  // where derivatives are estimated
  bool estimate_both = false;
  int order = 0;                                 // the highest order of derivative that a loss will ask for
  std::int64_t limit_train = 0, limit_test = 0;  // 0: no limit
  double test_fraction = 0.1;                    // of a file's rows; 0: the training points are the test points
  bool spectral = false;                         // a loss hs needs the points of one axis in their order
  std::uint64_t seed = 0;
  Dtype dtype = f32;
};

struct Dataset {
  std::int64_t inputs = 0;
  Tensor train_points;  // [N, d]
  Tensors train;        // u [N, 1], first [N, d], second [N, d d], as far as known
  Tensors masks;        // an order: undefined where every component is known, else [1, components] of 0 and 1
  Tensor test_points;   // [M, d]
  Tensors test;         // u and, where known, first derivatives
  std::optional<losses::GridDerivatives> grid;  // on train_points, where they are an estimator's
  std::vector<std::string> notices;             // what the user should know, such as an order that is left out
  std::string description;
  double first = -1, last = 1;  // the interval of the first axis, for pictures
};

/// Throws where the values, the first of these, have the norm 0, or none that is finite, so that no error can be
/// relative to them; takes first derivatives of the norm 0 away. `where` says whose values they are.
void check_test_values(Tensors& values, const std::string& where);

/// Throws when the options do not fit each other or the data; a mistake in the data says where.
Dataset make_dataset(const DatasetOptions& options);

}  // namespace sg::regression
