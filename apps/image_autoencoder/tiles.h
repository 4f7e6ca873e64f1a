// Tiles: a picture of any size as overlapping squares, and back with the seams blended.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "data/image_io.h"
#include "engine/tensor.h"

namespace sg::image_autoencoder {

/// Where tiles begin along an extent (a shorter one counts as one tile): spread evenly from 0 to extent - tile, so that
/// neighbours share at least `overlap` pixels. Throws unless 0 <= overlap < tile.
std::vector<std::int64_t> tile_places(std::int64_t extent, std::int64_t tile, std::int64_t overlap);

/// The weight [i][x - places[i]] of each tile's pixels: highest in the middle of a tile, sloping down over the
/// `overlap` pixels next to its edges; those of all tiles over a pixel sum to 1.
std::vector<std::vector<double>> tile_weights(const std::vector<std::int64_t>& places, std::int64_t tile,
                                              std::int64_t overlap);

/// The tiles of a picture, in rows.
struct TileGrid {
  TileGrid(std::int64_t picture_height, std::int64_t picture_width, std::int64_t tile_side, std::int64_t least_overlap);
  std::int64_t count() const { return static_cast<std::int64_t>(rows.size() * columns.size()); }

  std::int64_t height, width, tile, overlap;
  std::vector<std::int64_t> rows, columns;  // where they begin
};

/// Tiles first .. first + count - 1 of an RGB picture as [count, 3, tile, tile], values in [0, 1]. Beyond the edges of
/// a picture smaller than a tile stands its mirror image.
Tensor cut_tiles(const data::Image& picture, const TileGrid& grid, std::int64_t first, std::int64_t count);

/// Puts tiles together to an RGB picture; holds one row of tiles besides the picture.
class TileBlender {
 public:
  explicit TileBlender(const TileGrid& grid);
  /// The next tiles [N, 3, tile, tile] of the grid, in its order.
  void add(const Tensor& tiles);
  /// The picture, once all tiles have been added.
  data::Image finish();

 private:
  void flush(std::int64_t rows);

  TileGrid grid_;
  std::vector<std::vector<double>> row_weights_, column_weights_;
  std::vector<float> band_;  // [tile][width][3] from row `top_` on
  std::int64_t top_ = 0;
  std::int64_t added_ = 0;
  data::Image picture_;
};

/// Applies a function of tiles [N, 3, tile, tile] -> the same to a picture, a few tiles at a time. Throws
/// apps::Interrupted after Ctrl-C.
data::Image map_tiles(const data::Image& picture, const TileGrid& grid,
                      const std::function<Tensor(const Tensor&)>& function);

/// The largest side of a tile.
inline constexpr std::int64_t kLargestTile = 2048;
/// How many tiles the network is given at once: 16 small ones, fewer of those above 128 x 128, so that memory stays
/// bounded.
std::int64_t tiles_at_once(std::int64_t tile);

}  // namespace sg::image_autoencoder
