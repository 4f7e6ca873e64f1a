// JPEG check: walks through all codes of all scans, since a decoder shows grey for what is not there.
#include <array>
#include <bit>
#include <cstring>

#include "data/formats/jpeg.h"
#include "data/formats/jpeg_codes.h"

namespace sg::data::formats::jpeg {
namespace {

struct Component {
  unsigned id = 0, across = 1, down = 1;  // and its blocks in a unit of interleaved components
  unsigned quantisation = 0;
  std::int64_t columns = 0, rows = 0;   // blocks of 8 x 8
  std::array<int, 64> lowest_bit;       // that was sent of each coefficient
  std::vector<std::uint64_t> not_zero;  // of a progressive file, for each block a bit for each coefficient
  static constexpr int nothing_sent = 100;
};

struct ScanPart {
  Component* component;
  const CodeTable *dc, *ac;
};

struct Scan {
  std::vector<ScanPart> parts;
  unsigned first = 0, last = 63;  // coefficients
  int high = 0, low = 0;          // the lowest bit that was sent before, and that is sent now
};

constexpr std::array<unsigned, 16> adobe_segment{0xff, app14, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0};

class Check {
 public:
  Check(std::span<const std::byte> file, std::string_view name) : file_(file), name_(name) {}

  std::vector<std::byte> run() {
    Source source(file_);
    whole_.reserve(file_.size() + adobe_segment.size());
    keep(0, 2);
    std::size_t place = 2;
    while (true) {
      const Marker marker = next_marker(source, place);
      if (marker.code == 0) {
        refuse("it ends before its end marker");
      }
      if (marker.code == end_of_image) {
        check_all_sent();
        keep(marker.at - 2, marker.at);
        return std::move(whole_);
      }
      place = marker.at;
      if (is_alone(marker.code)) {
        continue;
      }
      ByteReader length(file_, name_, pixels_error);
      length.seek(place);
      const std::size_t size = length.left() < 2 ? 0 : length.big16();
      if (size < 2 || size > file_.size() - place) {
        refuse(fmt::format("a JPEG segment at byte {} that goes beyond the file", place - 2));
      }
      ByteReader content(file_.subspan(place + 2, size - 2), name_, pixels_error);
      if (marker.code == start_of_scan && scans_ == 0 && components_.size() == 4) {
        add_adobe_segment();
      }
      keep(place - 2, place + size);
      place += size;
      if (is_frame(marker.code)) {
        read_frame(content, marker.code == frame_progressive);
      } else if (marker.code == huffman_tables) {
        read_huffman_tables(content);
      } else if (marker.code == quantisation_tables) {
        read_quantisation_tables(content);
      } else if (marker.code == restart_interval) {
        interval_ = content.big16();
      } else if (marker.code == app14 && scans_ == 0) {
        read_adobe(content);
      } else if (marker.code == start_of_scan) {
        const std::size_t end = walk(read_scan(content), place);
        keep(place, end);
        place = end;
      }
    }
  }

 private:
  void keep(std::size_t begin, std::size_t end) {
    const auto bytes = file_.subspan(begin, end - begin);
    whole_.insert(whole_.end(), bytes.begin(), bytes.end());
  }

  [[noreturn]] void refuse(std::string_view reason) const { fail("{}: {}: {}", name_, pixels_error, reason); }

  /// B.2.2.
  void read_frame(ByteReader& frame, bool progressive) {
    if (!components_.empty()) {
      refuse("it has two frames");
    }
    progressive_ = progressive;
    frame.skip(1);
    height_ = frame.big16();
    const std::int64_t width = frame.big16();
    components_.resize(frame.byte());
    if (components_.size() != 1 && components_.size() != 3 && components_.size() != 4) {
      refuse(fmt::format("a JPEG picture of {} components: 1, 3 or 4 are read", components_.size()));
    }
    unsigned most_across = 1;
    for (Component& component : components_) {
      component.id = frame.byte();
      const unsigned sampling = frame.byte();
      component.across = sampling >> 4;
      component.down = sampling & 15;
      component.quantisation = frame.byte();
      if (component.across < 1 || component.across > 4 || component.down < 1 || component.down > 4 ||
          component.quantisation > 3) {
        refuse(fmt::format("component {} has {} x {} samples and quantisation table {}", component.id, component.across,
                           component.down, component.quantisation));
      }
      most_across = std::max(most_across, component.across);
      most_down_ = std::max(most_down_, component.down);
      component.lowest_bit.fill(Component::nothing_sent);
    }
    const auto parts = [](std::int64_t size, std::int64_t part) { return (size + part - 1) / part; };
    for (Component& component : components_) {
      component.columns = parts(parts(width * component.across, most_across), 8);
      component.rows = parts(parts(height_ * component.down, most_down_), 8);
    }
    unit_columns_ = parts(width, 8 * most_across);
    unit_rows_ = parts(height_, 8 * most_down_);
  }

