// Crc32c.
#include "engine/crc32c.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

using sg::crc32c;

TEST_CASE("the checksum is that of RFC 3720, whole or piece by piece") {
  const std::string digits = "123456789";
  CHECK(crc32c(0, digits.data(), 9) == 0xe3069283);
  CHECK(crc32c(0, std::string(32, '\0').data(), 32) == 0x8a9136aa);
  CHECK(crc32c(0, std::string(32, '\xff').data(), 32) == 0x62a8ab43);
  for (std::size_t first = 0; first <= 9; ++first) {
    CHECK(crc32c(crc32c(0, digits.data(), first), digits.data() + first, 9 - first) == 0xe3069283);
  }
}
