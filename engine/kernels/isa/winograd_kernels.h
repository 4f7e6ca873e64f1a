// The table of transforms that Winograd's convolutions need from each instruction set.
#pragma once

#include <cstdint>

namespace sg::kernels {

/// The tiles of one image, and how many results lie inside of it. `Staged` pixels are vectors: one for each pixel, a
/// channel in each lane.
struct WinogradTiles {
  std::int64_t rows, columns;                // of tiles
  std::int64_t result_rows, result_columns;  // of pixels
  std::int64_t staged_columns;               // of pixels in a row of the staged source or cotangent
};

/// A tile along one axis: `patch` source pixels, multiplied at `points` points, give `results` results; the next tile
/// begins `step` pixels further.
struct WinogradAxis {
  int points, patch, step, results;
};

/// One of the algorithms for 3 x 3 taps, along columns and along rows. What is transformed stands at
/// to[point * point_pitch + tile * tile_pitch + lane], tiles row by row.
template <class T>
struct WinogradAlgorithm {
  WinogradAxis axis[2];
  int points() const { return axis[0].points * axis[1].points; }
  /// Of each tile of the staged source.
  void (*transform_source)(const WinogradTiles& tiles, const T* staged, T* to, std::int64_t tile_pitch,
                           std::int64_t point_pitch);
  /// Of `count` kernels of nine staged taps each, in their order or reversed; kernel c goes to c * pitch.
  void (*transform_weight)(const T* staged, std::int64_t count, bool reversed, T* to, std::int64_t pitch,
                           std::int64_t point_pitch);
  /// Of the products of each tile, to staged rows of tiles.result_columns pixels.
  void (*transform_result)(const WinogradTiles& tiles, const T* from, std::int64_t tile_pitch, std::int64_t point_pitch,
                           T* staged);
  /// The transpose of transform_result: of each tile of the staged cotangent. Null for gradients by the input of
  /// stride 2.
  void (*transform_cotangent)(const WinogradTiles& tiles, const T* staged, T* to, std::int64_t tile_pitch,
                              std::int64_t point_pitch);
  /// The transpose of transform_weight, of `count` kernels: kernel c is read at c * lanes, summed over `pieces` copies
  /// in their order.
  void (*transform_weight_gradient)(const T* from, std::int64_t count, std::int64_t point_pitch, std::int64_t pieces,
                                    std::int64_t piece_pitch, T* staged);
};

template <class T>
struct WinogradKernels {
  /// A convolution of stride 1, or its gradient by the input: two rows and columns of results in a tile, or two rows of
  /// four.
  WinogradAlgorithm<T> stride_1, stride_1_wide;
  /// A convolution of stride 2; its gradient by the input for an even padding, and for an odd one.
  WinogradAlgorithm<T> stride_2, stride_2_gradient_even, stride_2_gradient_odd;
};

/// F(2 x 2, 3 x 3) of stride 1 with a tile in each lane: of one channel, `vectors` vectors of tiles in each of `rows`
/// rows. What is transformed stands at to[point * point_pitch + (row * vectors + vector) * lanes + lane].
template <class T>
struct WinogradTileKernels {
  int lanes;
  /// Of 2 (rows + 1) rows of pixels, `row_pitch` apart: tile j of a row reads four of them from pixel 2 j on.
  void (*transform_source)(std::int64_t rows, std::int64_t vectors, const T* staged, std::int64_t row_pitch, T* to,
                           std::int64_t point_pitch);
  /// To the first result_rows rows and result_columns columns of an image, whose rows are result_columns long.
  void (*transform_result)(std::int64_t rows, std::int64_t vectors, const T* from, std::int64_t point_pitch,
                           std::int64_t result_rows, std::int64_t result_columns, T* to);
};

namespace baseline {
const WinogradKernels<float>& winograd_kernels_f32();
const WinogradKernels<double>& winograd_kernels_f64();
const WinogradTileKernels<float>& winograd_tile_kernels_f32();
const WinogradTileKernels<double>& winograd_tile_kernels_f64();
}  // namespace baseline
namespace avx2 {
const WinogradKernels<float>& winograd_kernels_f32();
const WinogradKernels<double>& winograd_kernels_f64();
const WinogradTileKernels<float>& winograd_tile_kernels_f32();
const WinogradTileKernels<double>& winograd_tile_kernels_f64();
}  // namespace avx2
namespace avx512 {
const WinogradKernels<float>& winograd_kernels_f32();
const WinogradKernels<double>& winograd_kernels_f64();
const WinogradTileKernels<float>& winograd_tile_kernels_f32();
const WinogradTileKernels<double>& winograd_tile_kernels_f64();
}  // namespace avx512

}  // namespace sg::kernels
