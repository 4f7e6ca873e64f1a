// The table of loops for random numbers, from each instruction set. All give the same bits.
#pragma once

#include <cstdint>

namespace sg::kernels {

struct RandomKernels {
  /// words[2 i] and words[2 i + 1] = the two numbers of 64 bits in block first + i of a stream of Philox, for i in [0,
  /// blocks).
  void (*words)(std::uint64_t* words, std::uint64_t seed, std::uint64_t stream, std::uint64_t first,
                std::int64_t blocks);
  /// out[i] = the upper 53 bits of words[i], as a number in [0, 1).
  void (*uniform)(double* out, const std::uint64_t* words, std::int64_t count);
  /// out[2 i] and out[2 i + 1], normal with mean 0 and variance 1, of words[2 i] and words[2 i + 1] (Box and Muller
  /// 1958).
  void (*normal)(double* out, const std::uint64_t* words, std::int64_t pairs);
};

namespace baseline {
const RandomKernels& random_kernels();
}  // namespace baseline
namespace avx2 {
const RandomKernels& random_kernels();
}  // namespace avx2
namespace avx512 {
const RandomKernels& random_kernels();
}  // namespace avx512

}  // namespace sg::kernels
