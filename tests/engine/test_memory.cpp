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

TEST_CASE("trim gives back what is free, and leaves live buffers alone", "[memory]") {
  const Scratch live(1000), large_live(std::size_t{1} << 20);
  std::memset(live.as<char>(), 7, 1000);
  std::memset(large_live.as<char>(), 8, std::size_t{1} << 20);
  { const Scratch small(1 << 16), large(std::size_t{9} << 20); }
  CHECK(memory_statistics().pooled_bytes >= (std::int64_t{9} << 20) + (1 << 16));
  trim();
  CHECK(memory_statistics().pooled_bytes == 0);
  const std::int64_t allocations = memory_statistics().system_allocations;
  { const Scratch large(std::size_t{9} << 20); }
  CHECK(memory_statistics().system_allocations == allocations + 1);
  CHECK(live.as<char>()[999] == 7);
  CHECK(large_live.as<char>()[(1 << 20) - 1] == 8);
}

TEST_CASE("what large buffers of one size leave serves those of another", "[memory]") {
  const auto fill = [](std::size_t bytes, int count) {
    std::vector<void*> all;
    for (int i = 0; i < count; ++i) {
      all.push_back(allocate(bytes));
      std::memset(all.back(), i, bytes);
    }
    bool whole = true;
    for (int i = 0; i < count; ++i) {
      const auto* numbers = static_cast<const unsigned char*>(all[i]);
      whole = whole && numbers[0] == i % 256 && numbers[bytes - 1] == i % 256;
    }
    CHECK(whole);
    // Every second one first, so that neighbours are joined on either side, and on both.
    for (int i = 0; i < count; i += 2) release(all[i]);
    for (int i = 1; i < count; i += 2) release(all[i]);
  };
  trim();
  fill(1 << 20, 120);  // 120 MB: more than the first range of the heap
  const std::int64_t pooled = memory_statistics().pooled_bytes;
  fill(300'000, 380);
  fill(1'700'000, 66);
  fill(std::size_t{20} << 20, 5);
  CHECK(memory_statistics().pooled_bytes < pooled + pooled / 10);
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
