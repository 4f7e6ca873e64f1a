// The planner: kernels and buffers of known graphs, plans used again, deep graphs, steady memory.
#include <pthread.h>

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <random>

#include "engine/autodiff.h"
#include "engine/inspect.h"
#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"
#include "engine/plan.h"
#include "engine/transforms.h"
#include "losses/route.h"
#include "losses/sobolev.h"
#include "nn/conv.h"
#include "nn/models/denoiser.h"
#include "nn/models/mlp.h"
#include "nn/optim/adam.h"
#include "tests/gradcheck.h"

using namespace sg;
using namespace sg::test;

namespace {

std::mt19937_64& generator() {
  static std::mt19937_64 random(3);
  return random;
}
Tensor values(const Shape& shape, Dtype dtype = f32) { return uniform(generator(), shape, -1, 1, dtype); }

/// Runs on a stack of 256 KB, on which a recursion over a large graph would not fit.
void on_small_stack(const std::function<void()>& work) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  pthread_t thread;
  const auto call = [](void* argument) -> void* {
    (*static_cast<const std::function<void()>*>(argument))();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, call, const_cast<std::function<void()>*>(&work)) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

struct Steady {
  std::int64_t system_allocations, live_buffers, live_bytes, nodes;
};
Steady now() {
  const kernels::MemoryStatistics memory = kernels::memory_statistics();
  return {memory.system_allocations, memory.live_buffers, memory.live_bytes, live_nodes()};
}

/// After some steps to warm up, nothing grows and the system is asked for next to nothing: where the heap puts a block
/// depends on what came before, so that a piece that was never used may still be found.
void check_steady(int warm_up, int steps, const std::function<void(int)>& step) {
  for (int i = 0; i < warm_up; ++i) step(i);
  const Steady before = now();
  for (int i = 0; i < steps; ++i) step(warm_up + i);
  const Steady after = now();
  CHECK(after.system_allocations - before.system_allocations <= steps / 4);
  CHECK(after.live_buffers == before.live_buffers);
  CHECK(after.live_bytes == before.live_bytes);
  CHECK(after.nodes == before.nodes);
}

}  // namespace

TEST_CASE(
    "a chain of elementwise operations with a broadcast before and a reduction after is one kernel and one buffer") {
  const Tensor x = values({64, 100}), b = values({100});
  const Tensor y = sum(tanh(x * 2.0 + b) * sigmoid(x), {1});
  y.eval();
  CHECK(last_evaluation().kernels == 1);
  CHECK(last_evaluation().buffers == 1);
  CHECK(last_evaluation().nodes >= 5);
}

TEST_CASE("the same chain is a kernel an operation where every value is looked at") {
  const Tensor x = values({64, 100});
  const CheckFinite check;
  sum(tanh(x + x), {1}).eval();
  CHECK(last_evaluation().kernels == 3);
}

TEST_CASE("what two products share is computed once") {
  const Tensor x = values({32, 32}), u = values({32, 32}), v = values({32, 32});
  const Tensor shared = exp(sin(x));
  eval({matmul(shared, u), matmul(shared, v)});
  CHECK(last_evaluation().kernels == 3);
  CHECK(last_evaluation().buffers == 3);
}

/// How often a tile program of the plan has the instruction.
int occurrences(const Tensors& roots, const std::string& instruction) {
  const std::string text = print_tile_programs(roots);
  int count = 0;
  for (std::size_t at = text.find(instruction); at != std::string::npos; at = text.find(instruction, at + 1)) ++count;
  return count;
}

