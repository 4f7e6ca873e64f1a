// Discrete Fourier transforms by FFTW.
#include "engine/kernels/fft.h"

#include <fftw3.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>

#include "engine/kernels/parallel.h"

namespace sg::kernels {
namespace {

constexpr std::int64_t columns_at_once = 64;
constexpr std::size_t most_plans = 256;

enum class Kind { forward, backward, from_real, to_real };

/// FFTW's functions for one type of number.
template <class T>
struct Fftw;
template <>
struct Fftw<double> {
  using Plan = fftw_plan;
  using Complex = fftw_complex;
  static constexpr auto plan = fftw_plan_guru64_dft;
  static constexpr auto plan_from_real = fftw_plan_guru64_dft_r2c;
  static constexpr auto plan_to_real = fftw_plan_guru64_dft_c2r;
  static constexpr auto run = fftw_execute_dft;
  static constexpr auto run_from_real = fftw_execute_dft_r2c;
  static constexpr auto run_to_real = fftw_execute_dft_c2r;
  static constexpr auto destroy = fftw_destroy_plan;
};
template <>
struct Fftw<float> {
  using Plan = fftwf_plan;
  using Complex = fftwf_complex;
  static constexpr auto plan = fftwf_plan_guru64_dft;
  static constexpr auto plan_from_real = fftwf_plan_guru64_dft_r2c;
  static constexpr auto plan_to_real = fftwf_plan_guru64_dft_c2r;
  static constexpr auto run = fftwf_execute_dft;
  static constexpr auto run_from_real = fftwf_execute_dft_r2c;
  static constexpr auto run_to_real = fftwf_execute_dft_c2r;
  static constexpr auto destroy = fftwf_destroy_plan;
};

/// FFTW makes plans for one thread at a time; anybody may run them.
std::mutex& planner() {
  static std::mutex mutex;
  return mutex;
}

template <class T>
using PlanPointer = std::shared_ptr<std::remove_pointer_t<typename Fftw<T>::Plan>>;

/// The plan for `columns` transforms of length n beside each other, of `inner` in all.
template <class T>
PlanPointer<T> plan_for(Kind kind, std::int64_t n, std::int64_t inner, std::int64_t columns, const T* in, T* out) {
  using Api = Fftw<T>;
  using Complex = typename Api::Complex;
  static std::map<std::tuple<Kind, std::int64_t, std::int64_t, std::int64_t>, PlanPointer<T>> plans;
  const std::lock_guard lock(planner());
  if (plans.size() > most_plans) plans.clear();
  auto& plan = plans[{kind, n, inner, columns}];
  if (plan) return plan;
  const fftw_iodim64 along{n, inner, inner}, beside{columns, 1, 1};
  // Estimated plans leave the arrays alone and are the same in every run; unaligned ones serve any place in memory.
  const unsigned flags = FFTW_ESTIMATE | FFTW_UNALIGNED | FFTW_PRESERVE_INPUT;
  auto* from = const_cast<T*>(in);
  auto* complex_from = reinterpret_cast<Complex*>(from);
  auto* complex_out = reinterpret_cast<Complex*>(out);
  typename Api::Plan made = nullptr;
  switch (kind) {
    case Kind::forward: made = Api::plan(1, &along, 1, &beside, complex_from, complex_out, FFTW_FORWARD, flags); break;
    case Kind::backward:
      made = Api::plan(1, &along, 1, &beside, complex_from, complex_out, FFTW_BACKWARD, flags);
      break;
    case Kind::from_real: made = Api::plan_from_real(1, &along, 1, &beside, from, complex_out, flags); break;
    case Kind::to_real: made = Api::plan_to_real(1, &along, 1, &beside, complex_from, out, flags); break;
  }
  // The last holder of a plan may let go of it while another thread plans: FFTW wants that to happen under the lock.
  plan = PlanPointer<T>(made, [](typename Api::Plan old) { Api::destroy(old); });
  return plan;
}

/// Runs every line: `in_line` and `out_line` numbers lie between two indices of the outer axis, `in_number` and
/// `out_number` make an element.
template <class T>
void transform(Kind kind, const FftShape& shape, const T* in, T* out) {
  using Api = Fftw<T>;
  using Complex = typename Api::Complex;
  const std::int64_t half = shape.n / 2 + 1;
  const std::int64_t in_element = kind == Kind::from_real ? 1 : 2, out_element = kind == Kind::to_real ? 1 : 2;
  const std::int64_t in_line = (kind == Kind::to_real ? half : shape.n) * shape.inner * in_element;
  const std::int64_t out_line = (kind == Kind::from_real ? half : shape.n) * shape.inner * out_element;
  const std::int64_t pieces = (shape.inner + columns_at_once - 1) / columns_at_once;
  if (shape.outer * pieces == 0) return;
  const auto columns_of = [&](std::int64_t piece) {
    return std::min(columns_at_once, shape.inner - piece * columns_at_once);
  };
  const auto first = plan_for(kind, shape.n, shape.inner, columns_of(0), in, out);
  const auto last = plan_for(kind, shape.n, shape.inner, columns_of(pieces - 1), in, out);
  parallel_for(shape.outer * pieces, [&](std::int64_t task) {
    const std::int64_t line = task / pieces, piece = task % pieces;
    auto* from = const_cast<T*>(in) + line * in_line + piece * columns_at_once * in_element;
    T* to = out + line * out_line + piece * columns_at_once * out_element;
    const auto plan = (piece + 1 == pieces ? last : first).get();
    switch (kind) {
      case Kind::forward:
      case Kind::backward: Api::run(plan, reinterpret_cast<Complex*>(from), reinterpret_cast<Complex*>(to)); break;
      case Kind::from_real: Api::run_from_real(plan, from, reinterpret_cast<Complex*>(to)); break;
      case Kind::to_real: Api::run_to_real(plan, reinterpret_cast<Complex*>(from), to); break;
    }
  });
}

}  // namespace

template <class T>
void fft(const FftShape& shape, bool backward, const T* in, T* out) {
  transform(backward ? Kind::backward : Kind::forward, shape, in, out);
}
template <class T>
void rfft(const FftShape& shape, const T* in, T* out) {
  transform(Kind::from_real, shape, in, out);
}
template <class T>
void irfft(const FftShape& shape, const T* in, T* out) {
  transform(Kind::to_real, shape, in, out);
}

template void fft(const FftShape&, bool, const float*, float*);
template void fft(const FftShape&, bool, const double*, double*);
template void rfft(const FftShape&, const float*, float*);
template void rfft(const FftShape&, const double*, double*);
template void irfft(const FftShape&, const float*, float*);
template void irfft(const FftShape&, const double*, double*);

}  // namespace sg::kernels
