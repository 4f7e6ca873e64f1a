// Folders of pictures: order, pieces, what is left out, and reading ahead.
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <set>
#include <string>
#include <vector>

#include "data/image_folder.h"
#include "data/picture_loader.h"
#include "engine/random.h"
#include "tests/data/temporary_folder.h"
#include "tests/without_rights.h"

using namespace sg;
using namespace sg::data;
using tests::error_of;
using tests::TemporaryFolder;

namespace {

/// A PNG file whose pixels tell their place: red the column, green the row, blue a mark.
std::string marked_png(std::int64_t width, std::int64_t height, std::uint8_t mark) {
  Image image{width, height, 3, {}};
  for (std::int64_t row = 0; row < height; ++row) {
    for (std::int64_t column = 0; column < width; ++column) {
      image.pixels.insert(image.pixels.end(),
                          {static_cast<std::uint8_t>(column), static_cast<std::uint8_t>(row), mark});
    }
  }
  return encode_png(image);
}

std::vector<std::uint8_t> read(const PictureSet& set, std::int64_t index, std::int64_t epoch = 0) {
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(element_count(set.sample_shape())));
  set.read(index, epoch, bytes);
  return bytes;
}

/// Column, row and mark of a piece's first pixel.
std::vector<int> corner(const PictureSet& set, std::int64_t index, std::int64_t epoch = 0) {
  const auto bytes = read(set, index, epoch);
  const std::size_t plane = bytes.size() / 3;
  return {bytes[0], bytes[plane], bytes[2 * plane]};
}

ImageFolderOptions options(std::int64_t side, Crops crops = Crops::center) {
  ImageFolderOptions all;
  all.side = side;
  all.crops = crops;
  return all;
}

}  // namespace

TEST_CASE("pictures are found below the folder in byte order of their paths", "[folder]") {
  const TemporaryFolder folder;
  for (const char* name : {"b/x.png", "b.png", "B.PNG", "a b/ü.jpeg", "a/deep/er/y.Jpg", "z.bmp"}) {
    folder.write(name, marked_png(8, 8, 1));
  }
  folder.write("notes.txt", "no picture");
  folder.write("CREDITS.md", "neither");
  CHECK(find_pictures(folder.path()).names ==
        std::vector<std::string>{"B.PNG", "a b/ü.jpeg", "a/deep/er/y.Jpg", "b.png", "b/x.png", "z.bmp"});
  CHECK(ImageFolder(find_pictures(folder.path()), options(8)).size() == 6);
}

TEST_CASE("links in circles end, and linked folders are searched once", "[folder]") {
  const TemporaryFolder folder;
  folder.write("a/x.png", marked_png(8, 8, 1));
  std::filesystem::create_directory_symlink("..", folder / "a/up");
  std::filesystem::create_directory_symlink("a", folder / "same");
  std::filesystem::create_symlink("itself.png", folder / "itself.png");
  std::filesystem::create_symlink("nowhere.png", folder / "gone.png");
  REQUIRE(::mkfifo((folder / "pipe.png").c_str(), 0600) == 0);
  const PictureList list = find_pictures(folder.path());
  CHECK(list.names == std::vector<std::string>{"a/x.png", "gone.png", "itself.png", "pipe.png"});
  const ImageFolder set(list, options(8));
  CHECK(set.size() == 1);
  CHECK(set.skipped().size() == 3);
}

TEST_CASE("a file of several names is one picture, so that none is in both sets", "[folder]") {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  folder.write("b.png", marked_png(8, 8, 1));
  folder.write("c/d.png", marked_png(8, 8, 2));
  folder.write("same bytes.png", marked_png(8, 8, 2));
  folder.write("kept elsewhere", marked_png(8, 8, 3));
  fs::create_symlink("c/d.png", folder / "a.png");
  fs::create_symlink("a.png", folder / "e.png");
  fs::create_hard_link(folder / "b.png", folder / "c/b.png");
  fs::create_hard_link(folder / "b.png", folder / "no picture.txt");
  fs::create_symlink("../kept elsewhere", folder / "c/x.png");
  fs::create_symlink("nowhere", folder / "y.png");
  fs::create_symlink("nowhere", folder / "z.png");
  const PictureList list = find_pictures(folder.path());
  CHECK(list.names == std::vector<std::string>{"a.png", "b.png", "c/x.png", "same bytes.png", "y.png", "z.png"});
  CHECK(list.problems.empty());
}

