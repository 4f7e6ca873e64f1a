// Safetensors: round trips, the formats that are read, and files that lie.
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "nn/json.h"
#include "nn/safetensors.h"

using namespace sg;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A folder of its own that goes away.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("sobograd-safetensors-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string length_of(std::uint64_t length) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes;
}

std::string file_of(const std::string& header, std::size_t data_bytes) {
  return length_of(header.size()) + header + std::string(data_bytes, '\1');
}

}  // namespace

TEST_CASE("what is written is read back to the bit, names, order, shapes and metadata too") {
  const Folder folder;
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> singles{1.5f, -0.0f, inf, nan, 1e-45f, -3e38f};
  const std::vector<double> doubles{1.0 / 3, 1e300};
  const std::vector<std::int64_t> wholes{-1, std::numeric_limits<std::int64_t>::max()};
  const nn::NamedTensors tensors{{"z.weight", tensor(std::span<const float>(singles), {2, 3})},
                                 {"a \"quoted\" \\ name \n \u00e9", tensor(std::span<const double>(doubles), {2}, f64)},
                                 {"count", tensor(std::span<const std::int64_t>(wholes), {1, 2, 1})},
                                 {"scalar", scalar(4)},
                                 {"empty", zeros({0, 3})}};
  const std::map<std::string, std::string> metadata{{"format", "pt"}, {"note", "tab\tand \"quotes\" \x01"}};
  nn::save_safetensors(folder / "a.safetensors", tensors, metadata);
  CHECK(folder.files() == 1);
  const auto file = nn::load_safetensors(folder / "a.safetensors");
  CHECK(file.metadata == metadata);
  REQUIRE(file.tensors.size() == tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    CHECK(file.tensors[i].first == tensors[i].first);
    CHECK(file.tensors[i].second.shape() == tensors[i].second.shape());
    CHECK(file.tensors[i].second.dtype() == tensors[i].second.dtype());
  }
  CHECK(std::memcmp(file.tensors[0].second.data<float>(), singles.data(), 24) == 0);
  CHECK(file.tensors[1].second.to_vector<double>() == doubles);
  CHECK(file.tensors[2].second.to_vector<std::int64_t>() == wholes);
  CHECK(file.tensors[3].second.item() == 4);
  CHECK(nn::load_safetensors(folder / "a.safetensors").tensors.size() == 5);
}

TEST_CASE("views and tensors not yet computed are written as their values") {
  const Folder folder;
  const Tensor x = reshape(linspace(0, 5, 6), {2, 3});
  nn::save_safetensors(folder / "a", {{"x", transpose(x) * 2}, {"y", transpose(x)}});
  const auto file = nn::load_safetensors(folder / "a");
  CHECK(file.tensors[0].second.to_vector<double>() == std::vector<double>{0, 6, 2, 8, 4, 10});
  CHECK(file.tensors[1].second.to_vector<double>() == std::vector<double>{0, 3, 1, 4, 2, 5});
}

TEST_CASE("half floats become f32 and small integers i64, exactly") {
  const Folder folder;
  const std::string header =
      R"({"h":{"dtype":"F16","shape":[6],"data_offsets":[0,12]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[12,16]},)"
      R"("i":{"dtype":"I32","shape":[1],"data_offsets":[16,20]},"u":{"dtype":"U8","shape":[2],"data_offsets":[20,22]}})";
  const std::uint16_t halves[6] = {0x3C00, 0xC000, 0x0001, 0x8000, 0x7C00, 0x03FF}, bfloats[2] = {0x3F80, 0xC2F7};
  const std::int32_t whole = -7;
  std::string data(22, '\0');
  std::memcpy(data.data(), halves, 12);
  std::memcpy(data.data() + 12, bfloats, 4);
  std::memcpy(data.data() + 16, &whole, 4);
  data[20] = '\xff';
  data[21] = '\2';
  write(folder / "a", length_of(header.size()) + header + data);
  const auto file = nn::load_safetensors(folder / "a");
  CHECK(file.tensors[0].second.to_vector<double>() ==
        std::vector<double>{1, -2, 0x1p-24, -0.0, std::numeric_limits<double>::infinity(), 1023 * 0x1p-24});
  CHECK(file.tensors[1].second.to_vector<double>() == std::vector<double>{1, -123.5});
  CHECK(file.tensors[2].second.item() == -7);
  CHECK(file.tensors[3].second.to_vector<std::int64_t>() == std::vector<std::int64_t>{255, 2});
}