  /// B.2.4.2. What stb would write beyond its own tables has to be known before it sees them.
  void read_huffman_tables(ByteReader& tables) {
    while (tables.left() > 0) {
      const unsigned kind = tables.byte();
      if (kind >> 4 > 1 || (kind & 15) > 3) {
        refuse(fmt::format("a Huffman table of class {} and number {}", kind >> 4, kind & 15));
      }
      const auto counts = tables.take(16).first<16>();
      std::uint32_t count = 0, used = 0;  // codes, and the values of 16 bits that begin with one of them
      for (int length = 1; length <= 16; ++length) {
        const auto of_this_length = static_cast<std::uint32_t>(counts[static_cast<std::size_t>(length) - 1]);
        count += of_this_length;
        used += of_this_length << (16 - length);
      }
      if (count > 256 || used > 1 << 16) {
        refuse(fmt::format("a Huffman table of {} codes, more than its lengths have room for", count));
      }
      const bool is_dc = kind >> 4 == 0;
      (is_dc ? dc_tables_ : ac_tables_)[kind & 15] = CodeTable(is_dc, counts, tables.take(count));
      has_huffman_tables_ = true;
    }
  }

  /// B.2.4.1.
  void read_quantisation_tables(ByteReader& tables) {
    while (tables.left() > 0) {
      const unsigned kind = tables.byte();
      if (kind >> 4 > 1 || (kind & 15) > 3) {
        refuse(fmt::format("a quantisation table of precision {} and number {}", kind >> 4, kind & 15));
      }
      tables.skip(kind >> 4 == 0 ? 64 : 128);
      has_quantisation_[kind & 15] = true;
    }
  }

  void read_adobe(ByteReader& segment) {
    if (segment.left() >= 12 && std::memcmp(segment.take(5).data(), "Adobe", 5) == 0) {
      segment.skip(6);
      adobe_transform_ = segment.byte();
    }
  }

  /// A file of four components has inks, which are YCCK where Adobe's segment names a transform, and turned over (255
  /// is no ink) whether there is such a segment or not: so does Pillow, and so do browsers. stb takes the last segment.
  void add_adobe_segment() {
    for (const unsigned value : adobe_segment) {
      whole_.push_back(static_cast<std::byte>(value));
    }
    whole_.back() = static_cast<std::byte>(adobe_transform_ == 0 ? 0 : 2);
  }

  /// B.2.3; what a scan of a progressive file may send is in G.1.1.1.
  Scan read_scan(ByteReader& header) {
    constexpr int most_scans = 100;  // each goes over the whole picture: thousands would take hours
    if (++scans_ > most_scans) {
      fail("{}: a JPEG file of more than {} scans", name_, most_scans);
    }
    Scan scan;
    const unsigned count = header.byte();
    for (unsigned i = 0; i < count; ++i) {
      const unsigned id = header.byte(), tables = header.byte();
      const auto component =
          std::find_if(components_.begin(), components_.end(), [&](const Component& each) { return each.id == id; });
      if (component == components_.end() || (tables >> 4) > 3 || (tables & 15) > 3) {
        refuse(
            fmt::format("scan {} is of component {} with the tables {} and {}", scans_, id, tables >> 4, tables & 15));
      }
      if (!has_quantisation_[component->quantisation]) {
        refuse(
            fmt::format("component {} needs quantisation table {}, which is not there", id, component->quantisation));
      }
      scan.parts.push_back({&*component, &dc_tables_[tables >> 4], &ac_tables_[tables & 15]});
    }
    const unsigned first = header.byte(), last = header.byte(), bits = header.byte();
    if (progressive_) {
      scan.first = first;
      scan.last = last;
      scan.high = static_cast<int>(bits >> 4);
      scan.low = static_cast<int>(bits & 15);
    }
    const bool is_dc = scan.first == 0;
    if (count == 0 || count > components_.size() || scan.last > 63 || scan.first > scan.last || scan.low > 13 ||
        (scan.high != 0 && scan.high != scan.low + 1) ||
        (progressive_ && (is_dc ? scan.last != 0 : scan.parts.size() > 1))) {
      refuse(fmt::format("scan {} is of {} components, coefficients {} to {} and bits {} to {}", scans_, count,
                         scan.first, scan.last, scan.high, scan.low));
    }
    for (const ScanPart& part : scan.parts) {
      note_sent(*part.component, scan);
      const bool needs_dc = is_dc && scan.high == 0, needs_ac = !progressive_ || !is_dc;
      if ((needs_dc && !part.dc->is_there()) || (needs_ac && !part.ac->is_there())) {
        refuse(has_huffman_tables_ ? fmt::format("scan {} needs a Huffman table that is not there", scans_)
                                   : "it has no Huffman tables, as single frames of Motion-JPEG have none");
      }
    }
    return scan;
  }

