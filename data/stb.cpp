// Stb: the library's implementation, its memory, and PNG's compression by zlib.
#include "data/stb.h"

#include <zlib.h>

#include <climits>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

constexpr std::size_t block_header = 16;  // holds the block's size and keeps its alignment
thread_local std::size_t memory_left = 0;

void* limited_malloc(std::size_t size) {
  if (size > memory_left) return nullptr;
  auto* block =
      static_cast<unsigned char*>(std::calloc(1, size + block_header));  // a truncated file shows zeros, not old memory
  if (!block) return nullptr;
  memory_left -= size;
  std::memcpy(block, &size, sizeof size);
  return block + block_header;
}

void limited_free(void* pointer) {
  if (!pointer) return;
  auto* block = static_cast<unsigned char*>(pointer) - block_header;
  std::size_t size = 0;
  std::memcpy(&size, block, sizeof size);
  memory_left += size;
  std::free(block);
}

void* limited_realloc(void* pointer, std::size_t size) {
  if (!pointer) return limited_malloc(size);
  std::size_t old = 0;
  std::memcpy(&old, static_cast<unsigned char*>(pointer) - block_header, sizeof old);
  void* moved = limited_malloc(size);
  if (!moved) return nullptr;
  std::memcpy(moved, pointer, old < size ? old : size);
  limited_free(pointer);
  return moved;
}

unsigned char* compress_by_zlib(unsigned char* data, int size, int* compressed_size, int) {
  uLongf bound = compressBound(static_cast<uLong>(size));
  auto* out = static_cast<unsigned char*>(std::malloc(bound));
  if (!out) return nullptr;
  if (compress2(out, &bound, data, static_cast<uLong>(size), 8) != Z_OK) {
    std::free(out);
    return nullptr;
  }
  *compressed_size = static_cast<int>(bound);
  return out;
}

}  // namespace

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_NO_STDIO
#define STBI_ONLY_JPEG
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_MAX_DIMENSIONS 16384
#define STBI_MALLOC limited_malloc
#define STBI_REALLOC limited_realloc
#define STBI_FREE limited_free
#include <stb/stb_image.h>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#define STBIW_ZLIB_COMPRESS compress_by_zlib
#include <stb/stb_image_write.h>

namespace sg::data::stb {
namespace {

std::string failure() {
  const char* reason = stbi_failure_reason();
  return reason && *reason ? reason : "no whole JPEG picture";
}

}  // namespace

bool decode_jpeg(std::span<const std::byte> file, std::size_t memory_limit, Header& header,
                 std::vector<std::uint8_t>& pixels, std::string& reason) {
  memory_left = memory_limit;
  const auto* bytes = reinterpret_cast<const stbi_uc*>(file.data());
  if (file.size() > INT_MAX) {
    reason = "too large";
    return false;
  }
  struct Free {
    stbi_uc* pixels;
    ~Free() { stbi_image_free(pixels); }
  };
  const Free decoded{
      stbi_load_from_memory(bytes, static_cast<int>(file.size()), &header.width, &header.height, &header.channels, 0)};
  if (!decoded.pixels) {
    reason = failure();
    return false;
  }
  const std::size_t size = static_cast<std::size_t>(header.width) * header.height * header.channels;
  pixels.assign(decoded.pixels, decoded.pixels + size);
  return true;
}

std::string encode_png(const std::uint8_t* pixels, int width, int height, int channels) {
  int size = 0;
  struct Free {
    unsigned char* bytes;
    ~Free() { std::free(bytes); }
  };
  const Free png{stbi_write_png_to_mem(pixels, width * channels, width, height, channels, &size)};
  if (!png.bytes) throw std::bad_alloc();
  return {reinterpret_cast<const char*>(png.bytes), static_cast<std::size_t>(size)};
}

}  // namespace sg::data::stb
