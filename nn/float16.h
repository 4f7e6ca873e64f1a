// 16-bit floating-point numbers (IEEE 754 binary16, and bfloat16), as files hold them.
#pragma once

#include <cstdint>

namespace sg::nn {

float from_half(std::uint16_t half);
float from_bfloat(std::uint16_t bits);

/// The nearest number of 16 bits, halves to even; a NaN stays one, and what is too large is infinite.
std::uint16_t to_half(float value);
std::uint16_t to_bfloat(float value);

}  // namespace sg::nn