  void note_sent(Component& component, const Scan& scan) const {
    for (unsigned k = scan.first; k <= scan.last; ++k) {
      int& lowest = component.lowest_bit[k];
      if (lowest != (scan.high == 0 ? Component::nothing_sent : scan.high)) {
        refuse(fmt::format("scan {} sends bit {} of coefficient {} of component {}, which is not the next", scans_,
                           scan.low, k, component.id));
      }
      lowest = scan.low;
    }
  }

  /// The standard lets a progressive file end before the last bits are sent, but no encoder writes such a file of its
  /// own: it is one that was cut between two scans.
  void check_all_sent() const {
    for (const Component& component : components_) {
      for (std::size_t k = 0; k < 64; ++k) {
        const int lowest = component.lowest_bit[k];
        if (lowest == Component::nothing_sent) {
          refuse(k == 0 ? fmt::format("no scan of component {}", component.id)
                        : fmt::format("no scan of coefficient {} of component {}", k, component.id));
        }
        if (lowest != 0) {
          refuse(fmt::format("no scan of the last {} bits of coefficient {} of component {}", lowest, k, component.id));
        }
      }
    }
  }

  /// Walks through the codes of a scan; returns where it ends.
  std::size_t walk(const Scan& scan, std::size_t place) {
    if (!progressive_) {
      return walk_blocks(scan, place, sequential_block);
    }
    if (scan.first == 0) {
      return walk_blocks(scan, place, scan.high == 0 ? first_dc : next_dc);
    }
    Component& component = *scan.parts.front().component;
    component.not_zero.resize(static_cast<std::size_t>(component.columns * component.rows));
    return walk_blocks(scan, place, scan.high == 0 ? first_ac : next_ac);
  }

  /// A block whose codes come next.
  struct Block {
    const Scan& scan;
    const ScanPart& part;
    std::int64_t number;  // in the component, if the scan has no other
    ScanBits& bits;
    unsigned& empty;  // blocks in which nothing more comes (the end-of-band run of G.1.2.2)
    std::uint64_t& not_zero() const { return part.component->not_zero[static_cast<std::size_t>(number)]; }
  };

  std::size_t walk_blocks(const Scan& scan, std::size_t place, bool (*read)(const Block&)) const {
    const bool is_alone = scan.parts.size() == 1;  // then its units are single blocks, and none of them is padding
    const Component& first = *scan.parts.front().component;
    const std::int64_t rows = is_alone ? first.rows : unit_rows_, columns = is_alone ? first.columns : unit_columns_;
    const std::int64_t unit_height = 8 * most_down_ / (is_alone ? first.down : 1);
    ScanBits bits(file_, place);
    unsigned empty = 0, restarts = 0;
    std::int64_t left = interval_ == 0 ? rows * columns : interval_;
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t column = 0; column < columns; ++column, --left) {
        if (left == 0) {
          if (!bits.pass_marker(0xd0 + restarts % 8)) {
            refuse(fmt::format("scan {} lacks restart marker {} at row {} of {}", scans_, restarts % 8,
                               row * unit_height, height_));
          }
          ++restarts;
          empty = 0;
          left = interval_;
        }
        bool is_good = true;
        for (const ScanPart& part : scan.parts) {
          const unsigned blocks = is_alone ? 1 : part.component->across * part.component->down;
          for (unsigned i = 0; i < blocks; ++i) {
            is_good = read(Block{scan, part, row * columns + column, bits, empty}) && is_good;
          }
        }
        if (bits.is_over() || !is_good) {
          refuse(fmt::format("scan {} {} at row {} of {}", scans_,
                             bits.is_over() ? "ends" : "has a code that cannot be", row * unit_height, height_));
        }
      }
    }
    return bits.place();
  }

