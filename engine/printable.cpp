// Printable.
#include "engine/printable.h"

#include <cstdint>

namespace sg {
namespace {

/// A character of the text: how many bytes it has, and its code; 0 bytes where no character of UTF-8 begins.
struct Character {
  std::size_t bytes;
  std::uint32_t code;
};

Character character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::uint32_t first = byte(at);
  if (first < 0x80) {
    return {1, first};
  }
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() - at < bytes) {
    return {0, 0};
  }
  std::uint32_t code = first & (0xffu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) {
      return {0, 0};
    }
    code = code << 6 | (byte(at + i) & 0x3fu);
  }
  const std::uint32_t least = bytes == 4 ? 0x10000 : bytes == 3 ? 0x800 : 0x80;
  if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    return {0, 0};
  }
  return {bytes, code};
}

bool is_command(std::uint32_t code) {
  const bool is_control = code < 0x20 || (code >= 0x7f && code <= 0x9f);
  const bool is_separator = code == 0x2028 || code == 0x2029;
  const bool turns = code == 0x61c || code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
                     (code >= 0x2066 && code <= 0x2069);
  return is_control || is_separator || turns;
}

std::string shown(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const Character character = character_at(text, at);
    if (character.bytes == 0) {
      result += '?';
      ++at;
      continue;
    }
    if (is_command(character.code)) {
      result += ' ';
    } else {
      result += text.substr(at, character.bytes);
    }
    at += character.bytes;
  }
  return result;
}

bool is_inner_byte(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

std::string printable(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) {
    return shown(text);
  }
  std::size_t head = longest / 2, tail = text.size() - longest / 2;
  while (head > 0 && is_inner_byte(text[head])) {
    --head;
  }
  while (tail < text.size() && is_inner_byte(text[tail])) {
    ++tail;
  }
  return shown(text.substr(0, head)) + " ... " + shown(text.substr(tail));
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const Character character = character_at(text, at);
    if (character.bytes == 0) {
      return false;
    }
    at += character.bytes;
  }
  return true;
}

}  // namespace sg