TEST_CASE("nodes that compute the same are computed once, where that costs more than reading it") {
  const Tensor x = values({32, 32}).named("x"), u = values({32, 32}), one = ones_like(x);
  SECTION("the slopes of a derivative and of its derivative") {
    const Tensor y = sin(x), slope = jvp(y, {x}, {one});
    const Tensors gradients{grad(sum(square(y) + square(slope)), x)};
    CHECK(occurrences(gradients, " = cos %") == 1);
    CHECK(occurrences(gradients, " = sin %") == 1);
  }
  SECTION("across kernels, and kernels themselves") {
    const Tensor a = matmul(exp(x), u), b = matmul(a, exp(x)), c = matmul(exp(x), u);
    eval({b + c});
    CHECK(last_evaluation().kernels == 4);
    CHECK(difference(b + c, matmul(matmul(exp(x), u), exp(x)) + matmul(exp(x), u)) < 1e-6);
  }
  SECTION("each of them has the value, as one that is asked for by itself") {
    Tensors alike{exp(x * 2), exp(x * 2), transpose(exp(x * 2)), exp(x * 3)};
    eval(alike);
    CHECK(alike[0].to_vector<float>() == exp(x * 2).to_vector<float>());
    CHECK(alike[1].to_vector<float>() == alike[0].to_vector<float>());
    CHECK(alike[2].to_vector<float>() == transpose(alike[0]).to_vector<float>());
    CHECK(alike[3].to_vector<float>() != alike[0].to_vector<float>());
  }
  SECTION("attributes, keys and operands tell nodes apart") {
    const Tensor key = random_key(1), other = random_key(2);
    const Tensors draws{uniform(key, {16}), uniform(key, {16}), uniform(other, {16}), uniform(key, {17})};
    eval(draws);
    CHECK(draws[0].to_vector<float>() == draws[1].to_vector<float>());
    CHECK(draws[0].to_vector<float>() != draws[2].to_vector<float>());
    const Tensors sums{sum(exp(x), {0}), sum(exp(x), {1}), matmul(x, u), matmul(u, x)};
    eval(sums);
    CHECK(difference(reshape(sums[0], {1, 32}), transpose(matmul(transpose(exp(x)), ones({32, 1})))) < 1e-4);
    CHECK(sums[0].to_vector<float>() != sums[1].to_vector<float>());
    CHECK(sums[2].to_vector<float>() != sums[3].to_vector<float>());
  }
  SECTION("what is cheap stays where it is read") {
    const Tensor a = matmul(x + 1.0, u), b = matmul(a, tanh(x + 1.0));
    b.eval();
    CHECK(last_evaluation().kernels == 4);
  }
}

TEST_CASE("memory goes on after its last reader: a chain of products needs two buffers at once") {
  const NoGrad no_grad;  // else a later derivative might ask for the values
  const Tensor x = values({64, 64}), w = values({64, 64});
  Tensor y = x;
  for (int i = 0; i < 20; ++i) y = matmul(y, w);
  kernels::reset_peak();
  const std::int64_t before = kernels::memory_statistics().live_bytes;
  y.eval();
  CHECK(last_evaluation().kernels == 20);
  CHECK(kernels::memory_statistics().peak_bytes - before <= 3 * 64 * 64 * 4 + 65536);  // and what a product packs
}

TEST_CASE("an elementwise result takes over the memory of an operand that nobody reads afterwards") {
  const NoGrad no_grad;
  const Tensor w = values({64, 64});
  Tensor y = matmul(values({64, 64}), w);
  y = matmul(tanh(y), w);
  y.eval();
  CHECK(last_evaluation().kernels == 3);
  CHECK(last_evaluation().buffers == 2);
}

TEST_CASE("the graph of the next step of the same form runs by the same plan") {
  const Tensor w = values({8, 8});
  for (int i = 0; i < 3; ++i) {
    sum(square(tanh(matmul(values({8, 8}), w) - 0.5))).eval();
    if (i > 0) CHECK(last_evaluation().reused_plan);
  }
  sum(square(tanh(matmul(values({9, 8}), w) - 0.5))).eval();
  CHECK_FALSE(last_evaluation().reused_plan);
}

