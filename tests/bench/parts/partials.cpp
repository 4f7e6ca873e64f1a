// All partial derivatives of an order by jets and by nested passes.
#include "tests/bench/parts/partials.h"

#include <memory>

#include "engine/autodiff.h"
#include "engine/ops.h"
#include "engine/random.h"
#include "losses/partials.h"
#include "nn/models/mlp.h"
#include "nn/optim/adam.h"

namespace sg::bench {
namespace {

constexpr std::int64_t points = 1000;

/// [N, count]: gradients of gradients, where an index never falls, so that each partial comes once.
Tensor by_nested_passes(const Tensor& u, const Tensor& x, int order) {
  const std::int64_t inputs = x.shape(1);
  struct Partial {
    Tensor value;
    std::int64_t last;
  };
  std::vector<Partial> present{{u, 0}};
  for (int k = 0; k < order; ++k) {
    std::vector<Partial> next;
    for (const Partial& partial : present) {
      const Tensor gradient = grad(partial.value, x);
      for (std::int64_t i = partial.last; i < inputs; ++i) next.push_back({slice(gradient, 1, i, i + 1), i});
    }
    present = std::move(next);
  }
  Tensors columns;
  for (const Partial& partial : present) columns.push_back(partial.value);
  return concat(columns, 1);
}

template <class Partials>
Step step_on(std::int64_t inputs, const Partials& partials) {
  auto network = std::make_shared<nn::MLP>(std::vector<std::int64_t>{inputs, 64, 64, 64, 1}, "tanh");
  network->initialise(1);
  auto adam = std::make_shared<nn::Adam>(*network);
  const Tensor x = random_uniform({points, inputs}, -1, 1, 1, 0);
  return [=] { adam->minimise(mean(square(partials((*network)(x), x)))); };
}

}  // namespace

std::vector<PartialsCase> partials_cases() {
  std::vector<PartialsCase> cases;
  for (const std::int64_t inputs : {2, 3, 5}) {
    for (int order = 2; order <= (inputs == 5 ? 3 : 4); ++order) {
      const auto jets = [order](const Tensor& u, const Tensor& x) { return losses::partials(u, x, order).back(); };
      const auto nested = [order](const Tensor& u, const Tensor& x) { return by_nested_passes(u, x, order); };
      cases.push_back({inputs, order, losses::multi_indices(inputs, order).size(),
                       [=] { return step_on(inputs, jets); }, [=] { return step_on(inputs, nested); }});
    }
  }
  return cases;
}

}  // namespace sg::bench
