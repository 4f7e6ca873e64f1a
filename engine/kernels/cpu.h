// What the processor can do, and which of the compiled instruction sets is used.
#pragma once

namespace sg::kernels {

enum class Isa { baseline, avx2, avx512 };

/// The best instruction set that this processor and its operating system support; the environment variable SOBOGRAD_ISA
/// (baseline, avx2, avx512) lowers it.
Isa isa();
const char* name_of(Isa isa);

}  // namespace sg::kernels
