// IDX files, whole and damaged; the embedded digits.
#include <zlib.h>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "data/digits.h"
#include "data/embedded.h"
#include "data/files.h"
#include "data/idx.h"
#include "engine/random.h"
#include "tests/data/temporary_folder.h"
#include "tests/paths.h"

using namespace sg;
using namespace sg::data;
using tests::error_of;
using tests::TemporaryFolder;

namespace {

std::string idx(std::vector<std::uint32_t> extents, std::size_t elements, unsigned char type = 8) {
  std::string file{'\0', '\0', static_cast<char>(type), static_cast<char>(extents.size())};
  for (const std::uint32_t extent : extents) {
    for (int shift = 24; shift >= 0; shift -= 8) file += static_cast<char>(extent >> shift & 255);
  }
  for (std::size_t i = 0; i < elements; ++i) file += static_cast<char>(i * 7 & 255);
  return file;
}

std::string gzip(const std::string& contents) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, contents.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(contents.data()));
  stream.avail_in = static_cast<uInt>(contents.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

IdxArray parse(const std::string& file, std::size_t rank) { return parse_idx(bytes_of(file), "file", rank); }

}  // namespace

TEST_CASE("an IDX file gives its extents and bytes, packed or not, in one gzip member or in two", "[idx]") {
  const std::string file = idx({2, 3, 4}, 24);
  for (const std::string& form : {file, gzip(file), gzip(file.substr(0, 21)) + gzip(file.substr(21))}) {
    const IdxArray array = parse(form, 3);
    CHECK(array.extents == std::vector<std::int64_t>{2, 3, 4});
    CHECK(std::string(array.values.begin(), array.values.end()) == file.substr(16));
  }
}

TEST_CASE("a damaged IDX file is refused in words that say how", "[idx]") {
  const std::string good = idx({2, 3, 4}, 24);
  const std::string packed = gzip(good);
  struct Row {
    std::string file;
    std::string expected;
  };
  std::string wrong_sum = packed;
  wrong_sum[packed.size() - 6] = static_cast<char>(wrong_sum[packed.size() - 6] ^ 1);
  const std::vector<Row> rows{
      {"", "the file is empty"},
      {std::string(2, '\0'), "only 2 bytes"},
      {"PK\x03\x04 a zip file", "neither an IDX file nor gzip"},
      {"<html>not found</html>", "neither an IDX file nor gzip"},
      {idx({2, 3, 4}, 24, 13), "type 0x0d"},
      {idx({24}, 24), "1 axes instead of 3"},
      {std::string("\x03\x08\0\0", 4) + good.substr(4), "neither an IDX file nor gzip"},  // in the other order
      {good.substr(0, 4) + std::string("\2\0\0\0\3\0\0\0\4\0\0\0", 12) + good.substr(16), "the limit"},
      {good.substr(0, 10), "the header ends before extent 1"},
      {idx({2, 0, 4}, 0), "extent 1 is 0"},
      {good.substr(0, 30), "truncated: 14 bytes of elements instead of 24"},
      {good + "x", "oversized"},
      {idx({0xffffffff, 0xffffffff, 0xffffffff}, 10), "the limit"},
      {idx({30000, 28, 28}, 10), "truncated: 10 bytes"},
      {packed.substr(0, packed.size() / 2), "ends too early"},
      {packed.substr(0, 3), "ends too early"},
      {packed + "trailing", "other bytes follow"},
      {gzip("hello, world"), "neither an IDX file nor gzip"},
      {gzip(good + "x"), "oversized"},
      {gzip(good.substr(0, 30)), "truncated"},
      {gzip(""), "only 0 bytes"},
      {wrong_sum, "damaged gzip data"},
      {std::string("\x1f\x8b garbage"), "damaged gzip data"},
      {gzip(packed), "neither an IDX file nor gzip"},
  };
  for (const Row& row : rows) {
    const std::string message = error_of([&] { parse(row.file, 3); });
    INFO("expected: " << row.expected << "; got: " << message);
    CHECK(message.starts_with("file: "));
    CHECK(message.find(row.expected) != std::string::npos);
  }
}

TEST_CASE("a gzip bomb behind a small header is left as soon as its first byte too many is seen", "[idx]") {
  const std::string bomb = gzip(idx({2, 3, 4}, 24) + std::string(std::size_t{64} << 20, '\0'));
  CHECK(error_of([&] { parse(bomb, 3); }).find("oversized") != std::string::npos);
}

TEST_CASE("IDX files with bytes changed at random are read or refused", "[idx]") {
  Philox random(17);
  for (const std::string& seed : {idx({2, 3, 4}, 24), gzip(idx({5, 28, 28}, 5 * 784))}) {
    int refused = 0;
    for (int trial = 0; trial < 2000; ++trial) {
      std::string file =
          seed.substr(0, static_cast<std::size_t>(random.below(static_cast<std::int64_t>(seed.size()) + 1)));
      if (trial % 2) file = seed;
      for (std::int64_t changes = random.below(4); changes > 0 && !file.empty(); --changes) {
        file[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(file.size())))] =
            static_cast<char>(random.bits());
      }
      refused += !error_of([&] { parse(file, 3); }).empty();
    }
    CHECK(refused > 1000);
  }
}