TEST_CASE("what cannot be read is left out by name, and a folder of nothing else is refused", "[folder]") {
  const TemporaryFolder folder;
  CHECK(error_of([&] { find_pictures(folder / "none"); }).find("no such folder") != std::string::npos);
  CHECK(error_of([&] { find_pictures(folder.path()); }).find("no pictures") != std::string::npos);
  const std::string png = marked_png(30, 30, 1);
  folder.write("empty.png", "");
  folder.write("text.jpg", "this is a text");
  folder.write("half.png", png.substr(0, png.size() / 2));
  folder.write("photo.heic", "not read here");
  const std::string message = error_of([&] { ImageFolder(find_pictures(folder.path()), options(8)); });
  CHECK(message.find("none of the 4 pictures can be read; the first: empty.png: the file is empty") !=
        std::string::npos);
  folder.write("good.png", png);
  const ImageFolder set(find_pictures(folder.path()), options(8));
  CHECK(set.picture_count() == 1);
  std::vector<std::string> names;
  for (const SkippedPicture& skipped : set.skipped()) names.push_back(skipped.name);
  CHECK(names == std::vector<std::string>{"empty.png", "half.png", "photo.heic", "text.jpg"});
}

TEST_CASE("folders that cannot be searched are named, and one that cannot be searched itself is refused", "[folder]") {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  tests::open_to_all(folder.path());
  folder.write("a.png", marked_png(8, 8, 1));
  folder.write("more/closed/b.png", marked_png(8, 8, 1));
  folder.write("unentered/c.png", marked_png(8, 8, 1));
  fs::permissions(folder / "more/closed", fs::perms::none);
  fs::permissions(folder / "unentered", fs::perms::owner_read | fs::perms::others_read);
  {
    const tests::WithoutRights nobody;
    const PictureList list = find_pictures(folder.path());
    CHECK(list.names == std::vector<std::string>{"a.png"});
    REQUIRE(list.problems.size() == 2);
    CHECK(list.problems[0].name == "more/closed/");
    CHECK(list.problems[0].reason == "Permission denied");
    CHECK(list.problems[1].name == "unentered/");
    CHECK(list.problems[1].is_folder());
    CHECK(error_of([&] { find_pictures(folder / "more"); }).ends_with("more/closed/: Permission denied"));
    CHECK(error_of([&] { find_pictures(folder / "more/closed"); }).ends_with("more/closed: Permission denied"));
  }
  fs::permissions(folder / "more/closed", fs::perms::owner_all);
  fs::permissions(folder / "unentered", fs::perms::owner_all);
}

TEST_CASE("a split is one of readable pictures if the others are taken out before", "[folder]") {
  const TemporaryFolder folder;
  folder.write("a.png", marked_png(8, 8, 1).substr(0, 60));
  folder.write("b.png", marked_png(8, 8, 2));
  folder.write("c.jpg", "text");
  folder.write("d.png", marked_png(9, 8, 3));
  const ReadablePictures readable = readable_pictures(find_pictures(folder.path()));
  CHECK(readable.list.names == std::vector<std::string>{"b.png", "d.png"});
  REQUIRE(readable.skipped.size() == 2);
  CHECK(readable.skipped[0].name == "a.png");
  CHECK(readable.skipped[1].name == "c.jpg");
  for (int seed = 0; seed < 5; ++seed) {
    const PictureSplit split = split_pictures(readable.list, 0.1, static_cast<std::uint64_t>(seed));
    CHECK(ImageFolder(split.train, options(8)).size() == 1);
    CHECK(ImageFolder(split.test, options(8)).size() == 1);
  }
}

