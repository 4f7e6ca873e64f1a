// Dtype: the element types of a tensor.
#pragma once

#include <cstdint>
#include <string_view>

namespace sg {

enum class Dtype : std::uint8_t { f32, f64, i64 };

inline constexpr Dtype f32 = Dtype::f32;
inline constexpr Dtype f64 = Dtype::f64;
inline constexpr Dtype i64 = Dtype::i64;  // indices

/// Bytes of one element.
constexpr std::int64_t size_of(Dtype dtype) { return dtype == f32 ? 4 : 8; }

constexpr bool is_floating(Dtype dtype) { return dtype != i64; }

constexpr std::string_view name_of(Dtype dtype) { return dtype == f32 ? "f32" : dtype == f64 ? "f64" : "i64"; }

template <class T>
constexpr Dtype dtype_of();
template <>
constexpr Dtype dtype_of<float>() {
  return f32;
}
template <>
constexpr Dtype dtype_of<double>() {
  return f64;
}
template <>
constexpr Dtype dtype_of<std::int64_t>() {
  return i64;
}

/// Calls `function` with a value-initialised element of the dtype, for the choice of a template's type at run time.
template <class Function>
decltype(auto) dispatch(Dtype dtype, Function&& function) {
  switch (dtype) {
    case f32: return function(float{});
    case f64: return function(double{});
    default: return function(std::int64_t{});
  }
}

}  // namespace sg