TEST_CASE("the embedded digits are 8,000 and 2,000 pictures of 28 x 28 with labels", "[idx][embedded]") {
  const Digits digits = embedded_digits();
  CHECK(digits.train.size() == 8000);
  CHECK(digits.test.size() == 2000);
  CHECK(digits.train.sample_shape() == Shape{1, 28, 28});
  CHECK(digits.train_labels.size() == 8000);
  CHECK(digits.test_labels.size() == 2000);
  std::vector<int> counts(10);
  for (const std::uint8_t label : digits.train_labels) ++counts.at(label);
  for (const int count : counts) CHECK(count > 600);
}

TEST_CASE("limited digits keep as many labels as pictures", "[idx][embedded]") {
  Digits digits = embedded_digits();
  digits.limit(0, 3);
  CHECK(digits.train.size() == 8000);
  CHECK(digits.test.size() == 3);
  CHECK(digits.test_labels.size() == 3);
  digits.limit(5, 0);
  CHECK(digits.train.size() == 5);
  CHECK(digits.train_labels.size() == 5);
  digits.test_labels.clear();
  digits.limit(0, 2);
  CHECK(digits.test.size() == 2);
  CHECK(digits.test_labels.empty());
}

TEST_CASE("embedded files are the bytes of data/embedded", "[embedded]") {
  for (const std::string& name : embedded_names()) {
    const auto bytes = embedded_file(name);
    const std::string file = read_file(sg::test::source_folder() / "data/embedded" / name, std::size_t{1} << 30);
    CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == file);
  }
  CHECK(embedded_names("photos/").size() == 10);
  CHECK(has_embedded_file("photos/wine.jpg"));
  CHECK(error_of([] { embedded_file("photos/none.jpg"); }).find("photos/none.jpg") != std::string::npos);
}

TEST_CASE("a folder of IDX files is read with or without labels, packed or not", "[idx]") {
  const TemporaryFolder folder;
  CHECK_FALSE(is_idx_folder(folder.path()));
  CHECK(error_of([&] { read_digits(folder.path()); }).find("no file train-images-idx3-ubyte") != std::string::npos);
  CHECK(error_of([&] { read_digits(folder / "missing"); }).find("no such folder") != std::string::npos);
  folder.write("train-images-idx3-ubyte", idx({3, 5, 4}, 60));
  CHECK(error_of([&] { read_digits(folder.path()); }).find("no file t10k-images-idx3-ubyte") != std::string::npos);
  folder.write("t10k-images-idx3-ubyte.gz", gzip(idx({2, 5, 4}, 40)));
  CHECK(is_idx_folder(folder.path()));
  Digits digits = read_digits(folder.path());
  CHECK(digits.train.size() == 3);
  CHECK(digits.test.sample_shape() == Shape{1, 5, 4});
  CHECK(digits.train_labels.empty());
  folder.write("train-labels-idx1-ubyte", idx({3}, 3));
  CHECK(read_digits(folder.path()).train_labels.size() == 3);
  folder.write("t10k-labels-idx1-ubyte", idx({3}, 3));
  CHECK(error_of([&] { read_digits(folder.path()); }).find("3 labels for 2 pictures") != std::string::npos);
  std::filesystem::remove(folder / "t10k-labels-idx1-ubyte");
  folder.write("t10k-images-idx3-ubyte.gz", gzip(idx({2, 4, 5}, 40)));
  CHECK(error_of([&] {
          read_digits(folder.path());
        }).find("training pictures are [1, 5, 4], test pictures [1, 4, 5]") != std::string::npos);
  std::filesystem::remove(folder / "t10k-images-idx3-ubyte.gz");
  std::filesystem::create_directory(folder / "t10k-images-idx3-ubyte.gz");
  CHECK(error_of([&] { read_digits(folder.path()); }).find("no file t10k-images-idx3-ubyte") != std::string::npos);
}

TEST_CASE("folders that are named as IDX files are stand beside them and are passed over", "[idx]") {
  const TemporaryFolder folder;
  for (const std::string set : {"train", "t10k"}) {
    std::filesystem::create_directory(folder / (set + "-images-idx3-ubyte"));
    std::filesystem::create_directory(folder / (set + "-labels-idx1-ubyte"));
  }
  CHECK_FALSE(is_idx_folder(folder.path()));
  for (const std::string set : {"train", "t10k"}) {
    folder.write(set + "-images.idx3-ubyte", idx({3, 5, 4}, 60));
    folder.write(set + "-labels.idx1-ubyte", idx({3}, 3));
  }
  CHECK(is_idx_folder(folder.path()));
  const Digits digits = read_digits(folder.path());
  CHECK(digits.train.size() == 3);
  CHECK(digits.test_labels.size() == 3);
}