TEST_CASE("a picture that is damaged later is replaced by the next whole one", "[folder]") {
  const TemporaryFolder folder;
  for (const char* name : {"0.png", "1.png", "2.png"}) {
    folder.write(name, marked_png(3000, 3000, static_cast<std::uint8_t>(name[0])));  // over 64 MB unpacked
  }
  const ImageFolder set(find_pictures(folder.path()), options(8));
  REQUIRE(set.size() == 3);
  folder.write("2.png", marked_png(3000, 3000, 1).substr(0, 500));
  CHECK(corner(set, 2)[2] == '0');
  CHECK(corner(set, 2)[2] == '0');
  REQUIRE(set.skipped().size() == 1);
  CHECK(set.skipped()[0].name == "2.png");
}

TEST_CASE("pieces lie where the way of cropping says", "[folder]") {
  const TemporaryFolder folder;
  folder.write("a.png", marked_png(21, 10, 7));
  const PictureList list = find_pictures(folder.path());
  CHECK(corner(ImageFolder(list, options(8, Crops::center)), 0) == std::vector<int>{6, 1, 7});

  const ImageFolder tiles(list, options(4, Crops::tile));
  REQUIRE(tiles.size() == 10);
  CHECK(corner(tiles, 0) == std::vector<int>{0, 1, 7});
  CHECK(corner(tiles, 9) == std::vector<int>{16, 5, 7});

  const ImageFolder random(list, options(8, Crops::random));
  std::set<std::vector<int>> places;
  for (int epoch = 0; epoch < 1000; ++epoch) {
    const auto place = corner(random, 0, epoch);
    CHECK((place[0] <= 13 && place[1] <= 2));
    places.insert(place);
  }
  CHECK(places.size() == 14 * 3);
  CHECK(corner(random, 0, 5) == corner(ImageFolder(list, options(8, Crops::random)), 0, 5));

  folder.write("a.png", marked_png(8, 8, 7));
  CHECK(corner(ImageFolder(list, options(8, Crops::random)), 0, 3) == std::vector<int>{0, 0, 7});
}

TEST_CASE("flips change left and right for half of the samples", "[folder]") {
  const TemporaryFolder folder;
  folder.write("a.png", marked_png(8, 8, 7));
  ImageFolderOptions flips = options(8);
  flips.flips = true;
  const ImageFolder set(find_pictures(folder.path()), flips);
  int flipped = 0;
  for (int epoch = 0; epoch < 200; ++epoch) {
    const int first = corner(set, 0, epoch)[0];
    CHECK((first == 0 || first == 7));
    flipped += first == 7;
  }
  CHECK((flipped > 60 && flipped < 140));
}

TEST_CASE("smaller pictures are enlarged until their shorter side fits", "[folder]") {
  const TemporaryFolder folder;
  folder.write("small.png", marked_png(10, 5, 7));
  folder.write("sliver.png", marked_png(1, 200, 7));
  for (const Crops crops : {Crops::random, Crops::center, Crops::tile}) {
    const ImageFolder set(find_pictures(folder.path()), options(16, crops));
    REQUIRE(set.size() == 2);
    CHECK(corner(set, 0)[2] == 7);
    CHECK(corner(set, 1)[2] == 7);
  }
}

TEST_CASE("slivers count as much as they have when they are enlarged", "[folder]") {
  const TemporaryFolder folder;
  const std::string sliver = "P5 256 4 255 " + std::string(1024, 'x');
  for (int i = 10; i < 40; ++i) {
    folder.write(fmt::format("{}.pgm", i), i == 30 ? sliver.substr(0, 1000) : sliver);
  }
  ImageFolderOptions grey = options(256);
  grey.channels = 1;
  // Each is enlarged to 256 x 16384, of which 16 fit into 64 MB: the twenty-first is not looked into early.
  const ImageFolder set(find_pictures(folder.path()), grey);
  CHECK(set.skipped().empty());
  CHECK(set.picture_count() == 30);
  CHECK(read(set, 20) == read(set, 21));
  REQUIRE(set.skipped().size() == 1);
  CHECK(set.skipped()[0].name == "30.pgm");
}

