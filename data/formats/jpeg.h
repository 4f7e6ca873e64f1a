// JPEG: the markers of a file, and the check that nothing is missing (ITU-T T.81).
#pragma once

#include "data/formats/formats.h"

namespace sg::data::formats::jpeg {

inline constexpr unsigned frame_progressive = 0xc2, huffman_tables = 0xc4, end_of_image = 0xd9, start_of_scan = 0xda,
                          quantisation_tables = 0xdb, restart_interval = 0xdd, app1 = 0xe1, app14 = 0xee;

inline bool is_frame(unsigned marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}
/// Markers that no length follows.
inline bool is_alone(unsigned marker) { return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8); }

/// A marker and where its segment's length stands; 0 at the end of the file.
struct Marker {
  unsigned code = 0;
  std::size_t at = 0;
};
/// The next marker from `place` on. Any number of 0xff may stand before its code (B.1.1.2), and within a scan 0xff 0x00
/// is a value; other bytes between segments are stepped over.
Marker next_marker(Source& source, std::size_t place);

/// Throws unless a file whose frame `jpeg_header` has found good has the tables that it needs, and in its scans every
/// bit of every coefficient. Returns it without what may stand between the segments, with what Adobe's programs write
/// into files of four components. Takes at most the file's size and 8 bytes for 64 pixels and component.
std::vector<std::byte> checked(std::span<const std::byte> file, std::string_view name);

}  // namespace sg::data::formats::jpeg