TEST_CASE("a truth value is 1 for every byte but 0") {
  const Folder folder;
  const std::string header = R"({"b":{"dtype":"BOOL","shape":[4],"data_offsets":[0,4]}})";
  write(folder / "a", length_of(header.size()) + header + std::string("\0\1\2\xff", 4));
  CHECK(nn::load_safetensors(folder / "a").tensors[0].second.to_vector<std::int64_t>() ==
        std::vector<std::int64_t>{0, 1, 1, 1});
}

TEST_CASE("files that lie are one clear error each") {
  const Folder folder;
  const auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  struct Case {
    std::string bytes, message;
  };
  const std::vector<Case> cases{
      {"", "not a safetensors file: 0 bytes"},
      {"1234567", "7 bytes"},
      {length_of(~0ull) + "{}", "a header of 18446744073709551615 bytes"},
      {length_of(3) + "{}", "a header of 3 bytes"},
      {std::string("\0\0\0\0\0\0\0\2{}", 10), "a header of 144115188075855872 bytes"},  // big-endian
      {length_of(0), "bad JSON"},
      {file_of("[]", 0), "no object"},
      {file_of("{} x", 0), "expected end of input"},
      {file_of("{\"a\"", 0), "bad JSON"},
      {file_of("{\"a\":{}}", 0), "needs dtype, shape and two data_offsets"},
      {file_of("{\"a\":3}", 0), "needs dtype, shape and two data_offsets"},
      {file_of(entry("F32", "[1]", "[0]"), 4), "two data_offsets"},
      {file_of(entry("F32", "[1]", "[0,4,4]"), 4), "two data_offsets"},
      {file_of(entry("F8", "[4]", "[0,4]"), 4), "\"F8\", which is not supported"},
      {file_of(entry("F32", "[-1]", "[0,4]"), 4), "not a list of extents"},
      {file_of(entry("F32", "[1.5]", "[0,4]"), 4), "not a list of extents"},
      {file_of(entry("F32", "[1e3]", "[0,4]"), 4), "not a list of extents"},
      {file_of(entry("F32", "[99999999999999999999]", "[0,4]"), 4), "not a list of extents"},
      {file_of(entry("F32", "[1]", "[0,8]"), 4), "do not lie within the 4 bytes"},
      {file_of(entry("F32", "[1]", "[4,0]"), 4), "do not lie within the 4 bytes"},
      {file_of(entry("F32", "[1]", "[-4,0]"), 4), "do not lie within the 4 bytes"},
      {file_of(entry("F32", "[2]", "[0,4]"), 4), "4 bytes, which is not F32 of shape [2]"},
      {file_of(entry("F64", "[1]", "[0,4]"), 4), "4 bytes, which is not F64 of shape [1]"},
      {file_of(entry("F32", "[4611686018427387904,4]", "[0,0]"), 0), "which is not F32"},
      {file_of(entry("F32", "[4294967296,4294967296,1]", "[0,0]"), 0), "which is not F32"},
      {file_of(entry("F32", "[9223372036854775807]", "[0,0]"), 0), "which is not F32"},
      {file_of(entry("F32", "[1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,4]"), 4), "13 axes"},
      {file_of(entry("F32", "[1]", "[4,8]"), 8), "4 bytes before \"a\" belong to no tensor"},
      {file_of(entry("F32", "[1]", "[0,4]"), 8), "the last 4 bytes belong to no tensor"},
      {file_of(
           R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
           8),
       "overlap"},
      {file_of(
           R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
           8),
       "\"a\" comes twice"},
      {file_of(R"({"__metadata__":3})", 0), "the metadata is no object"},
      {file_of(R"({"__metadata__":{"k":3}})", 0), "the metadata's \"k\" is no text"},
      {file_of("{\"\xff\":1}", 0), "ill-formed UTF-8"},
      {file_of(std::string(100000, '['), 0), "nested more than 16 deep"},
      {file_of(std::string("{\0}", 3), 0), "bad JSON"},
  };
  for (const Case& c : cases) {
    write(folder / "bad", c.bytes);
    INFO(c.message);
    CHECK_THROWS_WITH(nn::load_safetensors(folder / "bad"), ContainsSubstring("bad: ") && ContainsSubstring(c.message));
  }
}