TEST_CASE("grey pieces have one channel", "[folder]") {
  const TemporaryFolder folder;
  folder.write("a.png", encode_png({4, 4, 3, std::vector<std::uint8_t>(48, 100)}));
  ImageFolderOptions grey = options(4);
  grey.channels = 1;
  const ImageFolder set(find_pictures(folder.path()), grey);
  CHECK(set.sample_shape() == Shape{1, 4, 4});
  CHECK(read(set, 0) == std::vector<std::uint8_t>(16, 100));
}

TEST_CASE("whole pictures of any size and shape are one piece each, resized", "[folder]") {
  const TemporaryFolder folder;
  folder.write("exact.png", marked_png(8, 8, 3));
  folder.write("large.png", marked_png(100, 50, 4));
  folder.write("small.png", marked_png(2, 5, 5));
  const ImageFolder set(find_pictures(folder.path()), options(8, Crops::whole));
  REQUIRE(set.size() == 3);
  const std::vector<std::string> names{"exact.png", "large.png", "small.png"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Image resized = resize(read_image(folder / names[i], 3), 8, 8);
    const auto bytes = read(set, static_cast<std::int64_t>(i));
    for (std::size_t pixel = 0; pixel < 64; ++pixel) {
      for (std::size_t c = 0; c < 3; ++c) CHECK(bytes[c * 64 + pixel] == resized.pixels[pixel * 3 + c]);
    }
  }
}

TEST_CASE("pictures in memory are a list whose pieces are those of the same pictures in files", "[folder]") {
  const TemporaryFolder folder;
  std::vector<std::uint8_t> bytes;
  for (std::uint8_t i = 0; i < 3; ++i) {
    Image grey{6, 5, 1, {}};
    for (std::uint8_t pixel = 0; pixel < 30; ++pixel) grey.pixels.push_back(static_cast<std::uint8_t>(7 * pixel + i));
    bytes.insert(bytes.end(), grey.pixels.begin(), grey.pixels.end());
    folder.write(fmt::format("{}.png", i), encode_png(grey));
  }
  const PictureList files = find_pictures(folder.path()), memory = pictures_in_memory({{1, 5, 6}, bytes});
  CHECK(memory.names == std::vector<std::string>{"0", "1", "2"});
  CHECK(size_of_listed(memory, "1").width == 6);
  CHECK(size_of_listed(memory, "1").height == 5);
  for (const std::int64_t side : {4, 5, 12}) {
    for (const Crops crops : {Crops::random, Crops::center, Crops::tile, Crops::whole}) {
      ImageFolderOptions pieces = options(side, crops);
      pieces.flips = true;
      const ImageFolder of_files(files, pieces), of_memory(memory, pieces);
      REQUIRE(of_memory.size() == of_files.size());
      for (std::int64_t i = 0; i < of_files.size(); ++i) CHECK(read(of_memory, i, 2) == read(of_files, i, 2));
    }
  }
  CHECK(error_of([] {
          pictures_in_memory({{2, 1, 1}, {1, 2}});
        }).find("needs [1, H, W] or [3, H, W]") != std::string::npos);
}

TEST_CASE("another set of pictures has another checksum, and the same one in another place has the same", "[folder]") {
  const TemporaryFolder first, second;
  for (const TemporaryFolder* folder : {&first, &second}) {
    folder->write("a.png", marked_png(8, 8, 1));
    folder->write("b.png", marked_png(9, 8, 2));
  }
  const auto checksum = [](const TemporaryFolder& folder) {
    return ImageFolder(find_pictures(folder.path()), options(4)).checksum(0);
  };
  const std::uint32_t before = checksum(first);
  CHECK(checksum(second) == before);
  ImageFolder limited(find_pictures(first.path()), options(4));
  limited.limit(1);
  CHECK(limited.checksum(0) == before);
  CHECK(limited.checksum(1) != before);
  second.write("b.png", marked_png(8, 9, 2));
  CHECK(checksum(second) != before);
  second.write("b.png", marked_png(9, 8, 2) + " ");
  CHECK(checksum(second) != before);
  second.write("b.png", marked_png(9, 8, 2));
  std::filesystem::rename(second / "b.png", second / "c.png");
  CHECK(checksum(second) != before);
  std::filesystem::rename(second / "c.png", second / "b.png");
  CHECK(checksum(second) == before);
  second.write("c.png", marked_png(9, 8, 2));
  CHECK(checksum(second) != before);

  MemoryPictures memory({1, 1, 2}, {1, 2, 3, 4});
  CHECK(memory.checksum(0) != MemoryPictures({1, 1, 2}, {1, 2, 3, 5}).checksum(0));
  CHECK(memory.checksum(0) == memory.PictureSet::checksum(0));
  const std::uint32_t four = memory.checksum(0);
  memory.limit(1);
  CHECK(memory.checksum(0) != four);
}