  /// F.2.2.
  static bool sequential_block(const Block& block) {
    ScanBits& bits = block.bits;
    const Code dc = block.part.dc->find(bits.next());
    bits.drop(dc.bits);
    unsigned k = 1u + dc.steps;
    while (k < 64) {
      const Code code = block.part.ac->find(bits.next());
      bits.drop(code.bits);
      k += code.steps;
    }
    return k == 64 || k > Code::ends_block;
  }

  static bool first_dc(const Block& block) {
    const Code code = block.part.dc->find(block.bits.next());
    block.bits.drop(code.bits);
    return code.steps != Code::is_none;
  }
  static bool next_dc(const Block& block) {
    block.bits.skip(1);
    return true;
  }

  /// The blocks that stay empty behind this one.
  static unsigned run_of_empty(ScanBits& bits, Code code) {
    const unsigned places = code.value >> 4;
    return (1u << places) - 1 + bits.take(places);
  }

  /// G.1.2.2.
  static bool first_ac(const Block& block) {
    if (block.empty > 0) {
      --block.empty;
      return true;
    }
    const unsigned end = block.scan.last + 1;
    for (unsigned k = block.scan.first; k < end;) {
      const Code code = block.part.ac->find(block.bits.next());
      block.bits.drop(code.bits);
      if (code.steps == Code::ends_block) {
        block.empty = run_of_empty(block.bits, code);
        return true;
      }
      k += code.steps;
      if (k > end) {
        return false;
      }
      if (code.has_coefficient()) {
        block.not_zero() |= std::uint64_t{1} << (k - 1);
      }
    }
    return true;
  }

  /// G.1.2.3: every coefficient that was not zero before has one bit behind the code that goes over it.
  static bool next_ac(const Block& block) {
    const std::uint64_t before = block.not_zero();
    std::uint64_t left = ~std::uint64_t{0} >> (63 - block.scan.last) & ~std::uint64_t{0} << block.scan.first;
    while (left != 0 && block.empty == 0) {
      const Code code = block.part.ac->find(block.bits.next());
      block.bits.drop(code.length);
      if (code.steps == Code::ends_block) {
        block.empty = run_of_empty(block.bits, code) + 1;
        break;
      }
      std::uint64_t zeros = left & ~before;
      for (unsigned i = 1; i < code.steps; ++i) {
        zeros &= zeros - 1;
      }
      if (zeros == 0 || (code.value & 15) > 1) {
        return false;
      }
      const std::uint64_t reached = zeros & -zeros, passed = left & (reached | (reached - 1));
      block.bits.skip(static_cast<unsigned>(std::popcount(passed & before)) + (code.value & 15));
      if (code.has_coefficient()) {
        block.not_zero() |= reached;
      }
      left &= ~passed;
    }
    if (left != 0) {
      block.bits.skip(static_cast<unsigned>(std::popcount(left & before)));
      --block.empty;
    }
    return true;
  }

  std::span<const std::byte> file_;
  std::string_view name_;
  std::vector<std::byte> whole_;
  unsigned adobe_transform_ = 0;
  std::vector<Component> components_;
  std::array<CodeTable, 4> dc_tables_, ac_tables_;
  std::array<bool, 4> has_quantisation_{};
  bool has_huffman_tables_ = false, progressive_ = false;
  std::int64_t height_ = 0, unit_columns_ = 0, unit_rows_ = 0, interval_ = 0;
  unsigned most_down_ = 1;
  int scans_ = 0;
};

}  // namespace

Marker next_marker(Source& source, std::size_t place) {
  while (place < source.size()) {
    const auto bytes = source.at(place, 512);
    for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
      const auto code = static_cast<unsigned>(bytes[i + 1]);
      if (bytes[i] == std::byte{0xff} && code != 0 && code != 0xff) {
        return {code, place + i + 2};
      }
    }
    if (bytes.size() < 2) {
      return {};
    }
    place += bytes.size() - 1;
  }
  return {};
}

std::vector<std::byte> checked(std::span<const std::byte> file, std::string_view name) {
  return Check(file, name).run();
}

}  // namespace sg::data::formats::jpeg
