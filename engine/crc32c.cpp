// Crc32c: by the processor's instruction where it has one, else by tables of eight bytes at a time.
#include "engine/crc32c.h"

#include <array>
#include <cstring>

namespace sg {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78;  // its bits reversed

using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = value & 1 ? value >> 1 ^ polynomial : value >> 1;
    }
    tables[0][i] = value;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t i = 0; i < 256; ++i) {
      tables[k][i] = tables[k - 1][i] >> 8 ^ tables[0][tables[k - 1][i] & 255];
    }
  }
  return tables;
}

constexpr Tables tables = make_tables();

std::uint32_t by_tables(std::uint32_t crc, const unsigned char* data, std::size_t bytes) {
  for (; bytes >= 8; bytes -= 8, data += 8) {
    std::uint64_t word;
    std::memcpy(&word, data, 8);
    word ^= crc;
    crc = 0;
    for (std::size_t k = 0; k < 8; ++k) {
      crc ^= tables[7 - k][word >> (8 * k) & 255];
    }
  }
  for (; bytes > 0; --bytes) {
    crc = crc >> 8 ^ tables[0][(crc ^ *data++) & 255];
  }
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::uint32_t crc, const unsigned char* data,
                                                               std::size_t bytes) {
  std::uint64_t wide = crc;
  for (; bytes >= 8; bytes -= 8, data += 8) {
    std::uint64_t word;
    std::memcpy(&word, data, 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; bytes > 0; --bytes) {
    crc = __builtin_ia32_crc32qi(crc, *data++);
  }
  return crc;
}
#endif

}  // namespace

std::uint32_t crc32c(std::uint32_t so_far, const void* data, std::size_t bytes) {
  const auto* values = static_cast<const unsigned char*>(data);
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) {
    return ~by_instruction(~so_far, values, bytes);
  }
#endif
  return ~by_tables(~so_far, values, bytes);
}

}  // namespace sg