TEST_CASE("a split takes whole pictures, each into one part", "[folder]") {
  PictureList list;
  for (int i = 0; i < 20; ++i) list.names.push_back(std::to_string(100 + i));
  const PictureSplit split = split_pictures(list, 0.1, 3);
  CHECK(split.test.names.size() == 2);
  CHECK(split.train.names.size() == 18);
  CHECK(std::is_sorted(split.train.names.begin(), split.train.names.end()));
  std::set<std::string> all(split.train.names.begin(), split.train.names.end());
  all.insert(split.test.names.begin(), split.test.names.end());
  CHECK(all.size() == 20);
  CHECK(split_pictures(list, 0.1, 3).test.names == split.test.names);
  CHECK(split_pictures(list, 0, 3).test.names.empty());
  CHECK(split_pictures(list, 0.01, 3).test.names.size() == 1);
  CHECK(split_pictures({{"one"}, {}, {}}, 0.5, 3).train.names.size() == 1);
  CHECK_THROWS_AS(split_pictures(list, 1, 3), Error);
}

TEST_CASE("the embedded photographs are a set", "[folder][embedded]") {
  const ImageFolder set(embedded_photographs(), options(64, Crops::tile));
  CHECK(set.picture_count() == 10);
  CHECK(set.size() > 500);
  CHECK(set.skipped().empty());
}

TEST_CASE("a loader gives the same batches for any number of threads and from any position", "[loader]") {
  const TemporaryFolder folder;
  for (int i = 0; i < 7; ++i) {
    folder.write(fmt::format("{}.png", i), marked_png(12 + i, 11, static_cast<std::uint8_t>(i)));
  }
  ImageFolderOptions random = options(8, Crops::random);
  random.flips = true;
  const ImageFolder set(find_pictures(folder.path()), random);
  std::vector<std::vector<std::vector<float>>> runs;
  for (const int threads : {0, 1, 2, 5}) {
    PictureLoader loader(set, BatchOrder(set.size(), 3, 4, true), f32, threads);
    auto& run = runs.emplace_back();
    for (int step = 0; step < 8; ++step) {
      const PictureBatch batch = loader.next();
      CHECK(batch.pictures.shape(0) == static_cast<std::int64_t>(batch.samples.size()));
      CHECK(batch.ends_epoch == (step % 3 == 2));
      run.push_back(batch.pictures.to_vector<float>());
    }
    CHECK(loader.position() == BatchPosition{2, 2});
  }
  for (const auto& run : runs) CHECK(run == runs.front());
  BatchOrder order(set.size(), 3, 4, true);
  order.seek(5);
  PictureLoader resumed(set, order);
  CHECK(resumed.next().pictures.to_vector<float>() == runs.front()[5]);
}

TEST_CASE("a loader hands on what reading throws, and ends with batches unread", "[loader]") {
  struct Broken : PictureSet {
    Shape shape{1, 1, 1};
    std::int64_t size() const override { return 10; }
    const Shape& sample_shape() const override { return shape; }
    void read(std::int64_t index, std::int64_t, std::span<std::uint8_t>) const override {
      if (index == 5) fail("picture 5 is broken");
    }
  };
  const Broken set;
  PictureLoader loader(set, BatchOrder(10, 3, 1, false));
  CHECK(loader.next().samples.size() == 3);
  CHECK(error_of([&] { loader.next(); }) == "picture 5 is broken");
}
