// IDX: the file format of the MNIST database, gzip-compressed or not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace sg::data {

/// Unsigned bytes with their extents, in row-major order.
struct IdxArray {
  std::vector<std::int64_t> extents;
  std::vector<std::uint8_t> values;
};

/// The most bytes that an array, or a file, may have.
inline constexpr std::size_t idx_limit = std::size_t{1} << 31;

/// Reads a whole IDX file in memory; gzip is told by its first bytes. Throws, beginning with `name`, unless it is an
/// array of unsigned bytes with `rank` axes of at least one element each, exactly as long as its header says. Takes
/// the file's size in memory and what the array has; a gzip file may unpack to 64 MB, or to a hundred times its size.
IdxArray parse_idx(std::span<const std::byte> file, std::string_view name, std::size_t rank);
IdxArray read_idx(const std::filesystem::path& path, std::size_t rank);

}  // namespace sg::data
