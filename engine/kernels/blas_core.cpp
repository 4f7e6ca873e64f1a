// OpenBLAS, loaded with the kernel set that fits the processor.
//
// The library reads OPENBLAS_CORETYPE once, in a constructor of its own. A library that it were linked to could not set
// the variable before: constructors run in the order of dependence. So it is loaded here, by dlopen, and the variable
// stands in the environment for as long as that takes. This works in the same way in a program, in a shared library,
// and in a library that a program loads later. Where another library has loaded OpenBLAS before, its choice stays.
#include "engine/kernels/blas_core.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "engine/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace sg::kernels {
namespace {

BlasProcessor this_processor() {
  BlasProcessor processor;
#if defined(__x86_64__)
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
#endif
  return processor;
}

/// Puts an entry into the environment while it lives. The list is exchanged as a whole, neither grown nor changed, so
/// that a thread that reads the environment meanwhile finds the old list or the new one.
class LentEntry {
 public:
  explicit LentEntry(const std::string& entry) : before_(environ) {
    static std::string text;
    static std::vector<char*> list;  // both outlive this object, for readers that are still in them
    text = entry;
    list.assign(1, text.data());
    for (char** old = before_; old && *old; ++old) list.push_back(*old);
    list.push_back(nullptr);
    lent_ = list.data();
    environ = lent_;
  }
  ~LentEntry() {
    if (environ == lent_) {
      environ = before_;
    } else {  // somebody has changed the environment, in a copy of the list
      ::unsetenv("OPENBLAS_CORETYPE");
    }
  }
  LentEntry(const LentEntry&) = delete;
  LentEntry& operator=(const LentEntry&) = delete;

 private:
  char** before_;
  char** lent_;
};

void* open_library(const char* name) {
  const std::string core(blas_core_for(this_processor(), std::getenv("OPENBLAS_CORETYPE") != nullptr));
  if (core.empty()) return ::dlopen(name, RTLD_LAZY | RTLD_LOCAL);
  const LentEntry entry("OPENBLAS_CORETYPE=" + core);
  return ::dlopen(name, RTLD_LAZY | RTLD_LOCAL);
}

/// A function of the library, by its name there.
struct Symbol {
  void* address;
  template <class Function>
  operator Function*() const {
    return reinterpret_cast<Function*>(address);
  }
};

Blas load() {
  constexpr const char* name = SG_OPENBLAS;
  void* library = open_library(name);
  if (!library) fail("linear algebra: OpenBLAS cannot be loaded: {}", ::dlerror());
  const auto symbol = [&](const char* function) {
    void* address = ::dlsym(library, function);
    if (!address) fail("linear algebra: {} has no function {}", name, function);
    return Symbol{address};
  };
  decltype(&openblas_set_num_threads) set_threads = symbol("openblas_set_num_threads");
  set_threads(1);
  return {.sgemm = symbol("cblas_sgemm"),
          .dgemm = symbol("cblas_dgemm"),
          .sgemv = symbol("cblas_sgemv"),
          .dgemv = symbol("cblas_dgemv"),
          .strsm = symbol("cblas_strsm"),
          .dtrsm = symbol("cblas_dtrsm"),
          .single = {symbol("spotrf_"), symbol("sgetrf_"), symbol("sgetrs_"), symbol("ssyevd_"), symbol("sgeev_")},
          .twice = {symbol("dpotrf_"), symbol("dgetrf_"), symbol("dgetrs_"), symbol("dsyevd_"), symbol("dgeev_")},
          .core = symbol("openblas_get_corename")};
}

/// Before main there is no second thread that could meet the lent entry.
__attribute__((constructor)) void load_early() {
  try {
    blas();
  } catch (const Error&) {
    // Said by the first operation that needs it.
  }
}

}  // namespace

std::string_view blas_core_for(const BlasProcessor& processor, bool chosen_by_user) {
  if (!processor.avx512 || chosen_by_user) return {};
  // OpenBLAS's set for Intel's processors with bf16 instructions has products in f32 that are tuned for them.
  return processor.intel && processor.avx512_bf16 ? "Cooperlake" : "SkylakeX";
}

const Blas& blas() {
  static const Blas loaded = load();
  return loaded;
}

const char* blas_core() { return blas().core(); }

}  // namespace sg::kernels
