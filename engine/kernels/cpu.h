// What the processor can do, and which of the compiled instruction sets is used.
#pragma once

namespace sg::kernels {

enum class Isa { baseline, avx2, avx512 };

/// The best instruction set that this processor and its operating system support; the environment variable SOBOGRAD_ISA
/// (baseline, avx2, avx512) lowers it.
Isa isa();
const char* name_of(Isa isa);

/// What a function of this name returns in the namespace of the instruction set in use: its table of loops. A macro,
/// because a build for another processor has no such functions but the baseline's.
#if defined(SG_X86_ISAS)
#define SG_OF_ISA(function)                                                \
  (::sg::kernels::isa() == ::sg::kernels::Isa::avx512 ? avx512::function() \
   : ::sg::kernels::isa() == ::sg::kernels::Isa::avx2 ? avx2::function()   \
                                                      : baseline::function())
#else
#define SG_OF_ISA(function) baseline::function()
#endif

}  // namespace sg::kernels
