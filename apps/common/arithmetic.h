// Arithmetic: whose instructions and kernels compute, because figures differ between them in their last digits.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace sg::apps {

struct Arithmetic {
  std::string isa;           // baseline, avx2 or avx512
  std::string blas_kernels;  // OpenBLAS's name for its set of kernels
  /// `avx512, OpenBLAS kernels SkylakeX`
  std::string text() const { return isa + ", OpenBLAS kernels " + blas_kernels; }
  friend bool operator==(const Arithmetic&, const Arithmetic&) = default;
};

/// What this program uses. Throws when the environment variable SOBOGRAD_ISA names nothing.
Arithmetic arithmetic();
/// What a run's config.json says; empty where it says nothing.
Arithmetic arithmetic_of(const nlohmann::json& config);

}  // namespace sg::apps
