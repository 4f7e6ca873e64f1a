// Threads of the user: each with graphs of its own, leaves read by all of them, and the same bits as alone.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <thread>

#include "engine/autodiff.h"
#include "engine/inspect.h"
#include "engine/kernels/parallel.h"
#include "engine/plan.h"
#include "engine/profile.h"
#include "losses/route.h"
#include "losses/sobolev.h"
#include "nn/models/mlp.h"
#include "nn/norm.h"
#include "nn/optim/adam.h"
#include "tests/gradcheck.h"

using namespace sg;

namespace {

/// Runs `work(0)`, ..., `work(count - 1)`, a thread each, all begun together.
void on_threads(int count, const std::function<void(int)>& work) {
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (int id = 0; id < count; ++id) {
    threads.emplace_back([&, id] {
      ++ready;
      while (ready < count) std::this_thread::yield();
      work(id);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

/// The parameters after some steps of Adam on values, first and second derivatives.
std::vector<float> trained(int seed, const Tensor& x) {
  nn::MLP network({1, 16, 16, 1});
  network.initialise(static_cast<std::uint64_t>(seed));
  nn::Adam adam(network, {.learning_rate = 1e-2});
  const Tensor u = sin(x), u1 = cos(x), u2 = -sin(x);
  for (int step = 0; step < 25; ++step) {
    const auto f = [&](const Tensor& points) { return network(points); };
    adam.minimise(losses::sobolev(losses::derivatives(f, x, 2), {u, u1, u2}));
  }
  std::vector<float> all;
  for (const Tensor& parameter : network.parameter_values()) {
    for (float value : parameter.to_vector<float>()) all.push_back(value);
  }
  return all;
}

}  // namespace

TEST_CASE("threads that train on second derivatives come to the bits of the same work alone", "[threads]") {
  const Tensor x = linspace(-1, 1, 200);
  const Tensor points = reshape(x, {200, 1}).eval().detach();
  std::vector<std::vector<float>> alone;
  for (int id = 0; id < 8; ++id) alone.push_back(trained(id, points));
  const std::int64_t before = live_nodes();
  for (int count : {2, 4, 8}) {
    std::vector<std::vector<float>> together(count);
    on_threads(count, [&](int id) { together[id] = trained(id, points); });
    for (int id = 0; id < count; ++id) CHECK(together[id] == alone[id]);
  }
  CHECK(live_nodes() == before);
}

TEST_CASE("threads read the same leaves, constants and networks", "[threads]") {
  const Tensor w = tensor({1, 2, 3, 4, 5, 6}, {2, 3}, f64);
  const Tensor across = transpose(w).eval().detach();  // lies otherwise in memory than its elements are read
  const Tensor offset = full({2}, 0.25, f64);          // not computed when the threads begin
  const Tensor history = exp(w * 0.1).eval();          // computed, with the graph that made it
  nn::MLP network({2, 8, 1});
  network.initialise(3);
  std::vector<std::vector<double>> results(8);
  on_threads(8, [&](int id) {
    for (int i = 0; i < 50; ++i) {
      const Tensor x = offset + (id + 1.0);
      const Tensor y = sum(square(tanh(matmul(reshape(x, {1, 2}), w)))) + sum(history * w);
      Tensors wanted = grad(y, Tensors{w, x, offset});
      wanted.push_back(across);
      const Tensor points = cast(reshape(x, {1, 2}), f32);
      for (const Tensor& g : grad(sum(square(network(points))), network.parameter_values())) wanted.push_back(g);
      results[id].clear();
      for (const Tensor& value : wanted) {
        for (double element : value.to_vector<double>()) results[id].push_back(element);
      }
    }
  });
  for (int id = 0; id < 8; ++id) {
    const Tensor x = tensor({1.25 + id, 1.25 + id}, {2}, f64);
    const Tensor expected = grad(sum(square(tanh(matmul(reshape(x, {1, 2}), w)))) + sum(history * w), w);
    const auto elements = expected.to_vector<double>();
    CHECK(std::vector<double>(results[id].begin(), results[id].begin() + 6) == elements);
  }
}

TEST_CASE("a graph may be differentiated, computed and forgotten by other threads than the one that made it",
          "[threads]") {
  const std::int64_t before = live_nodes();
  {
    const Tensor x = tensor({0.5}, {1}, f64);
    Tensor y = x, slope;
    for (int i = 0; i < 1000; ++i) y = y * 0.999 + 0.001 * (y * y);
    std::thread([&] { slope = grad(y, x); }).join();
    double there = 0;
    std::thread([&] { there = slope.item(); }).join();
    CHECK(there == grad(y, x).item());
    std::thread([&] { y = slope = Tensor(); }).join();
  }
  CHECK(live_nodes() == before);
}

TEST_CASE("what a scope changes, it changes for its own thread", "[threads]") {
  const Tensor x = tensor({2.0}, {1}, f64);
  std::atomic<bool> holds{false}, done{false};
  std::thread other([&] {
    const NoGrad no_grad;
    const CheckFinite check;
    profile::enable(true);
    holds = true;
    while (!done) std::this_thread::yield();
  });
  while (!holds) std::this_thread::yield();
  CHECK(grad_enabled());
  CHECK_FALSE(checking_finite());
  CHECK_FALSE(profile::enabled());
  CHECK(grad(x * x, x).item() == 4);
  CHECK_NOTHROW(log(x - 2.0).item());
  done = true;
  other.join();
}

TEST_CASE("statistics, plans and profiles are a thread's own", "[threads]") {
  const Tensor x = tensor({1, 2, 3}, {3}, f64);
  const auto work = [&] { (void)sum(exp(x)).item(); };
  work();
  work();
  CHECK(last_evaluation().reused_plan);
  profile::enable(true);
  bool began_empty = false, reused_first = true, reused_second = false, no_rows = false;
  std::thread([&] {
    began_empty = last_evaluation().kernels == 0;
    work();
    reused_first = last_evaluation().reused_plan;
    work();
    reused_second = last_evaluation().reused_plan;
    no_rows = profile::rows().empty();
  }).join();
  CHECK(began_empty);
  CHECK_FALSE(reused_first);
  CHECK(reused_second);
  CHECK(no_rows);
  CHECK(profile::rows().empty());
  work();
  CHECK(profile::rows().size() == 2);  // planning, and exp with its sum
  profile::enable(false);
}

TEST_CASE("threads that call backward on a leaf that they share add to its grad, and none of them is lost",
          "[threads]") {
  const Tensor w = tensor({1, 2, 3}, {3}, f64).requires_grad();
  constexpr int threads = 4, rounds = 25;
  on_threads(threads, [&](int) {
    for (int i = 0; i < rounds; ++i) sum(w * w).backward();
  });
  CHECK(w.grad().to_vector<double>() ==
        std::vector<double>{2.0 * threads * rounds, 4.0 * threads * rounds, 6.0 * threads * rounds});
}

TEST_CASE("a handle that the last of several threads drops frees its node", "[threads]") {
  const std::int64_t before = live_nodes();
  for (int round = 0; round < 20; ++round) {
    Tensor shared = exp(tensor({1, 2}, {2}, f64));
    shared.eval();
    std::vector<Tensor> handles(4, shared);
    shared = Tensor();
    on_threads(4, [&](int id) {
      for (int i = 0; i < 200; ++i) Tensor copy = handles[id];
      (void)sum(handles[id]).item();
      handles[id] = Tensor();
    });
  }
  CHECK(live_nodes() == before);
}

TEST_CASE("the pool's size may change while other threads work", "[threads]") {
  const int count = kernels::threads();
  const Tensor x = linspace(0, 1, 100'000, f64);
  const double expected = sum(exp(x)).item();
  std::atomic<bool> wrong{false};
  on_threads(4, [&](int id) {
    for (int i = 0; i < 40; ++i) {
      if (id == 0) kernels::set_threads(1 + i % 3);
      if (sum(exp(x)).item() != expected) wrong = true;
    }
  });
  kernels::set_threads(count);
  CHECK_FALSE(wrong);
}
