// The thread pool: each task once, nesting, exceptions, several users.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "engine/kernels/parallel.h"

namespace {

using namespace sg::kernels;

/// Puts the number of threads back at the end of a test.
struct ThreadsGuard {
  int before = threads();
  ~ThreadsGuard() { set_threads(before); }
};

bool each_runs_once(std::int64_t count) {
  std::vector<std::atomic<int>> runs(count);
  parallel_for(count, [&](std::int64_t i) { runs[i].fetch_add(1); });
  return std::all_of(runs.begin(), runs.end(), [](const std::atomic<int>& n) { return n.load() == 1; });
}

}  // namespace

TEST_CASE("each task runs once, for any number of tasks and threads", "[parallel]") {
  const ThreadsGuard guard;
  for (const int count : {1, 2, 3, 7}) {
    set_threads(count);
    CHECK(threads() == count);
    for (const std::int64_t tasks : {0, 1, 2, 3, 64, 1000}) CHECK(each_runs_once(tasks));
  }
}

TEST_CASE("what tasks wrote is seen after the call, call after call", "[parallel]") {
  const ThreadsGuard guard;
  set_threads(3);
  std::vector<std::int64_t> value(16, 0);
  for (int round = 0; round < 2000; ++round) {
    parallel_for(16, [&](std::int64_t i) { value[i] += value[i] == round ? 1 : 1000000; });
  }
  CHECK(std::all_of(value.begin(), value.end(), [](std::int64_t v) { return v == 2000; }));
}

TEST_CASE("a nested call runs all its tasks on the calling thread", "[parallel]") {
  const ThreadsGuard guard;
  set_threads(4);
  std::atomic<int> runs{0}, elsewhere{0};
  parallel_for(8, [&](std::int64_t) {
    const auto caller = std::this_thread::get_id();
    parallel_for(8, [&](std::int64_t) {
      ++runs;
      if (std::this_thread::get_id() != caller) ++elsewhere;
    });
  });
  CHECK(runs == 64);
  CHECK(elsewhere == 0);
}

TEST_CASE("a task's exception reaches the caller, and the pool goes on", "[parallel]") {
  const ThreadsGuard guard;
  for (const int count : {1, 4}) {
    set_threads(count);
    std::string message;
    try {
      parallel_for(100, [](std::int64_t i) {
        if (i == 7) throw std::runtime_error("task 7");
      });
    } catch (const std::runtime_error& error) {
      message = error.what();
    }
    CHECK(message == "task 7");
    CHECK(each_runs_once(100));
  }
}

TEST_CASE("several threads may use the pool at a time", "[parallel]") {
  const ThreadsGuard guard;
  set_threads(2);
  std::atomic<int> wrong{0};
  std::vector<std::thread> users;
  for (int u = 0; u < 3; ++u) {
    users.emplace_back([&] {
      for (int round = 0; round < 50; ++round) wrong += !each_runs_once(20);
    });
  }
  for (std::thread& user : users) user.join();
  CHECK(wrong == 0);
}

TEST_CASE("fewer than one thread counts as one", "[parallel]") {
  const ThreadsGuard guard;
  set_threads(0);
  CHECK(threads() == 1);
}
