// Picture data: lists of folders and IDX files, and what is told of pictures that are left out.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "apps/common/numbered_name.h"
#include "apps/common/picture_data.h"
#include "tests/apps/picture_files.h"
#include "tests/without_rights.h"

using namespace sg;
using namespace sg::tests;

TEST_CASE("a folder of images is split by the fraction, and IDX files bring their own test pictures") {
  const TemporaryFolder folder;
  const std::string images = image_folder(folder, "images", 10), idx = idx_folder(folder, "idx", 4, 3, 5);
  const apps::PictureLists split = apps::list_pictures(images, "", 0.2, 1);
  CHECK(split.train.names.size() == 8);
  CHECK(split.test.names.size() == 2);
  CHECK(split.found == 10);
  CHECK(apps::list_pictures(images, "", 0.2, 1).test.names == split.test.names);
  CHECK(apps::list_pictures(images, "", 0, 1).test.names.empty());

  const apps::PictureLists digits = apps::list_pictures(idx, "", 0.2, 1);
  CHECK(digits.train.names.size() == 4);
  CHECK(digits.test.names.size() == 3);
  CHECK(digits.found == 7);
  CHECK(data::read_listed(digits.test, "2", 1).pixels == waves(5, 5, 1, 2).pixels);
  CHECK(apps::list_pictures(idx, "", 0, 1).test.names.empty());

  const apps::PictureLists both = apps::list_pictures(images, idx, 0.2, 1);
  CHECK(both.train.names.size() == 10);
  CHECK(both.test.names.size() == 3);
  CHECK(apps::list_pictures(idx, images, 0.2, 1).test.names.size() == 10);

  folder.write("nothing/notes.txt", "");
  const std::string refusal = error_of([&] { apps::list_pictures((folder / "nothing").string(), "", 0.2, 1); });
  CHECK(refusal.starts_with("--data: "));
  CHECK(refusal.find("no pictures") != std::string::npos);
  CHECK(refusal.find("train-images-idx3-ubyte") != std::string::npos);
}

TEST_CASE("sets of pictures hold to the limits, and a single picture is its own test") {
  const TemporaryFolder folder;
  apps::Options options;
  options.data = image_folder(folder, "images", 10);
  const data::ImageFolderOptions whole{.side = 8, .channels = 1, .crops = data::Crops::whole};
  CHECK(apps::read_picture_sets(options, whole, 0.1).train->size() == 9);
  CHECK(apps::read_picture_sets(options, whole, 0.1).test->size() == 1);
  options.limit_train = 4;
  CHECK(apps::read_picture_sets(options, whole, 0.3).train->size() == 4);
  CHECK(apps::read_picture_sets(options, whole, 0.3).test->size() == 3);
  options.limit_test = 2;
  CHECK(apps::read_picture_sets(options, whole, 0.3).test->size() == 2);
  options = {};
  options.data = image_folder(folder, "single", 1);
  const apps::PictureSets single = apps::read_picture_sets(options, whole, 0.1);
  CHECK(single.train->size() == 1);
  CHECK(single.test->size() == 1);
  CHECK(single.train->sample_shape() == Shape{1, 8, 8});
  options.data = idx_folder(folder, "idx", 4, 3, 5);
  const apps::PictureSets digits = apps::read_picture_sets(options, whole, 0.1);
  CHECK(digits.digits);
  CHECK(digits.train->size() == 4);
  CHECK(digits.test->size() == 3);
  CHECK(digits.test->sample_shape() == Shape{1, 5, 5});
}

TEST_CASE("pictures and folders that are left out are told in one printable line") {
  const TemporaryFolder folder;
  const std::string images = image_folder(folder, "images", 2);
  folder.write("images/evil\x1b[31m\n.png", "no picture");
  folder.write("images/closed/c.png", "");
  open_to_all(folder.path());
  std::filesystem::permissions(folder / "images/closed", std::filesystem::perms::none);
  apps::PictureLists lists;
  {
    const WithoutRights nobody;
    lists = apps::list_pictures(images, "", 0.1, 0);
  }
  std::filesystem::permissions(folder / "images/closed", std::filesystem::perms::owner_all);
  CHECK(apps::describe_skipped(lists.skipped, lists.found) ==
        "1 of 3 pictures cannot be read and is left out: evil [31m .png (not a JPEG, PNG, BMP, GIF, TGA, PBM, PGM or "
        "PPM picture); 1 folder cannot be searched and is left out: closed/ (Permission denied)");
  CHECK(apps::count_skipped(lists.skipped) == " (1 unreadable picture and 1 folder left out)");
  CHECK(apps::skipped_to_json(lists.skipped).at(0).at("name") == "closed/");
  CHECK(apps::skipped_to_json(lists.skipped).at(0).at("reason") == "Permission denied");
  CHECK(apps::count_skipped({}).empty());
  CHECK(apps::count_skipped({{"a", ""}, {"b", ""}}) == " (2 unreadable pictures left out)");
  CHECK(apps::describe_skipped({{"a/", "why"}, {"b/", "why"}}, 1) ==
        "2 folders cannot be searched and are left out: a/ (why), b/ (why)");
  std::vector<data::SkippedPicture> many(23, {"x.png", "why"});
  CHECK(apps::describe_skipped(many, 30).ends_with("x.png (why), and 3 more"));
}

TEST_CASE("a result's name has its picture's number and as much of its name as a file name can hold") {
  CHECK(apps::numbered_name(3, "folder/name.jpg", ".png") == "003-name.png");
  const std::string name = apps::numbered_name(12, std::string(250, 'n') + ".png", ".safetensors");
  CHECK(name == "012-" + std::string(180, 'n') + ".safetensors");
  std::string umlauts = "x";
  for (int i = 0; i < 120; ++i) umlauts += "\xc3\xa4";
  CHECK(apps::numbered_name(1, umlauts, ".png").size() == 4 + 179 + 4);  // no half of a character
}

TEST_CASE("the pictures of a run within the data's folder are not data, but a run's own folder may be asked for") {
  const TemporaryFolder folder;
  const std::string images = image_folder(folder, "images", 3);
  image_folder(folder, "images/run/seed0", 2);
  folder.write("images/run/config.json", R"({"app": "mnist_denoise", "version": "1", "out": "run"})");
  image_folder(folder, "images/other", 4);
  folder.write("images/other/config.json", R"({"camera": "a user's own"})");
  CHECK(apps::list_pictures(images, "", 0, 1).train.names.size() == 7);
  CHECK(apps::list_pictures((folder / "images/run").string(), "", 0, 1).train.names.size() == 2);
}
