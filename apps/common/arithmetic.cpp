// Arithmetic.
#include "apps/common/arithmetic.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "apps/common/values.h"
#include "engine/kernels/blas_core.h"
#include "engine/kernels/cpu.h"

namespace sg::apps {

Arithmetic arithmetic() {
  if (const char* wanted = std::getenv("SOBOGRAD_ISA")) {
    one_of({"baseline", "avx2", "avx512"})("SOBOGRAD_ISA", wanted);
  }
  return {kernels::name_of(kernels::isa()), kernels::blas_core()};
}

Arithmetic arithmetic_of(const nlohmann::json& config) {
  const auto text = [&](const char* key) {
    return config.contains(key) && config[key].is_string() ? config[key].get<std::string>() : std::string();
  };
  return {text("isa"), text("blas_kernels")};
}

}  // namespace sg::apps
