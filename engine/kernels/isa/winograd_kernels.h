// The table of transforms that Winograd's convolutions need from each instruction set.
#pragma once

#include <cstdint>

namespace sg::kernels {

/// Points at which F(2x2, 3x3) multiplies: a tile of 4 x 4 source pixels gives 2 x 2 results.
inline constexpr int kWinogradPoints = 16;

/// The tiles of one image, and of which the results lie inside of it. `Staged` pixels are vectors: one for each pixel,
/// a channel in each lane.
struct WinogradTiles {
  std::int64_t rows, columns;                // of tiles
  std::int64_t result_rows, result_columns;  // of pixels
};

/// What is transformed stands at to[point * point_pitch + tile * tile_pitch + lane], tiles row by row.
template <class T>
struct WinogradKernels {
  /// B' d B of each tile; the staged rows are 2 * tiles.columns + 2 pixels wide.
  void (*transform_source)(const WinogradTiles& tiles, const T* staged, T* to, std::int64_t tile_pitch,
                           std::int64_t point_pitch);
  /// A y A' of each tile; the staged rows are 2 * tiles.columns pixels wide.
  void (*transform_cotangent)(const WinogradTiles& tiles, const T* staged, T* to, std::int64_t tile_pitch,
                              std::int64_t point_pitch);
  /// G g G' of `count` kernels of nine staged taps each, in their order or reversed; kernel c goes to c * pitch.
  void (*transform_weight)(const T* staged, std::int64_t count, bool reversed, T* to, std::int64_t pitch,
                           std::int64_t point_pitch);
  /// A' m A of each tile, to staged rows of tiles.result_columns pixels.
  void (*transform_result)(const WinogradTiles& tiles, const T* from, std::int64_t tile_pitch, std::int64_t point_pitch,
                           T* staged);
  /// G' u G of `count` kernels: kernel c is read at c * lanes, summed over `pieces` copies in their order.
  void (*transform_weight_gradient)(const T* from, std::int64_t count, std::int64_t point_pitch, std::int64_t pieces,
                                    std::int64_t piece_pitch, T* staged);
};

namespace baseline {
const WinogradKernels<float>& winograd_kernels_f32();
const WinogradKernels<double>& winograd_kernels_f64();
}  // namespace baseline
namespace avx2 {
const WinogradKernels<float>& winograd_kernels_f32();
const WinogradKernels<double>& winograd_kernels_f64();
}  // namespace avx2
namespace avx512 {
const WinogradKernels<float>& winograd_kernels_f32();
const WinogradKernels<double>& winograd_kernels_f64();
}  // namespace avx512

}  // namespace sg::kernels
