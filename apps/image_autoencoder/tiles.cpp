// Tiles: cutting and blending.
#include "apps/image_autoencoder/tiles.h"

#include <algorithm>
#include <cmath>

#include "apps/common/run_app.h"
#include "apps/image_autoencoder/command.h"
#include "engine/ops.h"

namespace sg::image_autoencoder {
namespace {

/// The index of a mirrored picture of n pixels: 0 1 2 2 1 0 0 1 ...
std::int64_t mirrored(std::int64_t i, std::int64_t n) {
  i %= 2 * n;
  return i < n ? i : 2 * n - 1 - i;
}

}  // namespace

std::int64_t tiles_at_once(std::int64_t tile) {
  return std::clamp<std::int64_t>(16 * 128 * 128 / (tile * tile), 1, 16);
}

std::vector<std::int64_t> tile_places(std::int64_t extent, std::int64_t tile, std::int64_t overlap) {
  if (extent < 1 || tile < 1 || overlap < 0 || overlap >= tile) {
    fail("tiles: extent {}, tile {}, overlap {}", extent, tile, overlap);
  }
  const std::int64_t room = std::max<std::int64_t>(0, extent - tile), step = tile - overlap;
  const std::int64_t gaps = (room + step - 1) / step;
  std::vector<std::int64_t> places{0};
  for (std::int64_t i = 1; i <= gaps; ++i) places.push_back(i * room / gaps);
  return places;
}

std::vector<std::vector<double>> tile_weights(const std::vector<std::int64_t>& places, std::int64_t tile,
                                              std::int64_t overlap) {
  const auto slope = [&](std::int64_t at) {
    return at < 0 || at >= tile ? 0.0
                                : static_cast<double>(std::min({2 * at + 1, 2 * (tile - at) - 1, 2 * overlap + 1}));
  };
  std::vector<std::vector<double>> weights(places.size(), std::vector<double>(static_cast<std::size_t>(tile)));
  std::size_t first = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    while (places[first] + tile <= places[i]) ++first;
    for (std::int64_t at = 0; at < tile; ++at) {
      double all = 0;
      for (std::size_t j = first; j < places.size() && places[j] <= places[i] + at; ++j) {
        all += slope(places[i] + at - places[j]);
      }
      weights[i][at] = slope(at) / all;
    }
  }
  return weights;
}

TileGrid::TileGrid(std::int64_t picture_height, std::int64_t picture_width, std::int64_t tile_side,
                   std::int64_t least_overlap)
    : height(picture_height),
      width(picture_width),
      tile(tile_side),
      overlap(least_overlap),
      rows(tile_places(height, tile, overlap)),
      columns(tile_places(width, tile, overlap)) {}

Tensor cut_tiles(const data::Image& picture, const TileGrid& grid, std::int64_t first, std::int64_t count) {
  if (picture.height != grid.height || picture.width != grid.width || picture.channels != 3) {
    fail("cut_tiles: a picture of {} x {} x {}, a grid of {} x {} x 3", picture.height, picture.width, picture.channels,
         grid.height, grid.width);
  }
  const std::int64_t tile = grid.tile, across = static_cast<std::int64_t>(grid.columns.size());
  std::vector<float> values(static_cast<std::size_t>(count * 3 * tile * tile));
  for (std::int64_t n = 0; n < count; ++n) {
    const std::int64_t top = grid.rows[(first + n) / across], left = grid.columns[(first + n) % across];
    for (std::int64_t i = 0; i < tile; ++i) {
      for (std::int64_t j = 0; j < tile; ++j) {
        const std::uint8_t* pixel = picture.at(mirrored(top + i, grid.height), mirrored(left + j, grid.width));
        for (std::int64_t c = 0; c < 3; ++c) {
          values[((n * 3 + c) * tile + i) * tile + j] = static_cast<float>(pixel[c]) / 255;
        }
      }
    }
  }
  return tensor(std::span<const float>(values), {count, 3, tile, tile});
}

TileBlender::TileBlender(const TileGrid& grid)
    : grid_(grid),
      row_weights_(tile_weights(grid.rows, grid.tile, grid.overlap)),
      column_weights_(tile_weights(grid.columns, grid.tile, grid.overlap)),
      band_(static_cast<std::size_t>(grid.tile * grid.width * 3)),
      picture_{grid.width, grid.height, 3, {}} {
  picture_.pixels.reserve(static_cast<std::size_t>(grid.height * grid.width * 3));
}

void TileBlender::add(const Tensor& tiles) {
  const std::int64_t tile = grid_.tile, across = static_cast<std::int64_t>(grid_.columns.size());
  if (tiles.rank() != 4 || tiles.shape() != Shape{tiles.shape(0), 3, tile, tile} ||
      added_ + tiles.shape(0) > grid_.count()) {
    fail("tiles: {} of shape {}, needs {} of [3, {}, {}]", added_, tiles.shape(), grid_.count(), tile, tile);
  }
  const std::vector<float> values = tiles.to_vector<float>();
  for (std::int64_t n = 0; n < tiles.shape(0); ++n, ++added_) {
    const std::int64_t row = added_ / across, column = added_ % across, left = grid_.columns[column];
    if (grid_.rows[row] > top_) flush(grid_.rows[row] - top_);
    const std::int64_t height = std::min(tile, grid_.height), width = std::min(tile, grid_.width);
    for (std::int64_t i = 0; i < height; ++i) {
      for (std::int64_t j = 0; j < width; ++j) {
        const auto weight = static_cast<float>(row_weights_[row][i] * column_weights_[column][j]);
        float* pixel = band_.data() + (i * grid_.width + left + j) * 3;
        for (std::int64_t c = 0; c < 3; ++c) pixel[c] += weight * values[((n * 3 + c) * tile + i) * tile + j];
      }
    }
  }
}

/// The band's first rows are whole: they go into the picture, and the others move up.
void TileBlender::flush(std::int64_t rows) {
  const std::int64_t line = grid_.width * 3;
  for (std::int64_t i = 0; i < rows * line; ++i) {
    const float value = band_[i];  // to the nearest, and a NaN to black, as to_image does
    picture_.pixels.push_back(value > 0 ? static_cast<std::uint8_t>(std::lround(std::min(value, 1.0f) * 255)) : 0);
  }
  std::move(band_.begin() + rows * line, band_.end(), band_.begin());
  std::fill(band_.end() - rows * line, band_.end(), 0.0f);
  top_ += rows;
}

data::Image TileBlender::finish() {
  if (added_ != grid_.count()) fail("tiles: {} of {} have been added", added_, grid_.count());
  flush(grid_.height - top_);
  return std::move(picture_);
}

data::Image map_tiles(const data::Image& picture, const TileGrid& grid,
                      const std::function<Tensor(const Tensor&)>& function) {
  const NoGrad no_grad;
  TileBlender blender(grid);
  for (std::int64_t first = 0; first < grid.count(); first += tiles_at_once(grid.tile)) {
    if (apps::interrupted()) apps::stop_interrupted(kName, "");
    blender.add(function(cut_tiles(picture, grid, first, std::min(tiles_at_once(grid.tile), grid.count() - first))));
  }
  return blender.finish();
}

}  // namespace sg::image_autoencoder