TEST_CASE("every truncation and every flipped byte of a small file is read or refused, never worse") {
  const Folder folder;
  nn::save_safetensors(folder / "good", {{"a", linspace(0, 1, 3)}, {"b", arange(2)}}, {{"k", "v"}});
  std::ifstream stream(folder / "good", std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  for (std::size_t length = 0; length < good.size(); ++length) {
    write(folder / "bad", good.substr(0, length));
    CHECK_THROWS_AS(nn::load_safetensors(folder / "bad"), Error);
  }
  for (std::size_t place = 0; place < good.size(); ++place) {
    for (const char change : {'\1', '\x80', '\x22'}) {
      std::string bad = good;
      bad[place] = static_cast<char>(bad[place] ^ change);
      write(folder / "bad", bad);
      try {
        nn::load_safetensors(folder / "bad");
      } catch (const Error&) {
        // Either is right, depending on the byte.
      }
    }
  }
}

TEST_CASE("what is no file, cannot be read or cannot be written is an error, and leaves nothing behind") {
  const Folder folder;
  CHECK_THROWS_WITH(nn::load_safetensors(folder / "none"), ContainsSubstring("none: cannot open: No such file"));
  CHECK_THROWS_WITH(nn::load_safetensors(folder.path()), ContainsSubstring("not a file"));
  CHECK_THROWS_WITH(nn::load_safetensors("/dev/zero"), ContainsSubstring("not a file"));
  CHECK_THROWS_WITH(nn::save_safetensors(folder / "no" / "file", {}), ContainsSubstring("cannot write: No such file"));
  std::filesystem::create_directory(folder / "folder");
  CHECK_THROWS_WITH(nn::save_safetensors(folder / "folder", {{"a", ones({2})}}), ContainsSubstring("cannot write"));
  CHECK_THROWS_WITH(nn::save_safetensors(folder / "twice", {{"a", ones({2})}, {"a", ones({2})}}),
                    ContainsSubstring("comes twice"));
  CHECK_THROWS_WITH(nn::save_safetensors(folder / "reserved", {{"__metadata__", ones({2})}}),
                    ContainsSubstring("comes twice"));
  CHECK(folder.files() == 1);
  if (std::filesystem::exists("/dev/full")) CHECK_THROWS_AS(nn::load_safetensors("/dev/full"), Error);
}

TEST_CASE("JSON is read strictly") {
  const auto value = nn::parse_json(R"( {"a":[1,-2.5e1,true,false,null,"\u00e9\ud83d\ude00\n"],"b":{}} )", "test");
  CHECK(value ==
        nlohmann::json{{"a", {1, -25.0, true, false, nullptr, "\u00e9\U0001F600\n"}}, {"b", nlohmann::json::object()}});
  for (const char* bad : {"",
                          " ",
                          "{",
                          "[1,]",
                          "{\"a\":1,}",
                          "{a:1}",
                          "01",
                          "1.",
                          ".5",
                          "+1",
                          "1e",
                          "--1",
                          "nul",
                          "tru",
                          "'a'",
                          "\"a",
                          "\"\\x\"",
                          "\"\\ud800\"",
                          "\"\\ud800\\u0041\"",
                          "\"\\udc00\"",
                          "\"\t\"",
                          "[1 2]",
                          "{\"a\" 1}",
                          "1 1",
                          "\"\xc0\x80\"",
                          "\"\xed\xa0\x80\"",
                          "\"\xf5\x80\x80\x80\"",
                          "\"\xe2\x82\"",
                          "1e999",
                          "NaN",
                          "{\"a\":1,\"a\":2}",
                          "[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]",
                          "Infinity",
                          "-"}) {
    INFO(bad);
    CHECK_THROWS_AS(nn::parse_json(bad, "test"), Error);
  }
}

TEST_CASE(
    "16 bits: every number is written as it is read, and what lies between two goes to the nearest, ties to even") {
  const Folder folder;
  for (const nn::Storage form : {nn::Storage::f16, nn::Storage::bf16}) {
    const char* const name = form == nn::Storage::f16 ? "F16" : "BF16";
    INFO(name);
    // All bit patterns but NaNs, in ascending order of their values.
    const int infinity = form == nn::Storage::f16 ? 0x7C00 : 0x7F80;
    std::vector<std::uint16_t> bits;
    for (int i = infinity; i > 0; --i) bits.push_back(static_cast<std::uint16_t>(0x8000 | i));
    for (int i = 0; i <= infinity; ++i) bits.push_back(static_cast<std::uint16_t>(i));
    const std::string header = fmt::format(R"({{"x":{{"dtype":"{}","shape":[{}],"data_offsets":[0,{}]}}}})", name,
                                           bits.size(), 2 * bits.size());
    const auto length = static_cast<std::uint64_t>(header.size());
    std::string file(reinterpret_cast<const char*>(&length), 8);
    file += header;
    file.append(reinterpret_cast<const char*>(bits.data()), 2 * bits.size());
    const auto read = [&](const std::string& bytes) {
      return nn::parse_safetensors(std::as_bytes(std::span(bytes)), "memory").tensors[0].second;
    };
    const Tensor numbers = read(file);
    const auto stored = [&](const Tensor& x) {
      const auto path = folder / "x.safetensors";
      nn::save_safetensors(path, {{"x", x}}, {}, {}, [form](const std::string&, const Tensor&) { return form; });
      std::ifstream stream(path, std::ios::binary);
      const std::string whole{std::istreambuf_iterator<char>(stream), {}};
      std::vector<std::uint16_t> result(static_cast<std::size_t>(x.size()));
      std::memcpy(result.data(), whole.data() + whole.size() - 2 * result.size(), 2 * result.size());
      return result;
    };
    CHECK(stored(numbers) == bits);
    CHECK(stored(cast(numbers, f64)) == bits);
    // Midpoints of finite neighbours, which f32 holds, and what lies a little to their sides.
    const auto values = numbers.to_vector<double>();
    std::vector<float> points;
    std::vector<std::uint16_t> wanted;
    for (std::size_t i = 1; i + 2 < bits.size(); ++i) {
      const auto middle = static_cast<float>((values[i] + values[i + 1]) / 2);
      if (values[i] == values[i + 1]) continue;  // the two zeros
      const std::uint16_t even = bits[i] % 2 == 0 ? bits[i] : bits[i + 1];
      points.insert(points.end(), {middle, std::nextafter(middle, -INFINITY), std::nextafter(middle, INFINITY)});
      wanted.insert(wanted.end(), {even, bits[i], bits[i + 1]});
    }
    const auto got = stored(tensor(std::span<const float>(points), {static_cast<std::int64_t>(points.size())}));
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      // A negative number that rounds to zero keeps its sign.
      const bool both_zero = (got[i] & 0x7FFF) == 0 && (wanted[i] & 0x7FFF) == 0;
      wrong += got[i] != wanted[i] && !both_zero;
    }
    CHECK(wrong == 0);
    const auto special = stored(tensor({1e30, -1e30, NAN}, {3}));
    if (form == nn::Storage::f16) CHECK((special[0] == 0x7C00 && special[1] == 0xFC00));
    CHECK((special[2] & 0x7FFF) > infinity);
  }
}

