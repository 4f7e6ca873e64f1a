// What the processor can do.
#include "engine/kernels/cpu.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace sg::kernels {
namespace {

Isa detect() {
#ifdef SG_X86_ISAS
  // The compiler's run-time checks ask the operating system as well whether it keeps the wide registers.
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::baseline;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return avx512 ? Isa::avx512 : Isa::avx2;
#else
  return Isa::baseline;
#endif
}

Isa choose() {
  const Isa best = detect();
  const char* wanted = std::getenv("SOBOGRAD_ISA");
  if (!wanted) return best;
  for (const Isa candidate : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (std::string_view(wanted) == name_of(candidate)) return std::min(candidate, best);
  }
  return best;
}

}  // namespace

Isa isa() {
  static const Isa chosen = choose();
  return chosen;
}

const char* name_of(Isa isa) { return isa == Isa::baseline ? "baseline" : isa == Isa::avx2 ? "avx2" : "avx512"; }

}  // namespace sg::kernels
