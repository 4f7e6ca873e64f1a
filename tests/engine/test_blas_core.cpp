// The choice of OpenBLAS's kernels.
#include <catch2/catch_test_macros.hpp>

#include <cstdlib>

#include "engine/kernels/blas_core.h"
#include "engine/kernels/cpu.h"

using namespace sg::kernels;

TEST_CASE("AVX-512 kernels are asked for where the processor has AVX-512 and the user has not chosen", "[blas]") {
  CHECK(blas_core_for({.avx512 = true}, false) == "SkylakeX");
  CHECK(blas_core_for({.avx512 = true, .avx512_bf16 = true}, false) == "SkylakeX");
  CHECK(blas_core_for({.avx512 = true, .intel = true}, false) == "SkylakeX");
  CHECK(blas_core_for({.avx512 = true, .intel = true, .avx512_bf16 = true}, false) == "Cooperlake");
  CHECK(blas_core_for({.avx512 = true}, true).empty());
  CHECK(blas_core_for({.intel = true}, false).empty());
}

TEST_CASE("the choice leaves nothing in the environment, and takes effect", "[blas]") {
  if (std::getenv("OPENBLAS_CORETYPE")) return;  // the user's own
  const std::string core = blas_core();
  if (isa() == Isa::avx512) {
    CHECK((core == "SkylakeX" || core == "Cooperlake" || core == "SapphireRapids"));
  } else {
    CHECK(core != "SkylakeX");
  }
}