TEST_CASE("integers are written in 32 bits or as bytes of 0 and 1, where they fit") {
  const Folder folder;
  const auto path = folder / "x.safetensors";
  const auto save = [&](const Tensor& x, nn::Storage form) {
    nn::save_safetensors(path, {{"x", x}}, {}, {}, [form](const std::string&, const Tensor&) { return form; });
    return nn::load_safetensors(path).tensors[0].second.to_vector<std::int64_t>();
  };
  const std::vector<std::int64_t> numbers{-2147483648, 2147483647, 0, 5}, flags{1, 0, 1};
  CHECK(save(tensor(numbers, {4}), nn::Storage::i32) == numbers);
  CHECK(save(tensor(flags, {3}), nn::Storage::boolean) == flags);
  CHECK_THROWS_WITH(save(tensor(std::vector<std::int64_t>{2147483648}, {1}), nn::Storage::i32),
                    ContainsSubstring("holds 2147483648, which is no I32"));
  CHECK_THROWS_WITH(save(tensor(numbers, {4}), nn::Storage::boolean), ContainsSubstring("which is no BOOL"));
  CHECK_THROWS_WITH(save(tensor(numbers, {4}), nn::Storage::f16), ContainsSubstring("cannot be stored as floating"));
  CHECK_THROWS_WITH(save(ones({2}), nn::Storage::i32), ContainsSubstring("cannot be stored as integers"));
  CHECK(folder.files() == 1);
}

TEST_CASE("a name that is no UTF-8 is refused instead of altered") {
  const Folder folder;
  CHECK_THROWS_WITH(nn::save_safetensors(folder / "bad", {{"a\xff", ones({1})}}), ContainsSubstring("is not UTF-8"));
  CHECK(folder.files() == 0);
}