TEST_CASE("a graph of 100,000 operations is computed, differentiated and forgotten without recursion") {
  const std::int64_t before = live_nodes();
  double slope = 0, tangent = 0;
  on_small_stack([&] {
    const Tensor x = tensor({0.25}, {1}, f64);
    Tensor y = x;
    for (int i = 0; i < 50'000; ++i) y = y * 0.9999 + 0.00001;
    slope = grad(y, x).item();
    tangent = jvp(y, {x}, {ones_like(x)}).item();
  });
  CHECK(is_close(slope, std::pow(0.9999, 50'000), 1e-9));
  CHECK(is_close(tangent, slope, 1e-12));
  CHECK(live_nodes() == before);
}

TEST_CASE("chains that use an operand twice are freed without recursion") {
  const std::int64_t before = live_nodes();
  using Link = std::function<Tensor(const Tensor&)>;
  const Link links[] = {
      [](const Tensor& y) { return y * y; },          [](const Tensor& y) { return y + y * y * 1e-5; },
      [](const Tensor& y) { return maximum(y, y); },  [](const Tensor& y) { return slice(concat({y, y}, 0), 0, 0, 1); },
      [](const Tensor& y) { return where(y, y, y); }, [](const Tensor& y) { return stop_gradient(y) - y; },
  };
  for (const Link& link : links) {
    on_small_stack([&] {
      Tensor y = tensor({0.1}, {1}, f64);
      for (int i = 0; i < 80'000; ++i) y = link(y);
    });
    CHECK(live_nodes() == before);
  }
}

TEST_CASE("random deep graphs, grads and functions' derivatives are freed without recursion, by whichever thread") {
  const std::int64_t before = live_nodes();
  {
    std::mt19937_64 random(11);
    std::vector<Tensor> recent(8, tensor({0.5}, {1}, f64).requires_grad());
    const auto any = [&] { return recent[random() % recent.size()]; };
    for (int i = 0; i < 150'000; ++i) {
      Tensor made;
      switch (random() % 4) {
        case 0: made = any() * any(); break;
        case 1: made = concat({any(), any(), any()}, 0); break;
        case 2: made = exp(any()); break;
        default: made = where(any(), any(), any()); break;
      }
      recent[random() % recent.size()] = made.shape(0) == 1 ? made : slice(made, 0, 1, 2);
    }
    on_small_stack([&] { recent.clear(); });
  }
  CHECK(live_nodes() == before);
  on_small_stack([&] {
    // A primitive that holds functions, which hold tensors.
    Tensor y = tensor({0.5}, {1}, f64);
    for (int i = 0; i < 20'000; ++i) {
      DerivativeRules rules;
      rules.vjp = [y](const Tensors&, const Tensor&, const Tensor& cotangent) { return Tensors{cotangent * y}; };
      y = custom_derivative([](const Tensors& xs) { return sin(xs[0]); }, std::move(rules))({y});
    }
  });
  CHECK(live_nodes() == before);
}

TEST_CASE("training on second derivatives neither leaks nor grows") {
  nn::MLP network({1, 16, 16, 1});
  network.initialise(1);
  nn::Adam adam(network, {.learning_rate = 1e-3});
  const Tensor x = values({50, 1}), u = values({50, 1}), u1 = values({50, 1}), u2 = values({50, 1});
  for (const auto route : {losses::Route::reverse, losses::Route::jets}) {
    check_steady(20, 300, [&](int) {
      const Tensors derivatives =
          losses::derivatives([&](const Tensor& points) { return network(points); }, x, 2, route);
      const Tensor loss = losses::sobolev(derivatives, {u, u1, u2});
      adam.minimise(loss);
      loss.item();
    });
  }
}

TEST_CASE("a convolutional network's training and inference ask the system for next to nothing once warm") {
  nn::DenoisingAutoencoder network(8);
  network.initialise(1);
  nn::Adam adam(network, {.learning_rate = 1e-3});
  const Tensor pictures = values({8, 1, 28, 28});
  const int before = kernels::threads();
  kernels::set_threads(1);  // with more, how many pieces of scratch memory live at once is a matter of timing
  check_steady(6, 12, [&](int) { adam.minimise(mean(square(network(pictures) - pictures))); });
  check_steady(3, 10, [&](int) {
    const NoGrad no_grad;
    network(pictures).eval();
  });
  kernels::set_threads(before);
}

TEST_CASE("jets, Hessians and refused operations leave nothing behind") {
  const Tensor x = values({20, 3}, f64), w = values({3, 5}, f64);
  check_steady(5, 50, [&](int) {
    const Tensor y = sum(tanh(matmul(x, w)), {1}, true);
    jet(y, x, ones_like(x), 4).back().eval();
    batched_hessian(y, x).eval();
    laplacian(y, x).eval();
    CHECK_THROWS(matmul(y, w));
    CHECK_THROWS(grad(sum(w), x));
    const CheckFinite check;
    CHECK_THROWS(log(y - 100.0).eval());
  });
}

TEST_CASE("a training step has the same bits on 1, 2, 3 and 7 threads") {
  const int before = kernels::threads();
  std::vector<std::vector<float>> weights;
  const Tensor pictures = values({6, 1, 28, 28});
  for (const int threads : {1, 2, 3, 7}) {
    kernels::set_threads(threads);
    nn::DenoisingAutoencoder network(8);
    network.initialise(1);
    nn::Adam adam(network, {.learning_rate = 1e-3});
    for (int i = 0; i < 3; ++i) adam.minimise(mean(square(network(pictures) - pictures)));
    weights.emplace_back();
    for (const Tensor& value : network.parameter_values()) {
      for (float element : value.to_vector<float>()) weights.back().push_back(element);
    }
  }
  kernels::set_threads(before);
  for (std::size_t i = 1; i < weights.size(); ++i) CHECK(weights[i] == weights[0]);
}

TEST_CASE("a moving average writes over what it was, unless somebody can still ask for that") {
  const NoGrad no_grad;
  const Shape shape{50, 40};
  const Tensor news = values(shape);
  const auto moved = [&](const Tensor& average) { return average * 0.5 + news; };
  const auto buffers_of = [](const Tensor& result) {
    result.eval();
    return last_evaluation().buffers;
  };
  Tensor average = values(shape);
  average = moved(average);
  CHECK(buffers_of(average) == 0);

  SECTION("a tensor that holds it") {
    const Tensor before = average;
    const std::vector<double> numbers = before.to_vector<double>();
    average = moved(average);
    CHECK(buffers_of(average) == 1);
    CHECK(before.to_vector<double>() == numbers);
  }
  SECTION("a view of it") {
    const Tensor view = slice(average, 0, 10, 20).detach();
    const std::vector<double> numbers = view.to_vector<double>();
    average = moved(average);
    CHECK(buffers_of(average) == 1);
    CHECK(view.to_vector<double>() == numbers);
  }
  SECTION("an expression that has not been computed") {
    const Tensor later = average * 3.0;
    const std::vector<double> numbers = average.to_vector<double>();
    average = moved(average);
    CHECK(buffers_of(average) == 1);
    CHECK(later.to_vector<float>()[7] == static_cast<float>(numbers[7]) * 3.0f);
  }
  SECTION("a second reader in the same evaluation") {
    const std::vector<double> numbers = average.to_vector<double>();
    const Tensor product = matmul(transpose(average), news);
    average = moved(average);
    eval({average, product});
    double expected = 0;
    const std::vector<double> factors = news.to_vector<double>();
    for (int row = 0; row < 50; ++row) expected += numbers[row * 40] * factors[row * 40];
    CHECK(is_close(product.to_vector<double>()[0], expected, 1e-5));
  }
}

TEST_CASE("the history of a result keeps the values that its derivative needs") {
  Tensor x = values({50, 40});
  const std::vector<double> numbers = x.to_vector<double>();
  const Tensor y = sum(square(x));
  const Tensor gradient = grad(y, x);
  x = Tensor();
  y.eval();
  CHECK(gradient.to_vector<double>()[9] == 2 * numbers[9]);
}

TEST_CASE("eval: what is given up lends its memory, and is as it was where the evaluation throws") {
  const Tensor index = tensor(std::vector<std::int64_t>{5}, {1}), table = values({3}).eval();
  const auto moment = [] { return full({1000}, 2.0).eval().detach(); };
  const auto next = [](const Tensor& m) {
    const NoGrad no_grad;
    return m * 0.5 + 1.0;
  };
  {
    const Tensor old = moment();
    const Tensor y = next(old);
    eval({y}, {&old});
    CHECK(last_evaluation().buffers == 0);
    CHECK(y.to_vector<double>()[999] == 2);
  }
  for (const bool failure_first : {true, false}) {
    const Tensor old = moment(), undefined;
    const Tensor y = next(old), bad = gather(table, index, 0);
    CHECK_THROWS(eval(failure_first ? Tensors{bad, y} : Tensors{y, bad}, {&old, &undefined}));
    CHECK(old.to_vector<double>() == std::vector<double>(1000, 2.0));
    CHECK(y.to_vector<double>()[999] == 2);
  }
}

TEST_CASE("compute_along: what an evaluation that throws had to compute is abandoned, and nothing else") {
  const Tensor table = values({3}).eval();
  const auto read = [&](std::int64_t i) { return gather(table, tensor(std::vector<std::int64_t>{i}, {1}), 0); };
  const Tensor bad = read(5), good = read(1);
  const Tensor of_bad = bad * 2, of_good = good * 2;
  compute_along(of_bad, bad);
  compute_along(of_good, good);
  CHECK_THROWS(bad.eval());
  CHECK(is_abandoned(of_bad));
  CHECK_FALSE(is_abandoned(of_good));
  good.eval();
  CHECK_FALSE(is_abandoned(of_good));
}
