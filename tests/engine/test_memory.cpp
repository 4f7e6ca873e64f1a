// The memory pool: alignment, waste, reuse, statistics, running out.
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "engine/error.h"
#include "engine/kernels/memory.h"

using namespace sg::kernels;

TEST_CASE("buffers are aligned, hold what they promise and waste at most an eighth", "[memory]") {
  for (const std::size_t bytes :
       {0, 1, 63, 64, 65, 511, 512, 513, 1000, 4096, 4097, 100000, 1 << 20, (1 << 22) + 1, 9999999}) {
    const MemoryStatistics before = memory_statistics();
    auto* data = static_cast<unsigned char*>(allocate(bytes));
    REQUIRE(data);
    CHECK(reinterpret_cast<std::uintptr_t>(data) % 64 == 0);
    std::memset(data, 0xa5, bytes);
    const auto taken = static_cast<std::size_t>(memory_statistics().live_bytes - before.live_bytes);
    CHECK(taken >= bytes);
    CHECK(taken <= bytes + bytes / 8 + 64);
    release(data);
    CHECK(memory_statistics().live_bytes == before.live_bytes);
    CHECK(memory_statistics().live_buffers == before.live_buffers);
  }
}

TEST_CASE("buffers that live at a time do not overlap", "[memory]") {
  std::vector<unsigned char*> buffers;
  for (int i = 0; i < 100; ++i) {
    buffers.push_back(static_cast<unsigned char*>(allocate(37 * i)));
    std::memset(buffers.back(), i, 37 * i);
  }
  bool whole = true;
  for (int i = 0; i < 100; ++i) {
    for (int j = 0; j < 37 * i; ++j) whole = whole && buffers[i][j] == i;
    release(buffers[i]);
  }
  CHECK(whole);
}

TEST_CASE("a steady pattern asks the system for nothing", "[memory]") {
  const auto step = [] {
    const Scratch large(std::size_t{5} << 20), small(100);
    large.as<char>()[0] = small.as<char>()[0] = 1;
    void* middle = allocate(77777);
    release(middle);
  };
  step();
  const std::int64_t before = memory_statistics().system_allocations;
  for (int i = 0; i < 100; ++i) step();
  CHECK(memory_statistics().system_allocations == before);
}

TEST_CASE("the peak is the highest sum of live bytes since it was reset", "[memory]") {
  reset_peak();
  const MemoryStatistics start = memory_statistics();
  CHECK(start.peak_bytes == start.live_bytes);
  { const Scratch first(1 << 20), second(1 << 20); }
  const Scratch third(1 << 10);
  CHECK(memory_statistics().peak_bytes == start.live_bytes + (2 << 20));
}

TEST_CASE("trim gives back what no live buffer shares huge pages with, and leaves live buffers alone", "[memory]") {
  const Scratch live(1000);
  std::memset(live.as<char>(), 7, 1000);
  { const Scratch freed(1 << 16); }
  const std::int64_t before = memory_statistics().pooled_bytes;
  CHECK(before >= 1 << 16);
  { const Scratch large(std::size_t{9} << 20); }
  CHECK(memory_statistics().pooled_bytes >= before);
  trim();
  // A block of 4 MB or more has its pages for itself.
  CHECK(memory_statistics().pooled_bytes <= before);
  const std::int64_t allocations = memory_statistics().system_allocations;
  { const Scratch large(std::size_t{9} << 20); }
  CHECK(memory_statistics().system_allocations == allocations + 1);
  CHECK(live.as<char>()[999] == 7);
}

TEST_CASE("asking for more than there is throws an Error that names the bytes", "[memory]") {
  const std::int64_t before = memory_statistics().live_bytes;
  for (const std::size_t bytes : {std::size_t{1} << 47, ~std::size_t{0}}) {
    std::string message;
    try {
      release(allocate(bytes));
    } catch (const sg::Error& error) {
      message = error.what();
    }
    CHECK(message.find(std::to_string(bytes)) != std::string::npos);
  }
  CHECK(memory_statistics().live_bytes == before);
}

TEST_CASE("threads may allocate, and release each other's buffers", "[memory]") {
  const MemoryStatistics before = memory_statistics();
  std::vector<std::atomic<void*>> slots(8);
  std::vector<std::thread> users;
  for (int u = 0; u < 4; ++u) {
    users.emplace_back([&, u] {
      for (int i = 0; i < 2000; ++i) {
        void* mine = allocate(64 * (1 + (i * 7 + u) % 50));
        static_cast<char*>(mine)[0] = 1;
        release(slots[(i + u) % 8].exchange(mine));
      }
    });
  }
  for (std::thread& user : users) user.join();
  for (auto& slot : slots) release(slot.load());
  CHECK(memory_statistics().live_buffers == before.live_buffers);
  CHECK(memory_statistics().live_bytes == before.live_bytes);
}

TEST_CASE("blocks that share huge pages go back together", "[memory]") {
  std::vector<void*> all;
  const auto take = [&](std::size_t bytes, int count) {
    for (int i = 0; i < count; ++i) {
      all.push_back(allocate(bytes));
      std::memset(all.back(), i, bytes);
    }
  };
  take(1 << 20, 40);  // more than a program gets in small pages
  take(300'000, 100);
  for (std::size_t i = 0; i < 40; ++i) CHECK(static_cast<unsigned char*>(all[i])[(1 << 20) - 1] == i);
  for (std::size_t i = 0; i < 100; ++i) CHECK(static_cast<unsigned char*>(all[40 + i])[0] == i);
  for (std::size_t i = 1; i < all.size(); ++i) release(all[i]);
  trim();
  CHECK(static_cast<unsigned char*>(all[0])[1000] == 0);
  release(all[0]);
  trim();
  const std::int64_t before = memory_statistics().live_buffers;
  take(1 << 20, 3);
  CHECK(memory_statistics().live_buffers == before + 3);
  for (std::size_t i = all.size() - 3; i < all.size(); ++i) release(all[i]);
}
