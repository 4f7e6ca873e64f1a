// The elementwise functions in f64 on vectors, by libraries that the engine's f32 kernels do not call.
#pragma once

#include <cstdint>

namespace sg::bench {

/// How many arguments a call takes.
inline constexpr std::int64_t kReferenceChunk = 64;
/// The largest error of got[0..64), in f32's units in the last place, against the function at in[0..64) in f64;
/// infinite where one is NaN, infinite or of another zero's sign, and the other is not.
using LargestError = double (*)(const float* in, const float* got);

/// glibc's vector functions, within 4 units in the last place of f64, or SLEEF's within 1 with `sleef` (sin and cos
/// have it). Null for a name that is not known, and where the processor has no AVX2 or the system no such library.
LargestError vector_reference(const char* name, bool sleef);

}  // namespace sg::bench
