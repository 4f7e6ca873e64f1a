// Which of OpenBLAS's kernel sets runs.
//
// The library reads OPENBLAS_CORETYPE once, in a constructor of its own, before any constructor of the program. Only
// the entries of .preinit_array run earlier, and those come too early for setenv: the C library takes its environment
// over afterwards. So one slot of the environment that the kernel handed over is lent to our variable, and given back
// by a constructor of the program, which runs after the library's. Nothing of it is left for child processes to
// inherit.
#include "engine/kernels/blas_core.h"

#include <cblas.h>

#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace sg::kernels {

std::string_view blas_core_for(const BlasProcessor& processor, bool chosen_by_user) {
  if (!processor.avx512 || chosen_by_user) return {};
  // OpenBLAS's set for Intel's processors with bf16 instructions has products in f32 that are tuned for them.
  return processor.intel && processor.avx512_bf16 ? "Cooperlake" : "SkylakeX";
}

void prepare_blas() {
  static const bool done = [] {
    openblas_set_num_threads(1);
    return true;
  }();
  (void)done;
}

const char* blas_core() { return openblas_get_corename(); }

#if defined(__x86_64__) && defined(__linux__) && defined(__ELF__)
namespace {

char** lent_slot = nullptr;
char* lent_value = nullptr;
char core_variable[64] = "OPENBLAS_CORETYPE=";

BlasProcessor this_processor() {
  BlasProcessor processor;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx)) return processor;
  processor.intel = ebx == signature_INTEL_ebx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE)) return processor;
  unsigned low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  constexpr unsigned kept_registers = 0xe6;  // of SSE, AVX and AVX-512
  if ((low & kept_registers) != kept_registers) return processor;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return processor;
  constexpr unsigned needed = bit_AVX512F | bit_AVX512DQ | bit_AVX512CD | bit_AVX512BW | bit_AVX512VL;
  processor.avx512 = (ebx & needed) == needed;
  if (eax >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx)) processor.avx512_bf16 = eax & (1u << 5);
  return processor;
}

void lend_slot(int, char**, char** environment) {
  const std::string_view name = "OPENBLAS_CORETYPE=";
  char** last = nullptr;
  bool chosen = false;
  for (char** entry = environment; *entry; ++entry) {
    last = entry;
    chosen = chosen || std::strncmp(*entry, name.data(), name.size()) == 0;
  }
  const std::string_view core = blas_core_for(this_processor(), chosen);
  if (core.empty() || !last) return;
  std::memcpy(core_variable + name.size(), core.data(), core.size());
  lent_slot = last;
  lent_value = *last;
  *last = core_variable;
}
__attribute__((section(".preinit_array"), used)) void (*const lend_slot_entry)(int, char**, char**) = lend_slot;

__attribute__((constructor(101))) void give_slot_back() {
  if (lent_slot && *lent_slot == core_variable) *lent_slot = lent_value;
}

}  // namespace
#endif

}  // namespace sg::kernels
